"""Films test episodes that failed and lays their frames side by side: docs/images/failures.png.

python scripts/make_film_strips.py [--name pickplace-ppo] [--strips 6]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from vla_gym.evaluation.film import Clip, film
from vla_gym.evaluation.policies import policy_factory
from vla_gym.evaluation.protocol import make_venv
from vla_gym.files import replace_file

DOCS = Path(__file__).parents[1] / "docs"
SIZE, FRAMES, LINE, GAP = 160, 7, 18, 3
"""Pixels of a frame, frames of a strip, pixels of the text above it and between frames."""


def moments(clip: Clip) -> list[int]:
    """Steps that tell the story: close together at first, where things go wrong."""
    last = len(clip.frames) - 1
    return [round(last * (k / (FRAMES - 1)) ** 1.5) for k in range(FRAMES)]


def strip(clip: Clip, stages: tuple[str, ...]) -> Image.Image:
    """One episode as a row of frames below its sentence."""
    page = Image.new("RGB", (FRAMES * (SIZE + GAP), SIZE + LINE), "white")
    draw = ImageDraw.Draw(page)
    record = clip.record
    far = stages[record.stage - 1] if record.stage else "nothing"
    wrong = ", took the wrong thing" if record.wrong_object else ""
    told = f"seed {record.seed}: {clip.sentence}   (as far as: {far}{wrong})"
    draw.text((4, 3), told, fill="black")
    for k, step in enumerate(moments(clip)):
        page.paste(Image.fromarray(clip.frames[step]), (k * (SIZE + GAP), LINE))
        draw.text((k * (SIZE + GAP) + 4, LINE + 3), f"{step / 10:.1f} s", fill="white")
    return page


def main(name: str, strips: int) -> None:
    """Film the first failures of a shipped policy's first training seed."""
    measured = json.loads((DOCS / "results" / "learning" / f"{name}-s0.json").read_text("utf-8"))
    run, failed = measured["run"], measured["measured"]["none"]["failed_seeds"]
    venv: Any = make_venv(run["env"], 1, split="test", cameras=("image",))
    policy = policy_factory(name)(venv)
    stages = tuple(venv.unwrapped.stages)
    rows: list[Image.Image] = []
    for seed in failed:
        (clip,) = film(venv, policy, 1, seed, SIZE)
        if not clip.record.success:  # the gripper is drawn by chance, and may be lucky this time
            rows.append(strip(clip, stages))
        if len(rows) == strips:
            break
    page = Image.fromarray(np.concatenate([np.asarray(row) for row in rows]))
    small = page.quantize(128)
    target = DOCS / "images" / "failures.png"
    replace_file(target, lambda file: small.save(file, "PNG", optimize=True))
    print(f"{len(rows)} strips of {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="pickplace-ppo", help="A shipped policy.")
    parser.add_argument("--strips", type=int, default=6)
    args = parser.parse_args()
    main(args.name, args.strips)
