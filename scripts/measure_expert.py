"""Measures the expert and random actions on every environment; docs/tasks.md shows the figures.

python scripts/measure_expert.py            # some minutes
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from vla_gym import ENV_IDS
from vla_gym.envs.novelty import AXES
from vla_gym.evaluation.protocol import evaluate
from vla_gym.io import write_json

RATES = Path(__file__).parents[1] / "docs" / "results" / "tasks-expert.json"


@dataclass
class ExpertMeasureConfig:
    """Measure the expert and random actions on test seeds, and the expert on each axis."""

    episodes: int = 200
    """Episodes of the expert and of random actions per environment."""
    novel: int = 100
    """Episodes of the expert per generalisation axis; 0 leaves them out."""
    envs: tuple[str, ...] = ENV_IDS
    """Ids to measure; the figures of the others are kept."""


def main(config: ExpertMeasureConfig) -> None:
    """Measure; the file is written after each environment."""
    rates: dict[str, Any] = {}
    if RATES.is_file():
        rates = json.loads(RATES.read_text(encoding="utf-8"))["rates"]
    for env_id in config.envs:
        row: dict[str, Any] = {}
        for policy in ("expert", "random"):
            result = evaluate(env_id, policy, config.episodes, "test", num_envs=50)
            row[policy] = [result.successes, result.n]
        for axis in AXES if config.novel else ():
            kwargs = {"novelty": (axis,)}
            result = evaluate(
                env_id, "expert", config.novel, "test", num_envs=50, env_kwargs=kwargs
            )
            row[axis] = [result.successes, result.n]
        rates[env_id] = row
        write_json(RATES, {"evaluation": "expert", "rates": rates})
        print(env_id, {k: f"{a}/{b}" for k, (a, b) in row.items()}, flush=True)


if __name__ == "__main__":
    main(tyro.cli(ExpertMeasureConfig))
