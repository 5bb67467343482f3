"""Draws random scenes from both cameras, with their instructions, onto one sheet."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from vla_gym.envs.tasks import TASKS  # noqa: E402
from vla_gym.language.instructions import pick_template, render  # noqa: E402
from vla_gym.language.referring import refer  # noqa: E402
from vla_gym.language.splits import rng_for  # noqa: E402
from vla_gym.world.camera import CameraPool  # noqa: E402
from vla_gym.world.world import World  # noqa: E402


def main(path: str = "docs/images/contact_sheet.png", n: int = 24) -> None:
    """Draw `n` scenes to `path`."""
    task, world, ids, titles = TASKS["PickPlace"], World(n), np.arange(n), []
    specs, poses = [], []
    for i in range(n):
        rng = rng_for("validation", i)
        bound = task.bind(rng)
        specs.append(list(bound.specs))
        poses.append(task.start.sample(rng, bound.specs, world.n_slots))
        words = {r: refer(bound.specs, s, colours=bound.colours) for r, s in bound.roles.items()}
        kind = bound.specs[bound.roles["target"]].kind
        titles.append(render(pick_template(kind, rng), words))
    world.set_objects(ids, specs)
    world.place(ids, np.stack([p for p, _ in poses]), np.stack([q for _, q in poses]))
    world.reset_robot(ids)
    world.forward(ids)
    pool = CameraPool(world, size=128)
    frames = np.concatenate([pool.render("fixed"), pool.render("wrist")], axis=2)
    fig, axes = plt.subplots(6, 4, figsize=(14, 12))
    for ax, frame, title in zip(axes.flat, frames, titles, strict=True):
        ax.imshow(frame)
        ax.set_title(title, fontsize=7)
        ax.axis("off")
    fig.tight_layout()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=80)


if __name__ == "__main__":
    main(*sys.argv[1:2])  # type: ignore
