"""Does a policy follow words? One scene under other sentences, and eyes or ears shut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vla_gym.agents.policies.registry import NAMES
from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation.protocol import EvalResult, Wording, evaluate
from vla_gym.evaluation.records import rate
from vla_gym.evaluation.statistics import format_rate

_ABOUT = ("policy", "env_id", "split", "seeds", "env_kwargs", "versions")
WORDINGS: dict[str, Wording] = {
    "another known sentence": Wording((), 1),
    "a new sentence": Wording(("phrasings",), 2),
    "new nouns": Wording(("nouns",), 3),
    "a new sentence with new nouns": Wording(("phrasings", "nouns"), 4),
}
"""Ways to say the same thing on the same scene."""


@dataclass(frozen=True)
class LanguageUse:
    """How much a policy's success depends on words, and on which."""

    told: EvalResult
    """Under each seed's own sentence."""
    swapped: EvalResult | None
    """Asked for another thing on the same scenes; None where there is no other to ask for."""
    reworded: dict[str, EvalResult]
    """The same request in other words, on the same scenes."""
    blind: dict[str, EvalResult]
    """Without the words, without the picture; empty for policies that need neither."""

    @property
    def consistent(self) -> int:
        """Scenes on which every wording ended alike."""
        runs = [self.told, *self.reworded.values()]
        outcomes = zip(*([r.success for r in run.records] for run in runs), strict=True)
        return sum(len(set(row)) == 1 for row in outcomes)

    def rows(self) -> list[tuple[str, int, int]]:
        """Label, count and number of episodes of each figure."""
        named: list[tuple[str, EvalResult | None]] = [
            ("success", self.told), ("asked for another thing on the same scene", self.swapped),
            *((f"said in {name}", result) for name, result in self.reworded.items()),
            *((f"blind to the {name}", result) for name, result in self.blind.items()),
        ]  # fmt: skip
        rows = [(name, r.successes, r.n) for name, r in named if r is not None]
        wrong = sum(r.wrong_object for r in self.told.records)
        rows.insert(1, ("wrong object taken", wrong, self.told.n))
        rows.append(("all wordings end alike", self.consistent, self.told.n))
        return rows

    def __str__(self) -> str:
        """A table for people."""
        width = max(len(name) for name, _, _ in self.rows())
        return "\n".join(f"{name:<{width}}  {format_rate(k, n)}" for name, k, n in self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Every figure with its interval, ready for JSON."""
        summary = self.told.summary()
        kept = {k: summary[k] for k in _ABOUT}
        return {**kept, "language_use": {name: rate(k, n) for name, k, n in self.rows()}}


def language_use(
    env_id: str, policy: str, episodes: int = 100, split: str = "validation", seed: int = 0,
    num_envs: int = 16, env_kwargs: dict[str, Any] | None = None,
    on_part: Callable[[str], None] = lambda name: None,
) -> LanguageUse:  # fmt: skip
    """Measure how a policy uses language.

    Args:
        env_id: For example ``"VLAPickPlace-v0"``.
        policy: As for `evaluate`.
        episodes: Episodes of each figure, all on the same scenes.
        split: Of the seeds.
        seed: Of the first episode.
        num_envs: Worlds side by side.
        env_kwargs: Further arguments of the environment.
        on_part: Told the name of each figure before it is measured.
    """

    def run(name: str, **how: Any) -> EvalResult:
        on_part(name)
        return evaluate(
            env_id, policy, episodes, split, seed, num_envs, env_kwargs, name=policy, **how
        )

    told = run("success")
    try:
        swapped = run("another thing", swap=True)
    except InvalidConfigError:
        swapped = None
    reworded = {name: run(name, wording=wording) for name, wording in WORDINGS.items()}
    hidden = () if policy in NAMES else ("instruction", "image")
    return LanguageUse(told, swapped, reworded, {h: run(f"no {h}", blind=h) for h in hidden})
