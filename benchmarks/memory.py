"""Memory of many sub-environments, and its growth in a million steps with automatic resets.

python benchmarks/memory.py            # about six minutes; writes docs/results
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
import tyro

from vla_gym import make_vec


@dataclass
class MemoryConfig:
    """Measure memory."""

    env: str = "VLAPickPlace-v0"
    """Id of the environment."""
    worlds: tuple[int, ...] = (1, 64, 1024, 4096)
    """Numbers of sub-environments, by state."""
    long_worlds: int = 1024
    """Sub-environments of the long run."""
    long_steps: int = 1_000_000
    """Steps of the long run, over all sub-environments."""


def resident() -> float:
    """Resident memory of this process [MiB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def run(env_id: str, n: int, steps: int) -> dict[str, Any]:
    """Run n sub-environments by state and record the memory after every tenth of the steps.

    The first tenth is the warm-up: all caches are filled, and every episode has ended once.
    """
    before = resident()
    env = make_vec(env_id, n, cameras=())
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    core = env.unwrapped
    core.elapsed[:] = rng.integers(0, core.horizon, n)
    calls = max(2, -(-steps // n))
    marks = {round(calls * k / 10) for k in range(1, 11)}
    track, episodes, start = [], 0, time.perf_counter()
    for k in range(1, calls + 1):
        _, _, terminated, truncated, _ = env.step(rng.uniform(-1, 1, env.action_space.shape))
        episodes += int((terminated | truncated).sum())
        if k in marks:
            track.append(round(resident(), 2))
    took = time.perf_counter() - start
    env.close()
    return {
        "worlds": n, "steps": calls * n, "episodes": episodes,
        "before_mib": round(before, 1), "track_mib": track,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "kib_per_world": round(1024 * (track[-1] - before) / n, 1),
        "growth": round(track[-1] / track[0] - 1, 5),
        "steps_per_s": round(calls * n / took, 1),
    }  # fmt: skip


def apart(env_id: str, n: int, steps: int) -> dict[str, Any]:
    """`run` in a new process, so that nothing else has used its memory."""
    arguments = ["--worker", env_id, str(n), str(steps)]
    command = [sys.executable, str(Path(__file__).resolve()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(config: MemoryConfig) -> None:
    """Measure, print and write."""
    result: dict[str, Any] = {"machine": common.machine(), "env": config.env, "rows": []}
    for n in config.worlds:
        row = apart(config.env, n, 2 * n)
        result["rows"].append(row)
        print(f"{n:>5} sub-envs: {row['kib_per_world']:,.0f} KiB each", flush=True)
    row = result["long"] = apart(config.env, config.long_worlds, config.long_steps)
    print(
        f"{row['steps']:,} steps, {row['episodes']:,} episodes of {row['worlds']} sub-envs:"
        f" {row['track_mib']} MiB, growth {row['growth']:.2%}",
        flush=True,
    )
    common.save("memory", result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))), flush=True)
    else:
        main(tyro.cli(MemoryConfig))
