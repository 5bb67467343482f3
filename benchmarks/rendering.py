"""Images per second of the native renderer and of OpenGL, in turns on the same states.

python benchmarks/rendering.py          # about a minute; writes docs/results
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import common
import numpy as np
import tyro

from vla_gym import make_vec
from vla_gym.rendering import Renderer, make_renderer
from vla_gym.world.world import World

BACKENDS = ("native", "opengl")


@dataclass
class RenderingConfig:
    """Compare the two renderers."""

    env: str = "VLAPickPlace-v0"
    """Id of the environment."""
    worlds: tuple[int, ...] = (1, 64)
    """Numbers of sub-environments."""
    sizes: tuple[int, ...] = (64, 128)
    """Width and height of the images [px]."""
    threads: tuple[int, ...] = (1, 2)
    """Threads; one sub-environment has one."""
    rounds: int = 7
    """Turns of each renderer; medians are reported, of ratios too."""
    seconds: float = 0.4
    """Time of one turn [s]."""


def cells(config: RenderingConfig) -> Iterator[tuple[int, int, int]]:
    """Sub-environments, image size and threads of each row."""
    for n in config.worlds:
        for size in config.sizes:
            for threads in config.threads:
                if threads == 1 or n > 1:
                    yield n, size, threads


def worlds(config: RenderingConfig, n: int) -> World:
    """Tables after 20 random steps."""
    env = make_vec(config.env, n, cameras=(), n_threads=1)
    env.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (20, *env.action_space.shape))
    for action in actions:
        env.step(action)
    return env.unwrapped.world


def rates(draw: Callable[[], Any], n: int, seconds: float) -> tuple[float, float]:
    """Images per second of time and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    calls, _ = common.run_for(seconds, draw)
    images = calls * n
    return images / (time.perf_counter() - wall), images / (time.process_time() - cpu)


def measure(config: RenderingConfig, world: World, size: int, threads: int) -> list[dict[str, Any]]:
    """One row for each camera."""
    renderers: dict[str, Renderer] = {
        name: make_renderer(world, size, threads, name) for name in BACKENDS
    }
    rows = []
    for camera in ("fixed", "wrist"):
        turns: dict[str, list[tuple[float, float]]] = {name: [] for name in BACKENDS}
        for renderer in renderers.values():
            renderer.render(camera)  # compiled, and contexts made
        for _ in range(config.rounds):
            for name, renderer in renderers.items():
                draw = lambda r=renderer: r.render(camera)  # noqa: B023, E731
                turns[name].append(rates(draw, world.n, config.seconds))
        found = {name: np.array(values) for name, values in turns.items()}
        ratio = np.median(found["native"] / found["opengl"], axis=0)
        row: dict[str, Any] = {
            "worlds": world.n, "size": size, "threads": threads, "camera": camera,
            "ratio": round(float(ratio[0]), 2), "ratio_cpu": round(float(ratio[1]), 2),
        }  # fmt: skip
        for name, values in found.items():
            row[f"{name}_per_s"], row[f"{name}_per_cpu_s"] = np.median(values, axis=0).round(1)
        rows.append({k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()})
        print(rows[-1], flush=True)
    for renderer in renderers.values():
        renderer.close()
    return rows


def main(config: RenderingConfig) -> None:
    """Measure, print and write."""
    result: dict[str, Any] = {"machine": common.machine(), "env": config.env, "rows": []}
    made: dict[int, World] = {}
    for n, size, threads in cells(config):
        if n not in made:
            made[n] = worlds(config, n)
        result["rows"] += measure(config, made[n], size, threads)
    common.save("rendering", result)


if __name__ == "__main__":
    main(tyro.cli(RenderingConfig))
