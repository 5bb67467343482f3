"""Records what every environment and shipped policy does, to prove that a redesign changed nothing.

    python scripts/behaviour_freeze.py record before.json      # --policies for those too
    python scripts/behaviour_freeze.py record after.json       # in the other checkout
    python scripts/behaviour_freeze.py compare before.json after.json

Each environment id is run with fixed random actions (three seeds, 60 steps) and, in a batch of
six, by the expert under each safety mode and under all generalisation axes with the dense reward.
What is kept is a hash of all observations, rewards and infos. Hashes hold for one machine and one
set of package versions: both records must come from the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import tyro

import vla_gym
from vla_gym.agents.policies.registry import checkpoint_names, home_of
from vla_gym.evaluation.protocol import evaluate
from vla_gym.io import replace_text
from vla_gym.skills import Expert

STEPS, SEEDS = 60, (0, 1, 2)
BATCHES: dict[str, dict[str, Any]] = {
    "expert": {},
    "safety report": {"safety": "report"},
    "safety clip": {"safety": "clip"},
    "safety veto": {"safety": "veto"},
    "all axes, dense": {"reward_type": "dense", "novelty": ("all",)},
}
"""Arguments of the batches that the expert acts in."""


@dataclass
class Record:
    """Run everything and write what came out."""

    out: Annotated[Path, tyro.conf.Positional]
    """JSON file to write."""
    policies: bool = False
    """Also run each shipped policy for 100 validation episodes."""


@dataclass
class Compare:
    """Compare two records; exit code 1 if they differ."""

    before: Annotated[Path, tyro.conf.Positional]
    """Record of the first checkout."""
    after: Annotated[Path, tyro.conf.Positional]
    """Record of the second checkout."""


def main() -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(Record | Compare, description=__doc__)  # type: ignore[arg-type]
    if isinstance(config, Compare):
        return compare(config.before, config.after)
    rows: dict[str, Any] = {}
    for env_id in vla_gym.ENV_IDS:
        rows |= {f"{env_id} seed {seed}": random_actions(env_id, seed) for seed in SEEDS}
        rows |= {f"{env_id} {name}": batch(env_id, kwargs) for name, kwargs in BATCHES.items()}
        print(env_id, flush=True)
    for name in checkpoint_names() if config.policies else ():
        rows[f"policy {name}"] = outcomes(name)
        print(name, flush=True)
    replace_text(config.out, json.dumps(rows, indent=1) + "\n")
    return 0


def compare(before: Path, after: Path) -> int:
    """Print which entries differ; returns 1 if any does."""
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
    names = list(dict.fromkeys([*old, *new]))
    changed = [name for name in names if old.get(name) != new.get(name)]
    for name in changed:
        print(f"differs: {name}")
    print(f"{len(names) - len(changed)} of {len(names)} entries are identical")
    return 1 if changed else 0


def random_actions(env_id: str, seed: int) -> dict[str, Any]:
    """Hash of one sub-environment under fixed actions, and the instructions it gave."""
    env, digest = gym.make(env_id, image_size=64, render_backend="opengl"), hashlib.sha256()
    rng = np.random.default_rng(seed)
    first = env.reset(seed=seed)
    feed(digest, first)
    instructions = [first[0]["instruction"]]
    for _ in range(STEPS):
        action = rng.uniform(-1, 1, env.action_space.shape or ()).astype(np.float32)
        action[7:] = -np.abs(action[7:])  # goes on: an ended episode would say little
        result = env.step(action)
        feed(digest, result)
        if result[2] or result[3]:
            again = env.reset()
            feed(digest, again)
            instructions.append(again[0]["instruction"])
    env.close()
    return {"hash": digest.hexdigest(), "instructions": instructions}


def batch(env_id: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Hash of six sub-environments with the expert, and how many steps succeeded."""
    venv: Any = gym.make_vec(
        env_id, num_envs=6, vectorization_mode="vector_entry_point", cameras=(), n_threads=1,
        **kwargs,
    )  # fmt: skip
    expert, digest, won = Expert(venv.unwrapped), hashlib.sha256(), 0
    width = venv.single_action_space.shape[0]
    first = venv.reset(seed=7)
    feed(digest, first)
    obs = first[0]
    for _ in range(STEPS):
        action = np.asarray(expert.act(obs), np.float32)
        missing = ((0, 0), (0, width - action.shape[1]))
        result = venv.step(np.pad(action, missing, constant_values=-1.0))
        feed(digest, result)
        obs, rewards, terminated, truncated, _ = result
        won += int((rewards > 0.99).sum())
        expert.reset(terminated | truncated)
    venv.close()
    return {"hash": digest.hexdigest(), "successes": won}


def outcomes(name: str) -> dict[str, Any]:
    """Success of a shipped policy where it learnt, episode by episode."""
    result = evaluate(home_of(name), name, episodes=100, split="validation", num_envs=20)
    return {"successes": result.successes, "episodes": result.to_dict()["episodes"]}


def feed(digest: Any, value: Any) -> None:
    """Add nested values to a hash, bit by bit."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(key.encode())
            feed(digest, value[key])
    elif isinstance(value, np.ndarray) and value.dtype.hasobject:
        feed(digest, value.ravel().tolist())
    elif isinstance(value, (tuple, list)):
        for part in value:
            feed(digest, part)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    else:
        digest.update(repr(value).encode())


if __name__ == "__main__":
    sys.exit(main())
