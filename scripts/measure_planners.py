"""Measures planners and writes docs/results/planning/planning-<name>.json; one part at a time.

python scripts/measure_planners.py grammar        planner without a model, expert and policy
python scripts/measure_planners.py local          a small model served by llama.cpp
python scripts/measure_planners.py local --model.name ... --model.base-url ...   any other
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro

from vla_gym.agents.policies.registry import policy_factory
from vla_gym.cli.plan import ModelConfig, PlanConfig, make_planner, run
from vla_gym.io import write_json
from vla_gym.planner.measure import PlanResult

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "planning"
SUITE = (
    ("Sequence", ()),
    ("Sort", ()),
    ("Avoid", ()),
    ("Infeasible", ()),
    ("PickPlace", ("reasoning",)),
)
"""Tasks, and novelty axes, that planners are compared on."""


@dataclass
class MeasureConfig:
    """Measure planners on sequences, sorting, avoiding, infeasible and reasoning instructions."""

    part: tyro.conf.Positional[Literal["grammar", "local", "llm"]] = "grammar"
    """Which planner."""
    episodes: int = 100
    """Episodes for each row."""
    drivers: tuple[str, ...] = ("expert", "pickplace-ppo")
    """What acts: "expert", or policies by name or path."""
    prompting: tuple[Literal["zero-shot", "few-shot", "step-by-step"], ...] = ("zero-shot",)
    """Promptings to compare, for models."""
    see: Literal["list", "clip", "both"] = "both"
    """Source of scenes, as in `vla-gym plan`."""
    split: str = "test"
    """Seeds."""
    tries: int = 3
    """Most replies to one request."""
    replans: int = 2
    """Most new plans after failures, per episode."""
    num_envs: int = 25
    """Sub-environments."""
    name: str = ""
    """Name of the result's file; the part by default."""
    model: ModelConfig = field(default_factory=ModelConfig)


def rows(config: MeasureConfig) -> list[dict[str, Any]]:
    """Measure every row of the table; results are written after each."""
    out: list[dict[str, Any]] = []
    promptings: Sequence[Any] = config.prompting if config.part != "grammar" else ("",)
    for prompting in promptings:
        if prompting:
            config.model.prompting = prompting
        for task, novelty in SUITE:
            plan = PlanConfig(
                env=f"VLA{task}-v0", planner=config.part, episodes=config.episodes, show=0,
                split=config.split, see=config.see, tries=config.tries, replans=config.replans,
                novelty=novelty, num_envs=config.num_envs, model=config.model,
            )  # fmt: skip
            planner, close = make_planner(plan)
            try:
                for driver in config.drivers:
                    factory = None if driver == "expert" else policy_factory(driver)
                    out.append(row(run(plan, planner, driver, factory), config, prompting, novelty))
                    save(config, out)
            finally:
                close()
    return out


def row(
    result: PlanResult, config: MeasureConfig, prompting: str, novelty: tuple[str, ...]
) -> dict[str, Any]:
    """One row, with episodes but without reports."""
    print(result, flush=True)
    setup = {
        "part": config.part,
        "prompting": prompting,
        "novelty": list(novelty),
        "see": config.see,
        "tries_allowed": config.tries,
        "replans_allowed": config.replans,
    }
    return {**setup, **result.to_dict()}


def save(config: MeasureConfig, out: list[dict[str, Any]]) -> None:
    """Write what there is so far."""
    name = config.name or config.part
    write_json(RESULTS / f"planning-{name}.json", {"command": " ".join(sys.argv), "rows": out})


main: Callable[[MeasureConfig], Any] = rows

if __name__ == "__main__":
    main(tyro.cli(MeasureConfig))
