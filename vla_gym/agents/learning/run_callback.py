"""What happens around learning: the bar, evaluations, checkpoints, the end of time, Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from tqdm import tqdm

if TYPE_CHECKING:
    from vla_gym.agents.learning.training import Run
    from vla_gym.tracking.run_logger import RunLogger

_BAR = "{l_bar}{bar:24}| {elapsed}<{remaining}{postfix}"


class StopLearning(Exception):
    """The time is up."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed, and the run stopped where it can be resumed."""


class RunCallback(BaseCallback):
    """Acts between iterations, when the run is in a state that can be saved and gone on from.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        every = run.config.eval_every
        self._next_eval = (run.model.num_timesteps // every + 1) * every
        self._saved_at = self._resumed_at = time.monotonic()
        self._before_s, self._steps_before = run.elapsed_s, run.model.num_timesteps
        self._success = float("nan")
        self._asked_to_stop = False
        self._bar = tqdm(
            total=100, bar_format=_BAR, desc="learning", file=sys.stdout,
            initial=int(100 * self.progress), disable=None, mininterval=1.0,
        )  # fmt: skip
        self._told_at = 0.0
        self._old_handler: Any = None
        if threading.current_thread() is threading.main_thread():
            self._old_handler = signal.signal(signal.SIGINT, self._on_interrupt)

    @property
    def log_interval(self) -> int:
        """Iterations (PPO) or episodes (SAC) between curve points."""
        return 1 if self.run.config.agent == "ppo" else 100

    @property
    def progress(self) -> float:
        """Share of the run that is done, by whichever limit is nearer. In [0, 1]."""
        c = self.run.config
        return min(
            1.0,
            max(self.run.elapsed_s / (60 * c.minutes), self.run.model.num_timesteps / c.steps),
        )

    def close(self) -> None:
        """Let go of the terminal and of Ctrl-C."""
        self._bar.close()
        if self._old_handler is not None:
            signal.signal(signal.SIGINT, self._old_handler)
            self._old_handler = None

    def _on_rollout_start(self) -> None:
        run = self.run
        run.elapsed_s = self._before_s + time.monotonic() - self._resumed_at
        if self._asked_to_stop:
            raise Interrupted
        if run.model.num_timesteps >= self._next_eval:
            self._next_eval += run.config.eval_every
            self._success = run.validate()
        if run.elapsed_s >= 60 * run.config.minutes:
            raise StopLearning
        run.model.anneal(self.progress)
        for name, teacher in run.env.teachers.items():
            run.model.logger.record(f"teachers/{name}", teacher.progress)
        if time.monotonic() - self._saved_at >= 60 * run.config.checkpoint_minutes:
            run.save()
            self._saved_at = time.monotonic()
        self._show()

    def _on_step(self) -> bool:
        return True

    def _show(self) -> None:
        run, now = self.run, time.monotonic()
        steps = run.model.num_timesteps
        rate = (steps - self._steps_before) / max(now - self._resumed_at, 1e-9)
        recent = run.model.ep_success_buffer
        text = {
            "steps": f"{steps:,}",
            "steps/s": f"{rate:.0f}",
            "success": f"{np.mean(recent):.2f}" if recent else "-",
            "validation": "-" if np.isnan(self._success) else f"{self._success:.2f}",
        }
        if self._bar.disable:  # no terminal: a line now and then
            if now - self._told_at >= 60:
                self._told_at = now
                words = ", ".join(f"{k} {v}" for k, v in text.items())
                print(f"  {100 * self.progress:3.0f}% {words}", flush=True)
            return
        self._bar.set_postfix(text, refresh=False)
        self._bar.update(int(100 * self.progress) - self._bar.n)

    def _on_interrupt(self, number: int, frame: Any) -> None:
        if self._asked_to_stop:
            raise KeyboardInterrupt
        self._asked_to_stop = True
        self._bar.write("finishing this iteration, then saving (Ctrl-C again to leave at once)")


class _Sink(KVWriter):
    """Passes Stable-Baselines3's numbers on to the run's log."""

    def __init__(self, log: RunLogger) -> None:
        self._log = log

    def write(
        self, key_values: dict[str, Any], key_excluded: Mapping[str, Any], step: int = 0
    ) -> None:
        """Write one set of numbers."""
        numbers = {
            k: v for k, v in key_values.items() if isinstance(v, (int, float, np.number, np.bool_))
        }
        self._log.log(numbers, step)

    def close(self) -> None:
        """Nothing to close; the run's log is closed by the run."""


def log_to(log: RunLogger) -> Logger:
    """A logger for Stable-Baselines3 that writes into the run's log."""
    return Logger(folder=None, output_formats=[_Sink(log)])
