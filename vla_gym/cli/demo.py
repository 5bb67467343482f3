"""``vla-gym demo``: record a video of a policy, or watch it in a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro

from vla_gym.agents.policies.registry import home_of, policy_factory
from vla_gym.envs.registration import make_vec
from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation.episode_video import EpisodeVideo, InstructionOverride, record_videos
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.tracking.video import captioned, side_by_side, write_video


@dataclass
class DemoConfig:
    """Record a video of a policy with the instruction below the frames, or watch it in a window."""

    sentence: tyro.conf.Positional[str | None] = None
    """An instruction: scenes are drawn in which it makes sense, and the outcome is judged by it."""
    policy: str = "expert"
    """"expert", "random", or a checkpoint's path or name."""
    env: str | None = None
    """Environment id. None: the one that the policy was trained in, or VLAPickPlace-v0."""
    instruction: str | None = None
    """An instruction that replaces the one of each scene; the outcome is then not judged. Needs a
    trained policy, as the expert does not read instructions."""
    episodes: int = 2
    """Number of episodes, shown side by side."""
    split: str = "test"
    """"train", "validation" or "test"."""
    seed: int = 0
    """Seed of the first episode; the next ones have seed + 1, seed + 2, ..."""
    out: Path = Path("demo.mp4")
    """File to write; the suffix .gif selects a gif."""
    size: int = 384
    """Width and height of each frame [px]."""
    fps: float = 20.0
    """Frames per second; the robot acts at 10 Hz, so 10 is real time."""
    camera: Literal["fixed", "wrist"] = "fixed"
    """Camera to record with."""
    render: Literal["video", "human"] = "video"
    """Write a video, or show the episodes in MuJoCo's viewer ("human"), which needs a screen."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(DemoConfig, args=list(args), prog="vla-gym demo")
    if config.instruction is not None and config.policy in ("expert", "random"):
        raise InvalidConfigError(
            f"The policy {config.policy!r} does not read instructions. Choose a trained one with "
            "--policy, or leave out --instruction."
        )
    if config.sentence is not None and config.instruction is not None:
        raise InvalidConfigError(
            "Give either an instruction for which scenes are drawn, or --instruction, which"
            " replaces the scenes' own, not both."
        )
    if config.episodes < 1:
        raise InvalidConfigError(f"episodes must be at least 1, got {config.episodes}.")
    factory, env = policy_factory(config.policy), config.env or home_of(config.policy)
    if config.render == "human":
        return watch(config, env)
    venv = make_vec(env, config.episodes, split=config.split)
    try:
        videos = record_videos(
            venv,
            factory(venv),
            episodes=config.episodes,
            seed=config.seed,
            size=config.size,
            camera=config.camera,
            override=config.instruction,
            asked=config.sentence,
        )
    finally:
        venv.close()
    path = write_video(config.out, side_by_side([with_caption(v) for v in videos]), config.fps)
    for video in videos:
        print(f"  seed {video.record.seed}: {video.caption.replace(chr(10), ': ')}")
    print(f"written to {path}")
    return 0


def with_caption(video: EpisodeVideo, hold: int = 12) -> np.ndarray:
    """The frames with the instruction below; the last frame is held and shows the outcome.

    Args:
        video: A recorded episode.
        hold: How many times the last frame is repeated.

    Returns:
        Shape (t + hold, h + strip, w, 3).
    """
    last = video.frames[-1:].repeat(hold, axis=0)
    pending = f"{video.instruction}\n " if video.judged else video.instruction
    return np.concatenate([captioned(video.frames, pending), captioned(last, video.caption)])


def watch(config: DemoConfig, env: str) -> int:
    """Run the episodes one after another in MuJoCo's viewer."""
    venv = make_vec(env, 1, split=config.split, render_mode="human")
    try:
        policy = policy_factory(config.policy)(venv)
        if config.instruction is not None:
            policy = InstructionOverride(policy, config.instruction)
        for k in range(config.episodes):
            (record,) = run_episodes(venv, policy, config.seed + k, 1, asked=config.sentence)
            outcome = "success" if record.success else "no success"
            print(f"  seed {record.seed}: {config.instruction or record.instruction}: {outcome}")
    finally:
        venv.close()
    return 0
