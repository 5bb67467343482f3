"""``vla-gym plan``: run a planner on top of expert skills or a policy, and measure it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro

from vla_gym.agents.policies.registry import policy_factory
from vla_gym.cli.language_model import ModelConfig, make_client
from vla_gym.errors import InvalidConfigError
from vla_gym.io import write_json
from vla_gym.planner.check import THRESHOLD, Embodiment
from vla_gym.planner.decide import Decider
from vla_gym.planner.drivers import (
    Driver,
    PolicyDriver,
    SkillDriver,
    Verify,
    by_predicates,
)
from vla_gym.planner.executor import HierarchicalPolicy
from vla_gym.planner.measure import PlanResult, measure
from vla_gym.planner.requests import Planner
from vla_gym.safety.approval import ask_keyboard
from vla_gym.world.objects import KINDS


@dataclass
class PlanConfig:
    """Run a planner on top of expert skills and a policy; print plans and measure the outcome."""

    env: str = "VLASequence-v0"
    """Environment id."""
    planner: Literal["grammar", "llm", "local"] = "grammar"
    """"grammar" needs no model; "llm" calls the server given by --model; "local" starts llama.cpp
    with a small model from a package."""
    drivers: tuple[str, ...] = ("expert", "pickplace-ppo")
    """What executes steps: "expert", or a checkpoint's path or name; all on the same episodes."""
    episodes: int = 20
    """Episodes per driver."""
    split: str = "validation"
    """"train", "validation" or "test"."""
    seed: int = 0
    """Seed of the first episode."""
    num_envs: int = 16
    """Number of sub-environments."""
    see: Literal["list", "clip", "both"] = "both"
    """Objects of the scene: the simulator's list; the mentioned objects that CLIP finds; or the
    list, with CLIP checking each object of a plan."""
    verify: Literal["predicates", "clip"] = "predicates"
    """How steps are verified: by the simulator's state, or, for placed objects, by CLIP."""
    threshold: float = THRESHOLD
    """CLIP's confidence above which an object counts as present."""
    safety: Literal["off", "report", "clip", "veto"] = "off"
    """Mode of the safety layer between the driver and the arm."""
    novelty: tuple[str, ...] = ()
    """Generalisation axes to switch on, such as reasoning or moved."""
    tries: int = 3
    """Maximum answers of a planner to one request."""
    replans: int = 2
    """Maximum new plans after a failure."""
    approve: bool = False
    """Ask at the keyboard before fragile objects are handled."""
    show: int = 1
    """Plans to print per driver."""
    out: Path | None = None
    """File for the results with every episode (JSON)."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """The language model."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(PlanConfig, args=list(args), prog="vla-gym plan")
    if config.show < 0:
        raise InvalidConfigError(f"show must be 0 or more, not {config.show}.")
    factories = [None if d == "expert" else policy_factory(d) for d in config.drivers]
    planner, close = make_planner(config)
    try:
        results = [
            run(config, planner, name, factory)
            for name, factory in zip(config.drivers, factories, strict=True)
        ]
    finally:
        close()
    for result in results:
        report(result)
    if config.out is not None:
        write_json(config.out, {"results": [r.to_dict() for r in results]})
        print(f"written to {config.out}")
    return 0


def make_planner(config: PlanConfig) -> tuple[Planner, Callable[[], None]]:
    """The planner, and a function that frees it."""
    if config.planner == "grammar":
        from vla_gym.planner.grammar import GrammarPlanner

        return GrammarPlanner(), lambda: None
    from vla_gym.planner.llm import LanguagePlanner

    client, close = make_client(config.model, local=config.planner == "local")
    planner = LanguagePlanner(client, config.model.prompting, config.model.picture)
    return planner, close


def run(
    config: PlanConfig, planner: Planner, name: str, factory: Callable[[Any], Any] | None
) -> PlanResult:
    """Measure one driver."""
    kwargs: dict[str, Any] = {"cameras": ()} if factory is None else {}
    if config.safety != "off":
        kwargs["safety"] = config.safety
    if config.novelty:
        kwargs["novelty"] = config.novelty
    left = config.show

    def print_plans(result: PlanResult) -> None:
        nonlocal left
        done = len(result.records)
        for report in result.reports[done - min(left, done) :] if left else []:
            print(f"{report.instruction!r}, {result.driver}:\n{report.decisions[0].plan}")
            print("".join(f"    {event}\n" for event in report.events), end="", flush=True)
            left -= 1

    def make(venv: Any) -> HierarchicalPolicy:
        driver: Driver = SkillDriver(venv) if factory is None else PolicyDriver(factory(venv))
        scene, sight, verify = _vision(config, venv)
        decider = Decider(planner, Embodiment(), sight, config.threshold, config.tries)
        ask = {"approval": ask_keyboard, "flag": fragile} if config.approve else {}
        return HierarchicalPolicy(
            venv, decider, driver, scene, verify, replans=config.replans, **ask
        )

    return measure(
        make, config.env, config.episodes, config.split, config.seed, config.num_envs, kwargs,
        (planner.name, name), print_plans,
    )  # fmt: skip


def _vision(config: PlanConfig, venv: Any) -> tuple[Any, Any, Verify]:
    """Source of scenes, CLIP's check of plans, and verification of steps."""
    if config.see == "list" and config.verify == "predicates":
        return None, None, by_predicates
    from vla_gym.planner.sight import ClipSight, spoken_scene
    from vla_gym.planner.verify import by_clip
    from vla_gym.vlm.encoder import ClipEncoder
    from vla_gym.vlm.grounding import Grounder

    clip = ClipSight(Grounder(ClipEncoder()), venv.unwrapped.world.pinhole("fixed"))
    verify = by_predicates if config.verify == "predicates" else by_clip(clip)
    scene = spoken_scene(clip, config.threshold) if config.see == "clip" else None
    return scene, clip.confidence if config.see == "both" else None, verify


def fragile(job: Any, scene: Any) -> tuple[str, ...]:
    """Reasons why a person should approve a job: fragile objects that it handles."""
    from vla_gym.safety.limits import Limits

    kinds = {scene.find(n).kind for n in (job.step.object, job.step.target) if n}
    return tuple(f"a {kind} breaks easily" for kind in KINDS if kind in kinds & set(Limits.fragile))


def report(result: PlanResult) -> None:
    """Print one result in full."""
    n = len(result.records)
    print(result)
    refused = [r for r in result.records if r.refused]
    print(
        f"  touched something despite refusing: {sum(r.touched for r in refused)} of {len(refused)}"
    )
    unanswered = n - result.count("answered")
    if unanswered:
        print(f"  no answer in time: {unanswered} of {n}")
    print(f"  replanned: {sum(r.replans for r in result.records)} times; objects found moved: "
          f"{sum(r.regrounded for r in result.records)}")  # fmt: skip
    tokens = sum(r.prompt_tokens + r.completion_tokens for r in result.records)
    if tokens:
        cost = sum(r.cost_usd for r in result.records)
        print(f"  tokens: {tokens / n:.0f} per episode; cost {cost:.4f} USD")
    if result.safety.steps:
        s = result.safety
        peaks = ", ".join(f"{k} {v:.3g}" for k, v in s.peaks.items())
        print(
            f"  safety: cost {s.cost / n:.2f}, interventions {s.interventions / n:.1f} per episode"
        )
        print(f"  peaks: {peaks}")
        broken = ", ".join(f"{k} {v:g}" for k, v in s.costs.items() if v)
        print(f"  steps beyond a limit: {broken or 'none'}")
    for latency in result.latency.values():
        if latency.seconds:
            print("  " + str(latency).replace("\n", "\n  "))
