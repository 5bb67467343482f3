"""`ThreadTuner`: torch's number of threads, by what was fast lately."""

from __future__ import annotations

import torch

from vla_gym.world.cores import usable_cores


class ThreadTuner:
    """Chooses between one thread and all cores by measuring both from time to time.

    On cores that other processes use too, threads that wait for each other can be many times
    slower than one.

    Args:
        threads: Fixed number; 0 chooses.
    """

    PERIOD, TRIAL = 60, 4
    """Steps after which all choices are measured again, and steps of one measurement."""

    def __init__(self, threads: int) -> None:
        self.choices = [threads] if threads else sorted({1, usable_cores()})
        self.times: dict[int, float] = {}
        self.now = self.choices[0]
        torch.set_num_threads(self.now)

    def choose(self, step: int) -> None:
        """Set the threads for a step."""
        at = step % self.PERIOD
        if at < self.TRIAL * len(self.choices):
            self.now = self.choices[at // self.TRIAL]
        else:
            self.now = min(self.choices, key=lambda c: self.times.get(c, 0.0))
        torch.set_num_threads(self.now)

    def note(self, seconds: float) -> None:
        """Record the duration of a step [s]."""
        self.times[self.now] = 0.5 * self.times.get(self.now, seconds) + 0.5 * seconds
