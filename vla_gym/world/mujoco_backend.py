"""`PhysicsBackend` on MuJoCo's CPU thread pool."""

from __future__ import annotations

import mujoco
from mujoco.batch import Batch
from numpy.typing import NDArray

from vla_gym.world.backend import Ids
from vla_gym.world.cores import usable_cores

_NO_STAGE = mujoco.mjtStage.mjSTAGE_NONE.value
_VELOCITY = mujoco.mjtStage.mjSTAGE_VEL.value


class MujocoBackend:
    """n simulations on a pool of threads; results do not depend on the number of threads.

    Args:
        model: The model of all simulations.
        n: Number of simulations.
        n_threads: Threads; 0 takes every core that this process may use.
    """

    def __init__(self, model: mujoco.MjModel, n: int, n_threads: int = 0) -> None:
        self.model, self.n = model, n
        threads = n_threads or usable_cores()
        self._batch = Batch(model, n, threads, persistent=True)  # sleeping needs it
        self.state: NDArray = self._batch.state
        self.bind, self.expand = self._batch.bind, self._batch.expand

    def step(self, n_substeps: int, ids: Ids | None = None) -> None:
        """Advance; see `PhysicsBackend`."""
        self._batch.step(ids=ids, nstep=n_substeps, stage=_VELOCITY)

    def forward(self, ids: Ids | None = None) -> None:
        """Recompute derived fields."""
        self._batch.forward(ids=ids)

    def reset(self, ids: Ids) -> None:
        """Set simulations to the model's defaults."""
        self._batch.reset(ids=ids, stage=_NO_STAGE)

    def wake(self, ids: Ids) -> None:
        """End the sleep of all bodies: a reset does, and the state is put back."""
        state = self.state[ids]
        self.reset(ids)
        self.state[ids] = state

    def model_of(self, i: int, into: mujoco.MjModel | None = None) -> mujoco.MjModel:
        """The model of one simulation."""
        return self._batch.get_model(i, into)

    def data_of(self, i: int, into: mujoco.MjData | None = None) -> mujoco.MjData:
        """The data of one simulation."""
        return self._batch.get_data(i, into)
