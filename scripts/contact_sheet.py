"""Draws random scenes from both cameras, with their instructions, onto one sheet.

python scripts/contact_sheet.py [docs/images/contact_sheet.png]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import matplotlib
import numpy as np

import vla_gym

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

N, COLUMNS = 24, 4


def main(path: str = "docs/images/contact_sheet.png") -> None:
    """Draw the first scenes of the validation split to `path`."""
    kwargs: dict[str, Any] = {"vectorization_mode": "vector_entry_point", "split": "validation"}
    venv = gym.make_vec(vla_gym.ENV_IDS[0], num_envs=N, **kwargs)
    obs, _ = venv.reset(seed=0)
    frames = np.concatenate([obs["image"], obs["wrist_image"]], axis=2)
    fig, axes = plt.subplots(N // COLUMNS, COLUMNS, figsize=(14, 12))
    for ax, frame, title in zip(axes.flat, frames, obs["instruction"], strict=True):
        ax.imshow(frame)
        ax.set_title(title, fontsize=7)
        ax.axis("off")
    fig.tight_layout()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=80)
    venv.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
