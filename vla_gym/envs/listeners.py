"""Listeners: told when episodes start, step and end; films, tallies and recorders are such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StepEvent:
    """One control step of n sub-environments, before any of them starts over."""

    actions: NDArray
    """As they were asked for. Shape (n, 7) or (n, 8), in [-1, 1]."""
    rewards: NDArray
    """Shape (n,)."""
    terminated: NDArray[np.bool_]
    """Shape (n,)."""
    truncated: NDArray[np.bool_]
    """Shape (n,)."""
    infos: Mapping[str, Any]
    """Of this step, arrays with a leading (n,) axis; at an episode's end its last infos."""
    running: NDArray[np.bool_]
    """Sub-environments that the listener is told of: all of them by an environment, those whose
    episode counts by an evaluation. Shape (n,)."""
    observations: Mapping[str, Any] = field(default_factory=dict)
    """What `actions` were chosen from; empty where it is not known."""

    @property
    def done(self) -> NDArray[np.bool_]:
        """Whether an episode ended in this step. Shape (n,)."""
        return self.terminated | self.truncated


class Listener:
    """Is told what happens; override what you need.

    Register one with `TabletopVectorEnv.add_listener`, or pass it to an evaluation
    (`vla_gym.evaluation.protocol.run_episodes`), which tells it of the counted episodes only. Any
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
        """Episodes have ended; called after `on_step`, before they start over.

        Args:
            venv: The environment.
            ids: Sub-environments. Shape (m,).
        """
