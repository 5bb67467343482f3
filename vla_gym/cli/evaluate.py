"""``vla-gym evaluate``: measure a policy on consecutive seeds of a split."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from vla_gym import ENV_IDS
from vla_gym.agents.policies.registry import home_of
from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation import EvalResult, evaluate
from vla_gym.evaluation.language_use import language_use
from vla_gym.evaluation.statistics import format_rate
from vla_gym.io import write_json


@dataclass
class EvaluateConfig:
    """Measure a policy: success with its 95% Wilson interval, wrong objects, stages reached."""

    policy: str = "expert"
    """"expert", "random", or a checkpoint's path or name."""
    env: str | None = None
    """Environment id, or "all". None: the one that the policy was trained in, or
    VLAPickPlace-v0."""
    episodes: int = 100
    """Number of episodes; the width of the interval falls with its square root."""
    split: str = "validation"
    """"train", "validation" or "test". Choose on validation, test once."""
    novelty: tuple[str, ...] = ()
    """Generalisation axes to switch on: colours, nouns, kinds, combinations, phrasings, layouts,
    backgrounds, lights, cameras, moved, reasoning, or all. "each" measures one by one."""
    swap: bool = False
    """Ask for another object on each seed's scene, to test whether instructions are followed."""
    blind: Literal["none", "instruction", "image"] = "none"
    """Input to hide from a trained policy, as a control."""
    words: bool = False
    """Measure how the policy uses language: other objects and other wordings on the same scenes,
    and the policy without instruction or image."""
    seed: int = 0
    """Seed of the first episode; the next ones have seed + 1, seed + 2, ..."""
    num_envs: int = 16
    """Number of sub-environments. Scenes do not depend on it; sampled actions may."""
    out: Path | None = None
    """File for the result with every episode (JSON); a folder if there are several results."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(EvaluateConfig, args=list(args), prog="vla-gym evaluate")
    ids = ENV_IDS if config.env == "all" else (config.env or home_of(config.policy),)
    axes = _axes(config.novelty)
    if config.words:
        return _words(config, ids, axes)
    if len(ids) * len(axes) == 1:
        result = measure(config, ids[0], axes[0])
        report(result)
        if config.out is not None:
            print(f"  written to {result.save(config.out)}")
        return 0
    if config.out is not None and config.out.suffix:
        raise InvalidConfigError(
            f"Several results need a folder, but --out {config.out} is a file. Drop its suffix."
        )
    for env_id in ids:
        for novelty in axes:
            result = measure(config, env_id, novelty)
            new = "+".join(novelty) or "none"
            print(f"{env_id:<18} {new:<14} {format_rate(result.successes, result.n)}", flush=True)
            if config.out is not None:
                result.save(config.out / f"{env_id}-{config.policy}-{new}.json")
    return 0


def _words(config: EvaluateConfig, ids: Sequence[str], axes: list[tuple[str, ...]]) -> int:
    if len(ids) * len(axes) > 1 or config.swap or config.blind != "none":
        raise InvalidConfigError("--words measures one environment, without --swap and --blind.")
    use = language_use(
        ids[0], config.policy, config.episodes, config.split, config.seed, config.num_envs,
        {"novelty": axes[0]} if axes[0] else {}, progress_note,
    )  # fmt: skip
    print(use)
    if config.out is not None:
        write_json(config.out, use.to_dict())
        print(f"  written to {config.out}")
    return 0


def measure(config: EvaluateConfig, env_id: str, novelty: tuple[str, ...]) -> EvalResult:
    """Measure in one environment with some generalisation axes switched on."""
    kwargs = {"novelty": novelty} if novelty else {}
    return evaluate(
        env_id,
        config.policy,
        episodes=config.episodes,
        split=config.split,
        seed=config.seed,
        num_envs=config.num_envs,
        env_kwargs=kwargs,
        swap=config.swap,
        blind=None if config.blind == "none" else config.blind,
        on_progress=lambda done, won: progress(done, config.episodes, won),
    )


def report(result: EvalResult) -> None:
    """Print one result in full."""
    print(result)
    for name, key in (("success at the end", "success_at_end"), ("wrong object", "wrong_object")):
        count = sum(getattr(r, key) for r in result.records)
        print(f"  {name}: {format_rate(count, result.n)}")
    for stage, rate in result.summary()["stages"].items():
        print(f"  reached {stage}: {format_rate(rate['count'], result.n)}")
    for task, (count, n) in result.by_task.items():
        print(f"  {task}: {format_rate(count, n)}")


def progress(done: int, total: int, won: int) -> None:
    """Print a progress line on a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(
            f"\r  {done}/{total} episodes, {won} succeeded ", end=end, file=sys.stderr, flush=True
        )


def progress_note(name: str) -> None:
    """Print what is being measured on a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r  {name:<40}", end="", file=sys.stderr, flush=True)


def _axes(novelty: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The combinations of novelty axes to measure."""
    if novelty != ("each",):
        return [novelty]
    from vla_gym.envs.novelty import AXES

    return [(), *((axis,) for axis in AXES)]
