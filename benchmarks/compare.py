"""Environment steps per second of two checkouts, in alternating slices.

    python benchmarks/compare.py ../before .      # about five minutes

On a machine whose speed drifts, two runs one after the other say little. Here one process per
checkout stays open and they take turns for a fraction of a second each; what is reported is the
median of the ratios of neighbouring slices.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

CAMERAS: dict[str, tuple[str, ...]] = {
    "state": (), "one camera": ("image",), "two cameras": ("image", "wrist_image"),
    "clip": ("image",),
}  # fmt: skip
CELLS = (
    ("state", 1, 1), ("state", 64, 1), ("state", 64, 2), ("state", 512, 2), ("one camera", 1, 1),
    ("one camera", 64, 1), ("one camera", 64, 2), ("two cameras", 64, 2), ("clip", 64, 2),
)  # fmt: skip
"""Observations, sub-environments, threads."""


@dataclass
class CompareConfig:
    """Compare the speed of two checkouts."""

    before: Annotated[Path, tyro.conf.Positional]
    """Folder of the first checkout."""
    after: Annotated[Path, tyro.conf.Positional]
    """Folder of the second checkout."""
    slices: int = 24
    """Slices of each checkout per figure."""
    seconds: float = 0.4
    """Time per slice [s]."""
    cells: int = len(CELLS)
    """How many of the figures to measure."""


def serve() -> None:
    """Measure slices on request: a worker, started in the root of a checkout."""
    sys.path.insert(0, os.getcwd())
    import vla_gym

    if not Path(vla_gym.__file__).is_relative_to(os.getcwd()):
        sys.exit(f"{vla_gym.__file__} is not in {os.getcwd()}.")
    key: Any = None
    step: Any = None
    for line in sys.stdin:
        *cell, seconds = json.loads(line)
        if cell != key:
            key, step = cell, prepare(*cell)
        calls, start, cpu = 0, time.perf_counter(), time.process_time()
        while calls == 0 or time.perf_counter() - start < seconds:
            step()
            calls += 1
        took, steps = time.perf_counter() - start, cell[1] * calls
        print(json.dumps([steps / took, (time.process_time() - cpu) / steps]), flush=True)


def prepare(mode: str, n: int, threads: int) -> Any:
    """A function that makes one step of n sub-environments; only Gymnasium's interface is used."""
    import gymnasium as gym
    import numpy as np

    env: Any = gym.make_vec(
        "VLAPickPlace-v0", num_envs=n, vectorization_mode="vector_entry_point",
        cameras=CAMERAS[mode], image_size=128 if mode == "clip" else 64, n_threads=threads,
    )  # fmt: skip
    env.reset(seed=0)
    core, rng = env.unwrapped, np.random.default_rng(1)
    core.elapsed[:] = rng.integers(0, core.horizon, n)  # episodes end at different steps
    actions = rng.uniform(-1, 1, env.action_space.shape)
    encoder: Any = None
    if mode == "clip":
        import torch

        from vla_gym.vlm.encoder import ClipEncoder

        torch.set_num_threads(threads)
        encoder = ClipEncoder(device="cpu")

    def step() -> None:
        obs, *_ = env.step(actions)
        if encoder is not None:
            encoder.encode_image(obs["image"])

    return step


def start(folder: Path) -> subprocess.Popen[str]:
    """A worker for a checkout."""
    env = {**os.environ, "PYTHONPATH": str(folder.resolve())}
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.append({here!r}); import compare; compare.serve()"
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, env=env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def ask(worker: subprocess.Popen[str], request: tuple[Any, ...]) -> tuple[float, float]:
    """Steps/s and CPU seconds per step of one slice."""
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    answer = worker.stdout.readline()
    if not answer:
        sys.exit(f"The worker for {request} has stopped; its error is above.")
    rate, cpu = json.loads(answer)
    return rate, cpu


def main(config: CompareConfig) -> None:
    """Measure and print one line per figure."""
    workers = [start(config.before), start(config.after)]
    for mode, n, threads in CELLS[: config.cells]:
        for worker in workers:
            ask(worker, (mode, n, threads, 0.0))
        slices: list[list[tuple[float, float]]] = [[], []]
        for i in range(config.slices):
            for side in (0, 1) if i % 2 else (1, 0):
                slices[side].append(ask(workers[side], (mode, n, threads, config.seconds)))
        pairs = list(zip(*slices, strict=True))
        ratio = statistics.median(after[0] / before[0] for before, after in pairs)
        cpu = statistics.median(after[1] / before[1] for before, after in pairs)
        rates = [statistics.median(rate for rate, _ in side) for side in slices]
        print(
            f"{mode:<12} {n:>4} sub-envs {threads} threads: "
            f"{rates[0]:>6,.0f} and {rates[1]:>6,.0f} steps/s, "
            f"ratio {ratio:.3f}; ratio of CPU time per step {cpu:.3f}",
            flush=True,
        )
    for worker in workers:
        worker.terminate()


if __name__ == "__main__":
    main(tyro.cli(CompareConfig))
