r"""Films test episodes and lays their frames side by side.

python scripts/make_film_strips.py [--name pickplace-sac] [--strips 6]
python scripts/make_film_strips.py --name tabletop-ppo \
    --tasks Sequence Avoid Infeasible Drawer Upright Push

The first writes docs/images/failures.png. With --tasks the first test episode of each is filmed,
however it ends: docs/images/<name>.png.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from vla_gym.agents.policies.registry import home_of, policy_factory
from vla_gym.evaluation.episode_video import EpisodeVideo, record_videos
from vla_gym.evaluation.protocol import make_venv
from vla_gym.io import replace_file

DOCS = Path(__file__).parents[1] / "docs"
SIZE, FRAMES, LINE, GAP = 160, 7, 18, 3
"""Pixels of a frame, frames of a strip, pixels of the text above it and between frames."""


def moments(video: EpisodeVideo) -> list[int]:
    """Steps that tell the story: close together at first, where things go wrong."""
    last = len(video.frames) - 1
    return [round(last * (k / (FRAMES - 1)) ** 1.5) for k in range(FRAMES)]


def strip(video: EpisodeVideo, outcome: str) -> Image.Image:
    """One episode as a row of frames below its sentence."""
    page = Image.new("RGB", (FRAMES * (SIZE + GAP), SIZE + LINE), "white")
    draw = ImageDraw.Draw(page)
    draw.text((4, 3), f"seed {video.record.seed}: {video.instruction}   ({outcome})", fill="black")
    for k, step in enumerate(moments(video)):
        page.paste(Image.fromarray(video.frames[step]), (k * (SIZE + GAP), LINE))
        draw.text((k * (SIZE + GAP) + 4, LINE + 3), f"{step / 10:.1f} s", fill="white")
    return page


def failures(name: str, venv: Any) -> Iterator[Image.Image]:
    """The first failures of a policy's first training seed, and how far they got."""
    results = DOCS / "results" / "learning" / f"{name}-s0.json"
    failed = json.loads(results.read_text("utf-8"))["measured"]["none"]["failed_seeds"]
    policy, stages = policy_factory(name)(venv), tuple(venv.unwrapped.stages)
    for seed in failed:
        (video,) = record_videos(venv, policy, 1, seed, SIZE)
        if video.record.success:  # the gripper is drawn by chance, and may be lucky this time
            continue
        far = stages[video.record.stage - 1] if stages and video.record.stage else "nothing"
        wrong = ", took the wrong thing" if video.record.wrong_object else ""
        yield strip(video, f"as far as: {far}{wrong}")


def firsts(name: str, venv: Any, tasks: Sequence[str]) -> Iterator[Image.Image]:
    """The first test episode of each task."""
    policy = policy_factory(name)(venv)
    for task in tasks:
        seeds = (s for s in range(1000) if venv.reset(seed=[s])[1]["task"][0] == task)
        (video,) = record_videos(venv, policy, 1, next(seeds), SIZE)
        yield strip(video, "success" if video.record.success else "no success")


def main(name: str, strips: int, tasks: Sequence[str]) -> None:
    """Film a shipped policy."""
    venv: Any = make_venv(home_of(name), 1, split="test", cameras=("image",))
    rows = list(firsts(name, venv, tasks) if tasks else islice(failures(name, venv), strips))
    page = Image.fromarray(np.concatenate([np.asarray(row) for row in rows]))
    small = page.quantize(256, Image.Quantize.FASTOCTREE)  # the usual median cut loses rare colours
    target = DOCS / "images" / (f"{name}.png" if tasks else "failures.png")
    replace_file(target, lambda file: small.save(file, "PNG", optimize=True))
    print(f"{len(rows)} strips of {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="pickplace-sac", help="A shipped policy.")
    parser.add_argument("--strips", type=int, default=6)
    parser.add_argument("--tasks", nargs="*", default=(), help="Names of tasks.")
    args = parser.parse_args()
    main(args.name, args.strips, args.tasks)
