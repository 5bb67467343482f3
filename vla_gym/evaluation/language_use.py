"""How a policy uses language: the same scenes under other instructions, and with inputs hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vla_gym.agents.policies.registry import is_checkpoint
from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation.instruction_change import Rewording
from vla_gym.evaluation.protocol import EvalResult, evaluate
from vla_gym.evaluation.records import rate
from vla_gym.evaluation.statistics import format_rate

_KEPT = ("policy", "env_id", "split", "seeds", "env_kwargs", "versions")
REWORDINGS: dict[str, Rewording] = {
    "another known sentence": Rewording((), 1),
    "a new sentence": Rewording(("phrasings",), 2),
    "new nouns": Rewording(("nouns",), 3),
    "a new sentence with new nouns": Rewording(("phrasings", "nouns"), 4),
}
"""Label -> other words for the same task on the same scene; "new" words are not in training."""


@dataclass(frozen=True)
class LanguageUse:
    """How a policy's success depends on the instruction."""

    original: EvalResult
    """With each seed's own instruction."""
    swapped: EvalResult | None
    """Asked for another object on the same scenes; None where a scene has no other."""
    reworded: dict[str, EvalResult]
    """The same tasks in other words, on the same scenes."""
    blind: dict[str, EvalResult]
    """With one input hidden; empty for policies that use neither instruction nor image."""

    @property
    def consistent(self) -> int:
        """Number of scenes with the same outcome under every wording."""
        runs = [self.original, *self.reworded.values()]
        outcomes = zip(*([r.success for r in run.records] for run in runs), strict=True)
        return sum(len(set(row)) == 1 for row in outcomes)

    def rows(self) -> list[tuple[str, int, int]]:
        """Label, count and number of episodes of each figure."""
        named: list[tuple[str, EvalResult | None]] = [
            ("success", self.original),
            ("asked for another object on the same scene", self.swapped),
            *((f"reworded: {name}", result) for name, result in self.reworded.items()),
            *((f"blind to {name}", result) for name, result in self.blind.items()),
        ]  # fmt: skip
        rows = [(name, r.successes, r.n) for name, r in named if r is not None]
        wrong = sum(r.wrong_object for r in self.original.records)
        rows.insert(1, ("wrong object grasped", wrong, self.original.n))
        rows.append(("same outcome in all wordings", self.consistent, self.original.n))
        return rows

    def __str__(self) -> str:
        """All figures with their intervals, one per line."""
        width = max(len(name) for name, _, _ in self.rows())
        return "\n".join(f"{name:<{width}}  {format_rate(k, n)}" for name, k, n in self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Every figure with its interval, in the types of JSON."""
        summary = self.original.summary()
        kept = {k: summary[k] for k in _KEPT}
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
        split: Split of the seeds.
        seed: Seed of the first episode.
        num_envs: Number of sub-environments.
        env_kwargs: Further arguments of the environment.
        on_part: Called with the name of each figure before it is measured.
    """

    def run(name: str, **options: Any) -> EvalResult:
        on_part(name)
        return evaluate(
            env_id, policy, episodes, split, seed, num_envs, env_kwargs, name=policy, **options
        )

    original = run("success")
    try:
        swapped = run("another object", swap=True)
    except InvalidConfigError:
        swapped = None
    reworded = {name: run(name, wording=wording) for name, wording in REWORDINGS.items()}
    hidden = ("instruction", "image") if is_checkpoint(policy) else ()
    return LanguageUse(original, swapped, reworded, {h: run(f"no {h}", blind=h) for h in hidden})
