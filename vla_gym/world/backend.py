"""What `World` needs of a physics engine."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import mujoco
import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@runtime_checkable
class PhysicsBackend(Protocol):
    """n simulations of one model, stepped together. Fields are named as in MuJoCo."""

    n: int
    """Number of simulations."""
    model: mujoco.MjModel
    """The model that all start from."""
    state: NDArray
    """All that the next step depends on, apart from model fields. Shape (n, size), writable."""

    def bind(self, name: str) -> NDArray:
        """A live array over a field of MjData. Shape (n, ...).

        State fields (qpos, qvel, ctrl) may be written; derived ones are refreshed by every call.
        """
        ...

    def expand(self, name: str) -> NDArray:
        """Give a field of MjModel one value for each simulation. Shape (n, ...), writable."""
        ...

    def step(self, n_substeps: int, ids: Ids | None = None) -> None:
        """Advance by physics steps, then update positions, velocities and contact sensors.

        Args:
            n_substeps: Physics steps.
            ids: Simulations, or None for all. Shape (m,).
        """
        ...

    def forward(self, ids: Ids | None = None) -> None:
        """Recompute derived fields from the state, without advancing time."""
        ...

    def reset(self, ids: Ids) -> None:
        """Set simulations to the model's defaults; derived fields keep their values."""
        ...

    def wake(self, ids: Ids) -> None:
        """End the sleep of all bodies, in simulations whose poses have been written."""
        ...

    def model_of(self, i: int, into: mujoco.MjModel | None = None) -> mujoco.MjModel:
        """The model of simulation i with its own fields, written to `into` if given."""
        ...

    def data_of(self, i: int, into: mujoco.MjData | None = None) -> mujoco.MjData:
        """The data of simulation i, written to `into` if given."""
        ...
