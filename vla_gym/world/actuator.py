"""`Actuator`: executes the actions of a control step, plainly or within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.controller import TcpDeltaController
from vla_gym.world.world import World

Played = Mapping[str, Sequence[int]]
"""Role -> slots of the objects that play it in one sub-environment."""


class Actuator(Protocol):
    """Executes the actions of n sub-environments.

    Implementations: `PlainActuator` and `vla_gym.safety.guard.Guard`.
    """

    seconds: float
    """Time that the last control step cost on top of controller and physics [s]."""

    def start(self, ids: NDArray[np.int64], played: Sequence[Played]) -> None:
        """Episodes start.

        Args:
            ids: Sub-environments. Shape (m,).
            played: Which slots play which role in each of them.
        """

    def execute(self, actions: NDArray, n_substeps: int) -> NDArray:
        """Run one control step: physics advances by `n_substeps` steps.

        Args:
            actions: Translation, rotation vector, gripper; further columns are passed on. Shape
                (n, 7) or (n, 8), in [-1, 1].
            n_substeps: Physics steps of one control step.

        Returns:
            The executed actions, shaped as `actions`.
        """
        ...

    def info(self, asked: NDArray, executed: NDArray) -> dict[str, Any]:
        """Entries of the step's infos: arrays with a leading (n,) axis.

        Args:
            asked: The actions passed to `execute`.
            executed: What it returned.
        """
        ...

    def keep_away(self, i: int, slots: Sequence[int]) -> None:
        """Keep the hand away from objects until the episode ends, if the actuator can.

        Args:
            i: Sub-environment.
            slots: Slots of the objects.
        """

    def get_state(self) -> dict[str, NDArray]:
        """What carries over from step to step, as copies."""
        ...

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state`."""

    def close(self) -> None:
        """Undo changes to the simulation that would outlive this actuator."""


class PlainActuator:
    """The controller and the physics, nothing else; implements `Actuator`.

    Args:
        world: The simulation.
        controller: Maps actions to joint targets.
    """

    seconds = 0.0

    def __init__(self, world: World, controller: TcpDeltaController) -> None:
        self.world, self.controller = world, controller

    def start(self, ids: NDArray[np.int64], played: Sequence[Played]) -> None:
        """Nothing carries over from one episode to the next."""

    def execute(self, actions: NDArray, n_substeps: int) -> NDArray:
        """Execute actions as they are."""
        self.controller.apply(self.world, actions)
        self.world.step(n_substeps)
        return actions

    def info(self, asked: NDArray, executed: NDArray) -> dict[str, Any]:
        """Nothing to report."""
        return {}

    def keep_away(self, i: int, slots: Sequence[int]) -> None:
        """Actions are not changed, so nothing is kept away from."""

    def get_state(self) -> dict[str, NDArray]:
        """No state."""
        return {}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """No state."""

    def close(self) -> None:
        """Nothing to undo."""
