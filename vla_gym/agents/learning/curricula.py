"""Curricula: what changes how training episodes start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.learning.failure_replay import FailureReplay
from vla_gym.agents.learning.reverse_curriculum import ReverseCurriculum


class Curriculum(Protocol):
    """Changes how episodes start, and learns from how they end."""

    rng: np.random.Generator

    @property
    def progress(self) -> float:
        """Scalar to log."""
        ...

    def note(self, done: NDArray[np.bool_], success: NDArray[np.bool_], /) -> None:
        """Take in how episodes ended.

        Args:
            done: Sub-environments whose episode ended; the next one has started. Shape (n,).
            success: Whether it succeeded. Shape (n,).
        """
        ...

    def get_state(self) -> dict[str, NDArray]:
        """The state that a checkpoint keeps, `rng` apart."""
        ...

    def set_state(self, state: Mapping[str, NDArray], /) -> None:
        """Restore a state from `get_state`."""
        ...


def make_curricula(config: TrainConfig, venv: Any) -> dict[str, Curriculum]:
    """The curricula of a resolved configuration, attached to the environment.

    Args:
        config: The configuration.
        venv: The environment, whose next episodes are changed.
    """
    made: dict[str, Curriculum] = {}
    if config.curriculum:
        made["reverse"] = ReverseCurriculum(venv, config.seed)
    if config.failure_replay:
        made["failure_replay"] = FailureReplay(venv, config.failure_replay, seed=config.seed)
    return made
