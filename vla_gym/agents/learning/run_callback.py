"""What happens between iterations: progress bar, evaluations, checkpoints, time limit, Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from tqdm import tqdm

from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv
from vla_gym.agents.learning.learners import Learner
from vla_gym.tracking.run_logger import RunLogger

_BAR = "{l_bar}{bar:24}| {elapsed}<{remaining}{postfix}"


class StopLearning(Exception):
    """The time is up."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed, and the run has been saved."""


@dataclass
class RunClock:
    """Learning time of a run, over all resumptions."""

    elapsed_s: float = 0.0
    """[s]."""


class RunCallback(BaseCallback):
    """Acts between iterations, when a run is in a state that can be saved and resumed.

    Args:
        config: Of the run.
        learner: Of the run.
        env: Where it learns.
        clock: Is advanced.
        validate: Evaluates the policy; returns its success rate.
        save: Writes a checkpoint.
    """

    def __init__(
        self, config: TrainConfig, learner: Learner, env: FeatureVecEnv, clock: RunClock,
        validate: Callable[[], float], save: Callable[[], object],
    ) -> None:  # fmt: skip
        super().__init__()
        self.config, self.learner, self.env, self.clock = config, learner, env, clock
        self._validate, self._save = validate, save
        every = config.eval_every
        self._next_eval = (learner.num_timesteps // every + 1) * every
        self._saved_at = self._resumed_at = time.monotonic()
        self._before_s, self._steps_before = clock.elapsed_s, learner.num_timesteps
        self._success = float("nan")
        self._interrupted = False
        self._bar = tqdm(
            total=100, bar_format=_BAR, desc="learning", file=sys.stdout,
            initial=int(100 * self.progress), disable=None, mininterval=1.0,
        )  # fmt: skip
        self._printed_at = 0.0
        self._old_handler: Any = None
        if threading.current_thread() is threading.main_thread():
            self._old_handler = signal.signal(signal.SIGINT, self._on_interrupt)

    @property
    def log_interval(self) -> int:
        """Iterations (PPO) or episodes (SAC) between logged metrics."""
        return 1 if self.config.agent == "ppo" else 100

    @property
    def progress(self) -> float:
        """Share of the run that is done, by time or by steps, whichever is more. In [0, 1]."""
        c = self.config
        done = max(self.clock.elapsed_s / (60 * c.minutes), self.learner.num_timesteps / c.steps)
        return min(1.0, done)

    def close(self) -> None:
        """Close the progress bar, and restore the handler of Ctrl-C."""
        self._bar.close()
        if self._old_handler is not None:
            signal.signal(signal.SIGINT, self._old_handler)
            self._old_handler = None

    def _on_rollout_start(self) -> None:
        config, learner = self.config, self.learner
        self.clock.elapsed_s = self._before_s + time.monotonic() - self._resumed_at
        if self._interrupted:
            raise Interrupted
        if learner.num_timesteps >= self._next_eval:
            self._next_eval += config.eval_every
            self._success = self._validate()
        if self.clock.elapsed_s >= 60 * config.minutes:
            raise StopLearning
        learner.anneal(self.progress)
        for name, curriculum in self.env.curricula.items():
            learner.logger.record(f"curricula/{name}", curriculum.progress)
        if time.monotonic() - self._saved_at >= 60 * config.checkpoint_minutes:
            self._save()
            self._saved_at = time.monotonic()
        self._show()

    def _on_step(self) -> bool:
        return True

    def _show(self) -> None:
        learner, now = self.learner, time.monotonic()
        steps = learner.num_timesteps
        rate = (steps - self._steps_before) / max(now - self._resumed_at, 1e-9)
        recent = learner.ep_success_buffer
        shown = {
            "steps": f"{steps:,}",
            "steps/s": f"{rate:.0f}",
            "success": f"{np.mean(recent):.2f}" if recent else "-",
            "validation": "-" if np.isnan(self._success) else f"{self._success:.2f}",
        }
        if self._bar.disable:  # no terminal: one line a minute
            if now - self._printed_at >= 60:
                self._printed_at = now
                text = ", ".join(f"{k} {v}" for k, v in shown.items())
                print(f"  {100 * self.progress:3.0f}% {text}", flush=True)
            return
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(int(100 * self.progress) - self._bar.n)

    def _on_interrupt(self, number: int, frame: Any) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        self._bar.write("finishing this iteration, then saving (Ctrl-C again to leave at once)")


class _LogWriter(KVWriter):
    """Passes Stable-Baselines3's metrics on to the run's log."""

    def __init__(self, log: RunLogger) -> None:
        self._log = log

    def write(
        self, key_values: dict[str, Any], key_excluded: Mapping[str, Any], step: int = 0
    ) -> None:
        """Write one set of metrics."""
        numbers = {
            k: v for k, v in key_values.items() if isinstance(v, (int, float, np.number, np.bool_))
        }
        self._log.log(numbers, step)

    def close(self) -> None:
        """Nothing to close; the run's log is closed by the run."""


def log_to(log: RunLogger) -> Logger:
    """A logger for Stable-Baselines3 that writes into the run's log."""
    return Logger(folder=None, output_formats=[_LogWriter(log)])
