"""``vla-gym plan``: let a planner steer a policy or expert skills, and measure both."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro

from vla_gym.agents.policies.registry import policy_factory
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
class ModelConfig:
    """A language model behind an OpenAI-compatible server."""

    name: str = ""
    """The model's name, as the server knows it."""
    base_url: str | None = None
    """The server, for example http://localhost:11434/v1; None is OpenAI's."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; local servers need none."""
    prompting: Literal["zero-shot", "few-shot", "step-by-step"] = "zero-shot"
    """Without examples, with examples, or with a thought before the plan."""
    picture: bool = False
    """Send the camera's picture along; needs a model that sees."""
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the server is told to keep to the schema."""
    timeout: float = 60.0
    """Longest wait for an answer [s]."""
    retries: int = 2
    """How often a failed call is repeated."""
    max_tokens: int = 1200
    """Longest answer."""
    price_in: float = 0.0
    """Price of a million prompt tokens [USD]."""
    price_out: float = 0.0
    """Price of a million completion tokens [USD]."""
    cache: Path | None = None
    """Folder in which answers are kept and found again."""


@dataclass
class PlanConfig:
    """Let a planner steer expert skills and a policy; print plans and measure the outcome."""

    env: str = "VLASequence-v0"
    """Environment id."""
    planner: Literal["grammar", "llm", "local"] = "grammar"
    """"grammar" needs no model; "llm" asks the server of --model; "local" starts llama.cpp with a
    small model that a package ships."""
    drivers: tuple[str, ...] = ("expert", "pickplace-ppo")
    """Who acts: "expert", or a checkpoint's path or name; each is measured on the same episodes."""
    episodes: int = 20
    """Episodes for each driver."""
    split: str = "validation"
    """"train", "validation" or "test"."""
    seed: int = 0
    """Seed of the first episode."""
    num_envs: int = 16
    """Worlds side by side."""
    see: Literal["list", "clip", "both"] = "both"
    """What is there: the simulator's list; only what CLIP sees of what is spoken of; or the list,
    with each thing of a plan checked by CLIP."""
    verify: Literal["predicates", "clip"] = "predicates"
    """How steps are judged: by the simulator's truth, or, for what is put somewhere, by CLIP."""
    threshold: float = THRESHOLD
    """CLIP's confidence from which a thing counts as there."""
    safety: Literal["off", "report", "clip", "veto"] = "off"
    """The safety layer between the driver and the arm."""
    novelty: tuple[str, ...] = ()
    """Ways in which episodes differ from training, such as reasoning or moved."""
    tries: int = 3
    """How often a planner may answer one request."""
    replans: int = 2
    """How often a plan that failed is made anew."""
    approve: bool = False
    """Ask on the keyboard before fragile things are handled."""
    show: int = 1
    """Plans to print for each driver."""
    out: Path | None = None
    """Write the results, with every episode, as JSON."""
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
    """The planner, and what to call when it is not needed any more."""
    if config.planner == "grammar":
        from vla_gym.planner.grammar import GrammarPlanner

        return GrammarPlanner(), lambda: None
    from vla_gym.planner.client import ChatClient, Settings
    from vla_gym.planner.llm import LanguagePlanner

    m, close = config.model, lambda: None
    url, name = m.base_url, m.name
    if config.planner == "local":
        from vla_gym.planner.local import LocalServer

        server = LocalServer().start()
        url, name, close = server.base_url, server.model, server.stop
    if not name:
        raise InvalidConfigError("Name the model: --model.name, and its server: --model.base-url.")
    settings = Settings(
        name, url, os.environ.get(m.api_key_env), m.structured, m.timeout, m.retries, m.max_tokens,
        m.price_in, m.price_out, m.cache,
    )  # fmt: skip
    planner = LanguagePlanner(ChatClient(settings), m.prompting, m.picture)
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
        scene, sight, verify = _eyes(config, venv)
        decider = Decider(planner, Embodiment(), sight, config.threshold, config.tries)
        ask = {"approval": ask_keyboard, "flag": fragile} if config.approve else {}
        return HierarchicalPolicy(
            venv, decider, driver, scene, verify, replans=config.replans, **ask
        )

    return measure(
        make, config.env, config.episodes, config.split, config.seed, config.num_envs, kwargs,
        (planner.name, name), print_plans,
    )  # fmt: skip


def _eyes(config: PlanConfig, venv: Any) -> tuple[Any, Any, Verify]:
    """Where scenes come from, CLIP's check of plans, and how steps are judged."""
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
    """Why a person should approve a job: what it handles breaks easily."""
    from vla_gym.safety.limits import Limits

    kinds = {scene.find(n).kind for n in (job.step.object, job.step.target) if n}
    return tuple(f"a {kind} breaks easily" for kind in KINDS if kind in kinds & set(Limits.fragile))


def report(result: PlanResult) -> None:
    """Print one result in full."""
    n = len(result.records)
    print(result)
    refused = [r for r in result.records if r.refused]
    print(
        f"  touched something although refused: {sum(r.touched for r in refused)} of {len(refused)}"
    )
    silent = n - result.count("answered")
    if silent:
        print(f"  no answer in time: {silent} of {n}")
    print(f"  planned anew: {sum(r.replans for r in result.records)} times; things found moved: "
          f"{sum(r.regrounded for r in result.records)}")  # fmt: skip
    tokens = sum(r.prompt_tokens + r.completion_tokens for r in result.records)
    if tokens:
        cost = sum(r.cost_usd for r in result.records)
        print(f"  tokens: {tokens / n:.0f} an episode; cost {cost:.4f} USD")
    if result.safety.steps:
        s = result.safety
        peaks = ", ".join(f"{k} {v:.3g}" for k, v in s.peaks.items())
        print(
            f"  safety: cost {s.cost / n:.2f}, interventions {s.interventions / n:.1f} an episode"
        )
        print(f"  peaks: {peaks}")
        broken = ", ".join(f"{k} {v:g}" for k, v in s.costs.items() if v)
        print(f"  steps that broke a limit: {broken or 'none'}")
    for latency in result.latency.values():
        if latency.seconds:
            print("  " + str(latency).replace("\n", "\n  "))
