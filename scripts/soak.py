"""Runs random actions in every environment for a long time; fails on nan, warnings, lost objects.

python scripts/soak.py --steps 100000
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

import vla_gym


@dataclass
class SoakConfig:
    """Run random actions for a long time."""

    steps: int = 100_000
    """Environment steps per id, summed over sub-environments."""
    num_envs: int = 50
    """Number of sub-environments."""
    envs: tuple[str, ...] = vla_gym.ENV_IDS
    """Environment ids."""


def soak(env_id: str, config: SoakConfig) -> str:
    """Run one id; returns what to print."""
    venv = vla_gym.make_vec(env_id, config.num_envs, cameras=())
    rng, start, wins, ends = np.random.default_rng(0), time.monotonic(), 0.0, 0
    venv.reset(seed=0)
    world = venv.unwrapped.world
    for _ in range(-(-config.steps // config.num_envs)):
        obs, rewards, terminated, truncated, _ = venv.step(
            rng.uniform(-1, 1, venv.action_space.shape)
        )
        assert np.isfinite(obs["proprio"]).all(), "nan in proprio"
        assert venv.observation_space["proprio"].contains(obs["proprio"]), "proprio out of bounds"
        lowest = np.where(world.present, world.object_pos[..., 2], 0.0).min()
        assert lowest > -0.05, f"a thing fell through the table: {lowest:.3f} m"
        wins, ends = wins + rewards.sum(), ends + int((terminated | truncated).sum())
    venv.close()
    rate = config.steps / (time.monotonic() - start)
    return f"{env_id:<18} {ends} episodes, {100 * wins / ends:.2f}% succeeded, {rate:.0f} steps/s"


if __name__ == "__main__":
    settings = tyro.cli(SoakConfig)
    log = Path("MUJOCO_LOG.TXT")
    os.chdir(tempfile.mkdtemp())  # where MuJoCo writes its warnings
    for name in settings.envs:
        line = soak(name, settings)
        warned = log.read_text().count("WARNING") if log.is_file() else 0
        print(f"{line}, {warned} warnings of the physics so far", flush=True)
