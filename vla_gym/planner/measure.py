"""`measure`: runs planner and driver on consecutive seeds; success, refusals, time, tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vla_gym.envs.registration import make_vec
from vla_gym.envs.safety_tally import SafetyTally
from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.evaluation.records import rate
from vla_gym.evaluation.statistics import format_rate
from vla_gym.planner.episode_report import Report
from vla_gym.planner.executor import HierarchicalPolicy
from vla_gym.planner.latency import Latency

PLANNING_SCHEMA = "vla_gym/planning/1"


@dataclass(frozen=True)
class PlanRecord:
    """What happened in one episode."""

    seed: int
    instruction: str
    success: bool
    refused: bool
    """Nothing was done, because the plan was not feasible."""
    touched: bool
    answered: bool
    """Whether the planner gave a first reply in time."""
    schema_valid: bool
    """Whether the first reply kept to the schema."""
    executable: bool
    """Whether the first reply was a plan that passed every check."""
    tries: int
    replans: int
    regrounded: int
    cached: bool
    seconds: float
    """Time spent on planning [s]."""
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    steps: int
    confidence: float
    """CLIP's lowest confidence in an object of the plan; 1 if it was not asked."""
    reason: str
    """Why nothing was done, or what failed last."""


@dataclass
class PlanResult:
    """Episodes of one planner and driver."""

    planner: str
    driver: str
    env_id: str
    split: str
    records: list[PlanRecord] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    latency: dict[str, Latency] = field(default_factory=dict)
    safety: SafetyTally = field(default_factory=SafetyTally)
    settings: dict[str, Any] = field(default_factory=dict)
    wall_s: float = 0.0

    def count(self, key: str) -> int:
        """Episodes for which a field of the record is true."""
        return sum(bool(getattr(r, key)) for r in self.records)

    def __str__(self) -> str:
        """One line for people."""
        n = len(self.records)
        return (
            f"{self.planner} + {self.driver} on {self.env_id} ({self.split}): goal reached "
            f"{format_rate(self.count('success'), n)}; schema-valid "
            f"{format_rate(self.count('schema_valid'), n)}; executable "
            f"{format_rate(self.count('executable'), n)}; refused "
            f"{format_rate(self.count('refused'), n)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Summary and episodes, ready for JSON."""
        n, r = len(self.records), self.records
        keys = ("success", "answered", "schema_valid", "executable", "refused", "touched")
        out: dict[str, Any] = {
            "schema": PLANNING_SCHEMA, "planner": self.planner, "driver": self.driver,
            "env_id": self.env_id, "split": self.split, "n": n, "settings": self.settings,
            **{key: rate(self.count(key), n) for key in keys},
            "planning_s": _mean([x.seconds for x in r]),
            "prompt_tokens": _mean([x.prompt_tokens for x in r]),
            "completion_tokens": _mean([x.completion_tokens for x in r]),
            "cost_usd": sum(x.cost_usd for x in r),
            "tries": _mean([x.tries for x in r]), "replans": sum(x.replans for x in r),
            "latency": {k: v.summary() for k, v in self.latency.items()},
            "wall_s": round(self.wall_s, 1),
        }  # fmt: skip
        if self.safety.steps:
            out["safety"] = asdict(self.safety)
        return {**out, "episodes": [asdict(x) for x in r]}


def measure(
    make_policy: Callable[[Any], HierarchicalPolicy],
    env_id: str,
    episodes: int,
    split: str = "validation",
    seed: int = 0,
    num_envs: int = 16,
    env_kwargs: Mapping[str, Any] | None = None,
    names: tuple[str, str] = ("planner", "driver"),
    on_batch: Callable[[PlanResult], None] | None = None,
) -> PlanResult:
    """Run a hierarchical policy on consecutive seeds, one episode each.

    Args:
        make_policy: From the vector environment to the policy.
        env_id: For example ``"VLASequence-v0"``.
        episodes: How many episodes.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        seed: Seed of the first episode.
        num_envs: Sub-environments.
        env_kwargs: Further arguments of the environment.
        names: Of the planner and the driver, for the result.
        on_batch: Called with the result so far after each batch.

    Raises:
        InvalidConfigError: If a count is not positive.
    """
    if episodes < 1 or num_envs < 1:
        raise InvalidConfigError(
            f"episodes and num_envs must be at least 1, got {episodes} and {num_envs}."
        )
    start = time.monotonic()
    venv = make_vec(env_id, min(num_envs, episodes), split=split, **dict(env_kwargs or {}))
    policy = make_policy(venv)
    settings = {k: v if isinstance(v, (str, int, float)) else str(v)
                for k, v in dict(env_kwargs or {}).items()}  # fmt: skip
    result = PlanResult(*names, env_id, split, latency=policy.latency, settings=settings)
    try:
        listeners = [] if venv.unwrapped.guard is None else [result.safety]
        while len(result.records) < episodes:
            wanted = min(venv.num_envs, episodes - len(result.records))
            rows = run_episodes(venv, policy, seed + len(result.records), wanted, listeners)
            for row, report in zip(rows, policy.reports, strict=False):
                result.records.append(_record(row, report))
                result.reports.append(report)
            if on_batch:
                on_batch(result)
    finally:
        policy.close()
        venv.close()
    result.wall_s = time.monotonic() - start
    return result


def _record(row: Any, report: Report) -> PlanRecord:
    first = report.decisions[0]
    replies = [r for d in report.decisions for r in d.replies]
    last = report.events[-1] if report.events else ""
    return PlanRecord(
        seed=row.seed, instruction=row.instruction, success=row.success,
        refused=report.state == "refused", touched=report.touched,
        answered=first.answered,
        schema_valid=first.schema_valid, executable=first.executable,
        tries=len(replies), replans=len(report.decisions) - 1, regrounded=report.regrounded,
        cached=first.cached, seconds=sum(d.seconds for d in report.decisions),
        prompt_tokens=sum(r.prompt_tokens for r in replies),
        completion_tokens=sum(r.completion_tokens for r in replies),
        cost_usd=sum(r.cost_usd for r in replies), steps=row.steps,
        confidence=min(first.confidence.values(), default=1.0),
        reason=last if not row.success else "",
    )  # fmt: skip


def _mean(values: list[float] | list[int]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0
