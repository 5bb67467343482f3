"""Shared by the benchmarks: timing of methods, the machine, result files."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vla_gym import make_vec
from vla_gym.io import write_json

RESULTS = Path(__file__).parents[1] / "docs" / "results"


class Clock:
    """Adds up the wall time that is spent in methods.

    The time of a nested call is counted for both methods.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, name: str, label: str) -> None:
        """Time every call of a method.

        Args:
            owner: The object.
            name: The method.
            label: Key in `spent` to which its seconds are added.
        """
        run: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return run(*args, **kwargs)
            finally:
                self.spent[label] += time.perf_counter() - start

        object.__setattr__(owner, name, timed)

    def reset(self) -> None:
        """Set all times to zero."""
        self.spent.clear()


def run_for(seconds: float, step: Callable[[], Any], least: int = 2) -> tuple[int, float]:
    """Call a function repeatedly for some time.

    Args:
        seconds: Duration; the last call is completed.
        step: The function.
        least: Minimum number of calls.

    Returns:
        Number of calls and the seconds they took.
    """
    start, calls = time.perf_counter(), 0
    while calls < least or time.perf_counter() - start < seconds:
        step()
        calls += 1
    return calls, time.perf_counter() - start


def scenes(n: int) -> Any:
    """A vector environment of all tasks with n sub-environments, reset, without cameras."""
    env = make_vec("VLATabletop-v0", n, cameras=())
    env.reset(seed=0)
    return env


def machine() -> dict[str, Any]:
    """Processor, number of cores, load before the start, and versions of the main packages."""
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
