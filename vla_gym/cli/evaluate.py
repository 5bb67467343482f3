"""``vla-gym evaluate``: measure a policy on consecutive seeds of a split."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from vla_gym.evaluation import evaluate
from vla_gym.evaluation.statistics import format_rate


@dataclass
class EvaluateConfig:
    """Measure a policy: success with its 95% Wilson interval, wrong objects, stages reached."""

    policy: str = "expert"
    """"expert", "random", or a checkpoint's path or name."""
    env: str = "VLAPickPlace-v0"
    """Environment id."""
    episodes: int = 100
    """Number of episodes; the interval narrows with its square root."""
    split: str = "validation"
    """"train", "validation" or "test". Choose on validation, test once."""
    seed: int = 0
    """Seed of the first episode; the others count up from it."""
    num_envs: int = 16
    """Worlds side by side; changes the speed, not the outcome."""
    out: Path | None = None
    """Write the result, with every episode, as JSON."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(EvaluateConfig, args=list(args), prog="vla-gym evaluate")
    result = evaluate(
        config.env,
        config.policy,
        episodes=config.episodes,
        split=config.split,
        seed=config.seed,
        num_envs=config.num_envs,
        on_progress=lambda done, won: progress(done, config.episodes, won),
    )
    print(result)
    for name, key in (("success at the end", "success_at_end"), ("wrong object", "wrong_object")):
        count = sum(getattr(r, key) for r in result.records)
        print(f"  {name}: {format_rate(count, result.n)}")
    for stage, rate in result.summary()["stages"].items():
        print(f"  reached {stage}: {format_rate(rate['count'], result.n)}")
    if config.out is not None:
        print(f"  written to {result.save(config.out)}")
    return 0


def progress(done: int, total: int, won: int) -> None:
    """One line on a terminal that counts up; silent elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(
            f"\r  {done}/{total} episodes, {won} succeeded ", end=end, file=sys.stderr, flush=True
        )
