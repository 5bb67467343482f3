"""Records one scene under two instructions, side by side, for the top of the README.

python scripts/make_teaser.py --policy runs/<run> --out docs/images/teaser.gif
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import vla_gym
from vla_gym.agents.policies.registry import policy_factory
from vla_gym.rendering import Renderer, make_renderer
from vla_gym.tracking.video import captioned, side_by_side, write_video


@dataclass
class TeaserConfig:
    """Record one scene under two instructions."""

    policy: str = "expert"
    """"expert", or a checkpoint's path or name."""
    seed: int = 0
    """First seed of the test split to try; the first scene on which the policy succeeds with both
    instructions is used."""
    max_steps: int = 22
    """Maximum length of both episodes."""
    size: int = 256
    """Width and height of each frame [px]."""
    fps: float = 12.5
    """Frames per second; the robot acts at 10 Hz."""
    out: Path = Path("docs/images/teaser.gif")
    """File to write."""


def other_roles(venv: Any) -> dict[str, int] | None:
    """Another object and another target in the scene of both sub-environments, if it has them."""
    episode, task = venv.episodes[0], venv.task
    roles: dict[str, int] = {}
    for name, role in task.roles.items():
        taken = (*episode.binding.roles.values(), *roles.values())
        fits = [i for i, s in enumerate(episode.binding.specs) if s.kind in role.kinds]
        free = [i for i in fits if i not in taken]
        if not free:
            return None
        roles[name] = free[0]
    return roles


def record(venv: Any, policy: Any, pool: Renderer, max_steps: int) -> tuple[list[np.ndarray], bool]:
    """Run both sub-environments; returns their frames and whether both succeeded in time."""
    obs, _ = venv.reset(options={"same_scene": True, "roles": [{}, other_roles(venv)]})
    policy.reset(np.ones(2, bool), obs)
    instructions = tuple(obs["instruction"])
    frames: list[list[np.ndarray]] = [[], []]
    running, won = np.ones(2, bool), np.zeros(2, bool)
    for _ in range(max_steps):
        images = pool.render("fixed")
        for i in np.flatnonzero(running):
            frames[i].append(images[i].copy())
        if not running.any():
            break
        obs, _, terminated, truncated, _ = venv.step(policy.act(obs))
        won |= running & terminated
        running &= ~(terminated | truncated)
    clips = [
        captioned(np.stack(f + f[-1:] * 10), f'"{words}"')
        for f, words in zip(frames, instructions, strict=True)
    ]
    return clips, bool(won.all())


def main(config: TeaserConfig) -> None:
    """Record and write."""
    venv = vla_gym.make_vec(vla_gym.ENV_IDS[0], 2, split="test").unwrapped
    policy, pool = policy_factory(config.policy)(venv), make_renderer(venv.world, config.size)
    for seed in range(config.seed, config.seed + 100):
        venv.reset(seed=[seed, seed])
        if other_roles(venv) is None:
            continue
        clips, both = record(venv, policy, pool, config.max_steps)
        if both:
            path = write_video(config.out, side_by_side(clips), config.fps, min_side=1)
            print(f"seed {seed}, {path}, {path.stat().st_size / 1e6:.1f} MB")
            return
    raise SystemExit(
        "The policy succeeded with both instructions on no scene. Try another --seed or --policy."
    )


if __name__ == "__main__":
    main(tyro.cli(TeaserConfig))
