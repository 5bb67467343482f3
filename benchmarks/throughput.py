"""Environment steps per second, compared with the limit set by physics, rendering and CLIP.

    python benchmarks/throughput.py            # about five minutes; writes docs/results

Every figure comes with its limit from the same run: the rate if only the calls of MuJoCo's
`Batch.step`, of the renderer and of CLIP took time, on the same states.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import common
import numpy as np
import torch
import tyro

import vla_gym

MODES: dict[str, tuple[str, ...]] = {
    "state": (), "one camera": ("image",), "two cameras": ("image", "wrist_image"),
    "clip": ("image",),
}  # fmt: skip
PARTS = ("physics", "rendering", "encoding")
"""Parts that the limit counts; the rest is overhead."""


@dataclass
class ThroughputConfig:
    """Measure throughput."""

    env: str = "VLAPickPlace-v0"
    """Id of the environment."""
    image_size: int = 64
    """Width and height of images [px]; CLIP gets 128 px."""
    worlds: tuple[int, ...] = (1, 2, 8, 64, 512, 4096)
    """Numbers of sub-environments."""
    threads: tuple[int, ...] = (1, 2)
    """Threads of physics, rendering and CLIP."""
    seconds: float = 3.0
    """Time per figure [s]."""
    repeats: int = 3
    """Parts of that time; the median of their rates is reported."""


def cells(config: ThroughputConfig) -> Iterator[tuple[str, int, int]]:
    """Mode, sub-environments and threads of each figure; slow modes skip some sizes."""
    for mode in MODES:
        for n in config.worlds:
            if (mode == "clip" and n > 512) or (mode == "two cameras" and n not in (1, 64)):
                continue
            for threads in config.threads:
                yield mode, n, threads


def measure(config: ThroughputConfig, mode: str, n: int, threads: int) -> dict[str, Any]:
    """One row of the table."""
    size = 128 if mode == "clip" else config.image_size
    env = vla_gym.make_vec(config.env, n, cameras=MODES[mode], image_size=size, n_threads=threads)
    core, clock = env.unwrapped, common.Clock()
    clock.watch(core.world.backend, "step", "physics")
    clock.watch(core.renderer, "render", "rendering")
    clock.watch(core._controller, "apply", "controller")
    clock.watch(core.judge, "step", "predicates")
    clock.watch(core, "start", "resets")
    encoder: Any = None
    if mode == "clip":
        from vla_gym.vlm.encoder import ClipEncoder

        torch.set_num_threads(threads)
        encoder = ClipEncoder(device="cpu")
        clock.watch(encoder, "encode_image", "encoding")
    start = time.perf_counter()
    env.reset(seed=0)
    first_reset = time.perf_counter() - start
    actions = np.random.default_rng(0).uniform(-1, 1, (16, *env.action_space.shape))
    turn = iter(np.tile(np.arange(16), 1_000_000))

    def step() -> None:
        obs, *_ = env.step(actions[next(turn)])
        if encoder is not None:
            encoder.encode_image(obs["image"])

    # episodes end at different steps, as in training
    core.elapsed[:] = np.random.default_rng(1).integers(0, core.horizon, n)
    for _ in range(3 if n <= 64 else 1):
        step()
    rates = []
    clock.reset()
    calls, took = 0, 0.0
    for _ in range(config.repeats):
        k, seconds = common.run_for(config.seconds / config.repeats, step, 1)
        rates.append(n * k / seconds)
        calls, took = calls + k, took + seconds
    env.close()
    bare = sum(clock.spent[part] for part in PARTS)
    return {
        "mode": mode, "worlds": n, "threads": threads, "image_size": size,
        "steps_per_s": round(float(np.median(rates)), 1),
        "limit_per_s": round(n * calls / bare, 1),
        "share_of_limit": round(bare / took, 3),
        "overhead_us_per_step": round(1e6 * (took - bare) / (n * calls), 1),
        "encoder_per_s": round(n * calls / clock.spent["encoding"], 1) if encoder else None,
        "first_reset_ms_per_world": round(1e3 * first_reset / n, 3),
        "split": {name: round(s / took, 4) for name, s in sorted(clock.spent.items())},
    }  # fmt: skip


def one_world(config: ThroughputConfig) -> dict[str, Any]:
    """A single environment of `gym.make`, by state."""
    env: Any = vla_gym.make(config.env, cameras=(), n_threads=1)
    core, clock = env.unwrapped.vector, common.Clock()
    clock.watch(core.world.backend, "step", "physics")
    env.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (256, 7)).astype(np.float32)
    turn = iter(np.tile(np.arange(256), 100_000))

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(actions[next(turn)])
        if terminated or truncated:
            env.reset()

    common.run_for(0.5, step)
    clock.reset()
    calls, took = common.run_for(config.seconds, step)
    env.close()
    physics = clock.spent["physics"]
    return {
        "steps_per_s": round(calls / took, 1), "limit_per_s": round(calls / physics, 1),
        "overhead_us_per_step": round(1e6 * (took - physics) / calls, 1),
    }  # fmt: skip


def main(config: ThroughputConfig) -> None:
    """Measure, print and write."""
    result: dict[str, Any] = {"machine": common.machine(), "env": config.env, "rows": []}
    result["gym_make"] = one_world(config)
    print("gym.make, by state:", result["gym_make"], flush=True)
    for mode, n, threads in cells(config):
        row = measure(config, mode, n, threads)
        result["rows"].append(row)
        print(
            f"{mode:<12} {n:>5} sub-envs {threads} threads: {row['steps_per_s']:>8,.0f} steps/s, "
            f"{row['share_of_limit']:.0%} of the limit {row['limit_per_s']:,.0f}",
            flush=True,
        )
    common.save("throughput", result)


if __name__ == "__main__":
    main(tyro.cli(ThroughputConfig))
