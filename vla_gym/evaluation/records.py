"""Results of an evaluation: one record per episode, a summary with intervals, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation.statistics import Interval, format_rate, wilson
from vla_gym.io import to_plain, write_json

RESULT_SCHEMA = "vla_gym/evaluation/1"
"""Name and version of the JSON layout."""


@dataclass(frozen=True)
class EpisodeRecord:
    """Outcome of one episode."""

    seed: int
    """Seed of the reset; together with the id and the split it reproduces the episode."""
    instruction: str
    """The instruction that was given."""
    success: bool
    """The goal held at some step."""
    success_at_end: bool
    """The goal held at the last step."""
    steps: int
    """Length of the episode."""
    stage: int
    """Highest stage reached, 0 for none; `EvalResult.stages` names them."""
    wrong_object: bool
    """Another object than the named one was grasped."""
    episode_return: float
    """Sum of rewards."""
    task: str = ""
    """Name of the task, one of the environment's tasks."""


@dataclass(frozen=True)
class EvalResult:
    """Episodes of one policy on consecutive seeds of one split."""

    policy: str
    env_id: str
    split: str
    seed: int
    """Seed of the first episode; episode i has seed + i."""
    records: tuple[EpisodeRecord, ...]
    stages: tuple[str, ...] = ()
    """Names of the task's stages, in order."""
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    wall_s: float = 0.0
    """Time the evaluation took [s]."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the packages that the outcome depends on."""

    @property
    def n(self) -> int:
        """Number of episodes."""
        return len(self.records)

    @property
    def successes(self) -> int:
        """Episodes in which the goal held at some step."""
        return sum(r.success for r in self.records)

    @property
    def success_rate(self) -> float:
        """Share of successful episodes."""
        return self.successes / max(self.n, 1)

    @property
    def interval(self) -> Interval:
        """95% Wilson interval of the success rate."""
        return wilson(self.successes, self.n)

    @property
    def by_task(self) -> dict[str, tuple[int, int]]:
        """Successes and episodes of each task, by name; empty if there is only one task."""
        names = sorted({r.task for r in self.records})
        if len(names) < 2:
            return {}
        outcomes = {name: [r.success for r in self.records if r.task == name] for name in names}
        return {name: (sum(rows), len(rows)) for name, rows in outcomes.items()}

    def __str__(self) -> str:
        """The success rate in one line."""
        last = self.seed + max(self.n - 1, 0)
        return (
            f"{self.policy} on {self.env_id} ({self.split}, seeds {self.seed} to {last}): "
            f"success {format_rate(self.successes, self.n)}"
        )

    def summary(self) -> dict[str, Any]:
        """Everything except the episodes, in the types of JSON."""
        reached = [sum(r.stage > i for r in self.records) for i in range(len(self.stages))]
        return {
            "schema": RESULT_SCHEMA,
            "policy": self.policy,
            "env_id": self.env_id,
            "env_kwargs": to_plain(self.env_kwargs),
            "split": self.split,
            "seeds": {"first": self.seed, "last": self.seed + self.n - 1},
            "n": self.n,
            "success": rate(self.successes, self.n),
            "success_at_end": rate(sum(r.success_at_end for r in self.records), self.n),
            "wrong_object": rate(sum(r.wrong_object for r in self.records), self.n),
            "stages": {name: rate(k, self.n) for name, k in zip(self.stages, reached, strict=True)},
            "tasks": {name: rate(k, n) for name, (k, n) in self.by_task.items()},
            "mean_steps": self._mean("steps"),
            "mean_return": self._mean("episode_return"),
            "wall_s": round(self.wall_s, 2),
            "versions": dict(self.versions),
        }

    def to_dict(self) -> dict[str, Any]:
        """The summary and every episode, in the types of JSON."""
        return {**self.summary(), "episodes": [asdict(r) for r in self.records]}

    def save(self, path: str | Path) -> Path:
        """Write `to_dict` as JSON and return the path."""
        return write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> EvalResult:
        """Read what `save` wrote.

        Raises:
            InvalidConfigError: If the file is not an evaluation with episodes.
        """
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if (
            not isinstance(data, dict)
            or data.get("schema") != RESULT_SCHEMA
            or "episodes" not in data
        ):
            raise InvalidConfigError(
                f"{path} is not an evaluation with episodes ({RESULT_SCHEMA})."
            )
        return cls(
            policy=data["policy"],
            env_id=data["env_id"],
            split=data["split"],
            seed=data["seeds"]["first"],
            records=tuple(EpisodeRecord(**r) for r in data["episodes"]),
            stages=tuple(data["stages"]),
            env_kwargs=data["env_kwargs"],
            wall_s=data["wall_s"],
            versions=data["versions"],
        )

    def _mean(self, name: str) -> float | None:
        values = [float(getattr(r, name)) for r in self.records]
        return round(sum(values) / len(values), 4) if values else None


def rate(k: int, n: int) -> dict[str, float | int | None]:
    """Count, share and 95% Wilson interval, in the types of JSON."""
    low, high = wilson(k, n)
    return {
        "count": k,
        "rate": round(k / n, 6) if n else None,
        "low": round(low, 6),
        "high": round(high, 6),
        "confidence": 0.95,
    }
