"""`World`: n tables with an arm, stepped together; the only writer of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from vla_gym.robots import DEFAULT_ROBOT, Robot, find_robot
from vla_gym.world.appearance import AppearanceWriter
from vla_gym.world.backend import Ids, PhysicsBackend
from vla_gym.world.kinematics import ArmSolver
from vla_gym.world.model import build_model
from vla_gym.world.mujoco_backend import MujocoBackend
from vla_gym.world.objects import ObjectSpec
from vla_gym.world.readings import Readings
from vla_gym.world.slots import SlotWriter
from vla_gym.world.visuals import Visuals

_PILE_GAPS = (0.02, 0.03, 0.04, 0.06)
"""Distances of cubes in a pile, for 60 contacts and fewer; up to 36 were seen in play [m]."""


class World(Readings):
    """A batch of tables with one arm and up to `n_slots` objects each; reading is in `Readings`.

    Args:
        n: Number of sub-environments.
        n_slots: Object slots of each.
        n_threads: Threads of the physics; 0 takes every core.
        robot: The arm, or its name.
        backend: Makes the physics from a model, a number of simulations and of threads.
    """

    def __init__(
        self,
        n: int,
        n_slots: int = 6,
        n_threads: int = 0,
        robot: str | Robot = DEFAULT_ROBOT,
        backend: Callable[[mujoco.MjModel, int, int], PhysicsBackend] = MujocoBackend,
    ) -> None:
        robot = find_robot(robot)
        super().__init__(backend(build_model(robot, n_slots), n, n_threads), robot, n_slots)
        self._slots = SlotWriter(self.backend, self.slot_body, self._slot_geom, self._slot_dof)
        self._appearance = AppearanceWriter(self.backend)
        self._qpos0 = self.model.qpos0.copy()
        self._pose_written = np.zeros(n, bool)
        self.home_qpos = self._solve_home()
        """Joint angles with the TCP at the robot's home, pointing straight down. (n_arm,), [rad]"""
        self._allocate_contacts()
        self.reset_robot(np.arange(n))
        self.forward(np.arange(n))

    def _solve_home(self) -> NDArray:
        robot = self.robot
        return self.arm_solver().solve(robot.home_tcp, robot.home_guess, steps=200, share=0.5)[0]

    def _allocate_contacts(self) -> None:
        """Simulate piles of cubes, so that each simulation allocates its contact memory now.

        Otherwise memory grows for a million steps, up to the most contacts of each simulation. No
        single pile touches every page, so there are several.
        """
        ids = np.arange(self.n)
        pos, quat = np.zeros((self.n, self.n_slots, 3)), np.zeros((self.n, self.n_slots, 4))
        quat[..., 0] = 1.0
        self.set_objects(ids, [[ObjectSpec("cube")] * self.n_slots] * self.n)
        for gap in _PILE_GAPS:
            pos[..., 0] = self.robot.home_tcp[0] + gap * np.arange(self.n_slots)
            self.place(ids, pos, quat)
            self.step(1)
        self.set_objects(ids, [[]] * self.n)
        self.place(ids, np.zeros_like(pos), quat)

    def arm_solver(self) -> ArmSolver:
        """Inverse kinematics on a copy of the arm."""
        return ArmSolver(self.model, self.n_arm, self.tcp_site)

    # ---- writing ------------------------------------------------------------------------------

    def set_objects(self, ids: Ids, specs: Sequence[Sequence[ObjectSpec | None]]) -> None:
        """Set which object is in each slot; call `place` for the poses afterwards.

        Args:
            ids: Sub-environments. Shape (m,).
            specs: One list each; missing tail entries and None are absent.
        """
        self.kind_id[ids], self.size_id[ids], self.rgb[ids] = self._slots.write(ids, specs)

    def place(self, ids: Ids, pos: NDArray, quat: NDArray) -> None:
        """Set the poses of all objects at the start of an episode, at rest; clears latches.

        Args:
            ids: Sub-environments. Shape (m,).
            pos: Object origins; absent objects are parked out of sight. Shape (m, n_slots, 3), [m].
            quat: Orientations. Shape (m, n_slots, 4).
        """
        self._pose_written[ids] = True
        here = self.present[ids][..., None]
        pose = np.concatenate([pos, quat], axis=-1)
        parked = self._qpos0[self._slot_qpos]
        rows = self.qpos[ids]
        rows[:, self._slot_qpos] = np.where(here, pose, parked)
        self.qpos[ids] = rows
        self.start_pos[ids], self.diverged[ids] = pos, False
        for latch in self._latches.values():
            latch[ids] = False
        speed = self.qvel[ids]
        speed[:, self._slot_dof] = 0.0
        self.qvel[ids] = speed

    def move(self, i: int, slot: int, xy: tuple[float, float]) -> None:
        """Move one object of one sub-environment on the table, at rest; `start_pos` follows."""
        self._pose_written[i] = True
        self.qpos[i, self._slot_qpos[slot, :2]] = xy
        self.start_pos[i, slot, :2] = xy
        self.qvel[i, self._slot_dof[slot]] = 0.0

    def reset_robot(
        self, ids: Ids, qpos: NDArray | None = None, width: float | None = None
    ) -> None:
        """Put the arm at rest, and reset everything but the objects' poses.

        Args:
            ids: Sub-environments. Shape (m,).
            qpos: Joint angles, or None for home. Shape (n_arm,) or (m, n_arm), [rad].
            width: Gripper opening, or None for fully open [m].
        """
        angles = self.home_qpos if qpos is None else qpos
        width = self.robot.gripper.opening if width is None else width
        n = self.n_arm
        objects = self.qpos[ids][:, n + 2 :].copy()
        self.backend.reset(ids)
        self._pose_written[ids] = False
        self.qpos[ids, n + 2 :] = objects
        self.qpos[ids, :n] = angles
        self.qpos[ids, n : n + 2] = width / 2
        self.ctrl[ids, :n] = angles
        self.ctrl[ids, n] = width

    def set_visuals(self, ids: Ids, visuals: Sequence[Visuals]) -> None:
        """Set the appearance of some sub-environments (m,), one `Visuals` each."""
        self._appearance.write(ids, visuals)

    # ---- running ------------------------------------------------------------------------------

    def step(self, n_substeps: int, ids: Ids | None = None) -> None:
        """Advance by physics steps, then update positions and velocities.

        MuJoCo resets a simulation whose accelerations are not finite; this shows in objects that
        are back at their parking positions, and sets `diverged`.
        """
        self._wake()
        self.backend.step(n_substeps, ids)
        at = self._slot_qpos[:, :2]
        parked = (np.abs(self.qpos[:, at] - self._qpos0[at]) < 1e-6).all(axis=2)
        self.diverged |= (parked & self.present).any(axis=1)

    def forward(self, ids: Ids | None = None) -> None:
        """Recompute what follows from the state, without advancing time."""
        self._wake()
        self.backend.forward(ids)

    def _wake(self) -> None:
        """Wake all bodies in simulations where a pose has been written."""
        if self._pose_written.any():
            ids = np.flatnonzero(self._pose_written)
            self.backend.wake(ids)
            self._pose_written[ids] = False

    # ---- state --------------------------------------------------------------------------------

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to continue from here with the same bits, as copies.

        Which bodies sleep is not part of it, so all are woken: what follows is the same as after
        `set_state`, and within micrometres of what would have been.
        """
        self._pose_written[:] = True
        self.forward()
        arrays = {f"field/{k}": v for k, v in self._all_fields().items()}
        arrays |= {"state": self.backend.state, "kind_id": self.kind_id}
        arrays |= {"size_id": self.size_id, "rgb": self.rgb, "start_pos": self.start_pos}
        arrays |= {f"latch/{k}": v for k, v in self._latches.items()}
        return {k: v.copy() for k, v in arrays.items()}

    def set_state(self, state: dict[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        self._pose_written[:] = True
        for name, array in self._all_fields().items():
            array[...] = state[f"field/{name}"]
        self.backend.state[...] = state["state"]
        for name in ("kind_id", "size_id", "rgb", "start_pos"):
            getattr(self, name)[...] = state[name]
        self._latches = {
            k.removeprefix("latch/"): np.array(v, bool)
            for k, v in state.items() if k.startswith("latch/")
        }  # fmt: skip
        self.forward()

    def _all_fields(self) -> dict[str, NDArray]:
        return self._slots.fields | self._appearance.fields
