"""What the benchmarks share: clocks around parts of a program, the machine, result files."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vla_gym.io import write_json

RESULTS = Path(__file__).parents[1] / "docs" / "results"


class Clock:
    """Adds up the wall time that is spent in some functions of objects.

    Times of functions called inside one another are counted in both.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, name: str, label: str) -> None:
        """Time every call of a method.

        Args:
            owner: The object.
            name: The method.
            label: Where its seconds are added.
        """
        run: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return run(*args, **kwargs)
            finally:
                self.spent[label] += time.perf_counter() - begun

        object.__setattr__(owner, name, timed)

    def reset(self) -> None:
        """Begin anew."""
        self.spent.clear()


def run_for(seconds: float, step: Callable[[], Any], least: int = 2) -> tuple[int, float]:
    """Call a function for a while.

    Args:
        seconds: How long; the last call is finished.
        step: The function.
        least: Calls that are made however long they take.

    Returns:
        Number of calls and the seconds they took.
    """
    begun, calls = time.perf_counter(), 0
    while calls < least or time.perf_counter() - begun < seconds:
        step()
        calls += 1
    return calls, time.perf_counter() - begun


def scenes(n: int) -> Any:
    """So many scenes of all tasks, just begun; pictures are drawn by who asks."""
    import gymnasium as gym

    import vla_gym  # noqa: F401 - registers the environments

    env = gym.make_vec(
        "VLATabletop-v0", num_envs=n, vectorization_mode="vector_entry_point", cameras=()
    )
    env.reset(seed=0)
    return env


def machine() -> dict[str, Any]:
    """Processor, number of cores, load before the start, and versions of what matters."""
    from importlib.metadata import version

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    names = ("mujoco", "torch", "numpy", "gymnasium", "stable_baselines3")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def save(name: str, result: dict[str, Any]) -> Path:
    """Write a result file into docs/results."""
    path = write_json(RESULTS / f"{name}.json", result)
    print(f"wrote {path.relative_to(RESULTS.parents[1])}", flush=True)
    return path
