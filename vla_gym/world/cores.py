"""How many cores this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may run on, which can be fewer than the machine has.

    ``taskset``, SLURM and container runtimes set an affinity; more threads than that only wait.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1  # systems without affinity
