"""Listeners: called at the start, steps and end of episodes, for videos, statistics, recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StepEvent:
    """One control step of n sub-environments, before any of them starts a new episode."""

    actions: NDArray
    """As the policy chose them. Shape (n, 7) or (n, 8), in [-1, 1]."""
    rewards: NDArray
    """Shape (n,)."""
    terminated: NDArray[np.bool_]
    """Shape (n,)."""
    truncated: NDArray[np.bool_]
    """Shape (n,)."""
    infos: Mapping[str, Any]
    """Infos of this step, arrays with a leading (n,) axis; the last ones where an episode ended."""
    running: NDArray[np.bool_]
    """Sub-environments that the event is about: all of them if an environment calls, those whose
    episode counts if an evaluation does. Shape (n,)."""
    observations: Mapping[str, Any] = field(default_factory=dict)
    """What `actions` were chosen from; empty where it is not known."""

    @property
    def done(self) -> NDArray[np.bool_]:
        """Whether an episode ended in this step. Shape (n,)."""
        return self.terminated | self.truncated


class Listener:
    """Base class of listeners; override what you need.

    Register one with `TabletopVectorEnv.add_listener`, or pass it to an evaluation
    (`vla_gym.evaluation.protocol.run_episodes`), which calls it for the counted episodes only. Any
    number of listeners can be registered; they are called in the order in which they were added.
    """

    def on_episode_start(self, venv: Any, ids: NDArray[np.int64]) -> None:
        """Episodes have been set up and nothing has been observed yet.

        Args:
            venv: The environment.
            ids: Sub-environments. Shape (m,).
        """

    def on_step(self, venv: Any, event: StepEvent) -> None:
        """A control step has been made.

        Args:
            venv: The environment.
            event: What happened.
        """

    def on_episode_end(self, venv: Any, ids: NDArray[np.int64]) -> None:
        """Episodes have ended; called after `on_step`, before new ones start.

        Args:
            venv: The environment.
            ids: Sub-environments. Shape (m,).
        """
