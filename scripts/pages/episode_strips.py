"""Strips of test episodes: failures of one policy, and one episode of each of several tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from vla_gym.agents.policies.registry import home_of, policy_factory
from vla_gym.envs.registration import make_vec
from vla_gym.evaluation.episode_video import EpisodeVideo, record_videos
from vla_gym.io import replacing

from .text import IMAGES, RESULTS, load_json

SIZE, FRAMES, LINE, GAP = 160, 7, 18, 3
"""Pixels of a frame, frames of a strip, pixels of the text above it and between frames."""
STRIPS = 6
"""Failures that are drawn."""
TASKS_SHOWN = ("Sequence", "Avoid", "Infeasible", "Drawer", "Upright", "Push")


def moments(video: EpisodeVideo) -> list[int]:
    """Steps to show: closer together at first, where most failures start."""
    last = len(video.frames) - 1
    return [round(last * (k / (FRAMES - 1)) ** 1.5) for k in range(FRAMES)]


def strip(video: EpisodeVideo, outcome: str) -> Image.Image:
    """One episode as a row of frames below its instruction."""
    page = Image.new("RGB", (FRAMES * (SIZE + GAP), SIZE + LINE), "white")
    draw = ImageDraw.Draw(page)
    draw.text((4, 3), f"seed {video.record.seed}: {video.instruction}   ({outcome})", fill="black")
    for k, step in enumerate(moments(video)):
        page.paste(Image.fromarray(video.frames[step]), (k * (SIZE + GAP), LINE))
        draw.text((k * (SIZE + GAP) + 4, LINE + 3), f"{step / 10:.1f} s", fill="white")
    return page


def failures(name: str, venv: Any) -> Iterator[Image.Image]:
    """The first failures of a policy's first training seed, with the last stage reached."""
    result = load_json(RESULTS / "learning" / f"{name}-s0.json") or {}
    failed = result["measured"]["none"]["failed_seeds"]
    policy, stages = policy_factory(name)(venv), tuple(venv.unwrapped.stages)
    for seed in failed:
        (video,) = record_videos(venv, policy, 1, seed, SIZE)
        if video.record.success:  # the gripper's action is sampled, so another run may succeed
            continue
        far = stages[video.record.stage - 1] if stages and video.record.stage else "nothing"
        wrong = ", took the wrong object" if video.record.wrong_object else ""
        yield strip(video, f"reached: {far}{wrong}")


def firsts(name: str, venv: Any) -> Iterator[Image.Image]:
    """The first test episode of each task."""
    policy = policy_factory(name)(venv)
    for task in TASKS_SHOWN:
        seeds = (s for s in range(1000) if venv.reset(seed=[s])[1]["task"][0] == task)
        (video,) = record_videos(venv, policy, 1, next(seeds), SIZE)
        yield strip(video, "success" if video.record.success else "no success")


def draw() -> list[Path]:
    """Draw both sheets."""
    return [
        sheet("pickplace-sac", IMAGES / "failures.png", lambda *a: islice(failures(*a), STRIPS)),
        sheet("tabletop-ppo", IMAGES / "tabletop-ppo.png", firsts),
    ]


def sheet(name: str, path: Path, rows: Callable[[str, Any], Iterable[Image.Image]]) -> Path:
    """Draw strips of a shipped policy below each other."""
    venv = make_vec(home_of(name), 1, split="test", cameras=("image",))
    page = Image.fromarray(np.concatenate([np.asarray(row) for row in rows(name, venv)]))
    venv.close()
    small = page.quantize(256, Image.Quantize.FASTOCTREE)  # the default median cut loses colours
    with replacing(path) as temp:
        small.save(temp, "PNG", optimize=True)
    return path
