"""A sheet of random scenes from both cameras, with their instructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_gym import ENV_IDS
from vla_gym.envs.registration import make_vec

from .text import IMAGES, pyplot, save_figure

N, COLUMNS = 24, 4


def draw() -> list[Path]:
    """Draw the first scenes of the validation split."""
    venv = make_vec(ENV_IDS[0], N, split="validation")
    obs, _ = venv.reset(seed=0)
    venv.close()
    frames = np.concatenate([obs["image"], obs["wrist_image"]], axis=2)
    fig, axes = pyplot().subplots(N // COLUMNS, COLUMNS, figsize=(14, 12))
    for ax, frame, title in zip(axes.flat, frames, obs["instruction"], strict=True):
        ax.imshow(frame)
        ax.set_title(title, fontsize=7)
        ax.axis("off")
    fig.tight_layout()
    return [save_figure(fig, IMAGES / "contact_sheet.png", dpi=80)]
