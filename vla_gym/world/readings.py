"""What can be read from the simulations, as arrays with one row for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import UnknownNameError
from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.geometry.rotations import cross, quat_to_mat
from vla_gym.robots import Robot
from vla_gym.world.backend import PhysicsBackend
from vla_gym.world.object_kind import MAX_GEOMS, SIZE_SCALES
from vla_gym.world.objects import KINDS

_HALF_HEIGHT = np.array([kind.half_height for kind in KINDS.values()])
_SCALES = np.array([*SIZE_SCALES.values(), 1.0])


class Readings:
    """State of n simulations of one arm and up to `n_slots` objects.

    All arrays lead with the simulation's axis. Lengths are metres, angles radians, times seconds,
    quaternions wxyz; the frame has its origin at the robot's base, z up, table top at z = 0.

    Args:
        backend: The simulations.
        robot: The arm.
        n_slots: Object slots of each simulation.
    """

    def __init__(self, backend: PhysicsBackend, robot: Robot, n_slots: int) -> None:
        self.backend, self.model, self.robot = backend, backend.model, robot
        self.n, self.n_slots, self.n_arm = backend.n, n_slots, robot.n_arm
        bind = backend.bind
        self.qpos, self.qvel, self.ctrl = bind("qpos"), bind("qvel"), bind("ctrl")
        self._site_xpos, self._site_xmat = bind("site_xpos"), bind("site_xmat")
        self._cvel, self._subtree = bind("cvel"), bind("subtree_com")
        self._touch = bind("sensordata")
        self._anchor, self._axis = bind("xanchor"), bind("xaxis")
        self._constraint, self._actuator = bind("qfrc_constraint"), bind("actuator_force")
        self._time = bind("time")
        self._mass = backend.expand("body_mass")
        self._cam_pos, self._cam_quat = backend.expand("cam_pos"), backend.expand("cam_quat")
        self._index_model()
        self._rows = np.arange(self.n)
        self.kind_id = np.full((self.n, n_slots), -1)
        """Kind of each object as an index into KINDS, -1 where a slot is empty."""
        self.size_id = np.full((self.n, n_slots), -1)
        self.rgb = np.zeros((self.n, n_slots, 3))
        self.start_pos = np.zeros((self.n, n_slots, 3))
        """Object origins at the start of the episode [m]."""
        self.diverged: NDArray[np.bool_] = np.zeros(self.n, bool)
        """Whether the physics has broken down since the last reset."""
        self._latches: dict[str, NDArray[np.bool_]] = {}
        self.views: dict[int, Any] | None = None
        """Object views by role, while `cached_views` is entered."""

    def _index_model(self) -> None:
        model, slots = self.model, range(self.n_slots)
        self.tcp_site = model.site("tcp").id
        self.hand_body = model.body("hand").id
        bodies = [model.body(f"slot{i}") for i in slots]
        self.slot_body = np.array([b.id for b in bodies])
        self._slot_geom = np.array([b.geomadr[0] for b in bodies])[:, None] + np.arange(MAX_GEOMS)
        self._slot_dof = np.array([b.dofadr[0] for b in bodies])[:, None] + np.arange(6)
        adr = np.array([model.joint(f"free{i}").qposadr[0] for i in slots])
        self._slot_qpos = adr[:, None] + np.arange(7)
        self._root = model.body_rootid[self.hand_body]
        self._camera = model.camera("fixed").id

    # ---- objects ------------------------------------------------------------------------------

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which slots hold an object. Shape (n, n_slots)."""
        return self.kind_id >= 0

    @property
    def object_pos(self) -> NDArray:
        """Object origins. Shape (n, n_slots, 3), [m]."""
        return self.qpos[:, self._slot_qpos[:, :3]]

    @property
    def object_quat(self) -> NDArray:
        """Object orientations. Shape (n, n_slots, 4), wxyz."""
        return self.qpos[:, self._slot_qpos[:, 3:]]

    @property
    def object_linvel(self) -> NDArray:
        """Object velocities, world frame. Shape (n, n_slots, 3), [m/s]."""
        return self.qvel[:, self._slot_dof[:, :3]]

    @property
    def object_angvel(self) -> NDArray:
        """Object angular velocities, object frame. Shape (n, n_slots, 3), [rad/s]."""
        return self.qvel[:, self._slot_dof[:, 3:]]

    @property
    def object_mat(self) -> NDArray:
        """Object rotation matrices. Shape (n, n_slots, 3, 3)."""
        return quat_to_mat(self.object_quat)

    def pose_of(self, slot: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
        """Pose of one object of each simulation: `object_pos` and `object_mat` of slot `slot[i]`.

        Returns:
            Positions (n, 3) [m] and rotation matrices (n, 3, 3).
        """
        pose = self.qpos[self._rows[:, None], self._slot_qpos[slot]]
        return pose[:, :3], quat_to_mat(pose[:, 3:])

    def kind_of(self, slot: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray]:
        """Kind and linear scale of slot `slot[i]` of simulation i. Shapes (n,)."""
        return self.kind_id[self._rows, slot], _SCALES[self.size_id[self._rows, slot]]

    @property
    def scale(self) -> NDArray:
        """Linear scale of each object (1 where absent). Shape (n, n_slots)."""
        return _SCALES[self.size_id]

    @property
    def object_mass(self) -> NDArray:
        """Mass of each object. Shape (n, n_slots), [kg]."""
        return self._mass[:, self.slot_body]

    def kind_value(self, table: NDArray) -> NDArray:
        """Look a per-kind number up for every slot.

        Args:
            table: One row per kind in the order of KINDS. Shape (len(KINDS), ...).

        Returns:
            Shape (n, n_slots, ...); absent slots read the last kind's row.
        """
        return table[self.kind_id]

    @property
    def top(self) -> NDArray:
        """Height of each object's upper end if upright, 0 where absent. Shape (n, n_slots), [m]."""
        half = self.kind_value(_HALF_HEIGHT) * self.scale
        return np.where(self.present, self.object_pos[..., 2] + half, 0.0)

    # ---- arm ----------------------------------------------------------------------------------

    @property
    def tcp_pos(self) -> NDArray:
        """Position of the tool centre point. Shape (n, 3), [m]."""
        return self._site_xpos[:, self.tcp_site]

    @property
    def tcp_mat(self) -> NDArray:
        """Orientation of the tool. Shape (n, 3, 3)."""
        return self._site_xmat[:, self.tcp_site].reshape(-1, 3, 3)

    @property
    def tcp_linvel(self) -> NDArray:
        """Velocity of the tool centre point. Shape (n, 3), [m/s]."""
        cvel = self._cvel[:, self.hand_body]
        # cvel is expressed at the centre of mass of the kinematic tree (rooted at the base)
        lever = self.tcp_pos - self._subtree[:, self._root]
        return cvel[:, 3:] + cross(cvel[:, :3], lever)

    @property
    def tcp_jac(self) -> NDArray:
        """Transposed Jacobian of the TCP, translation first. Shape (n, n_arm, 6), [m/rad, 1]."""
        axis = self._axis[:, : self.n_arm]
        lever = self.tcp_pos[:, None] - self._anchor[:, : self.n_arm]
        return np.concatenate([cross(axis, lever), axis], axis=-1)

    @property
    def gripper_width(self) -> NDArray:
        """Opening between the fingers. Shape (n,), [m]."""
        return self.qpos[:, self.n_arm] + self.qpos[:, self.n_arm + 1]

    @property
    def finger_touch(self) -> NDArray[np.bool_]:
        """Whether the left / right finger touches each object. Shape (n, n_slots, 2)."""
        return self._touch.reshape(self.n, self.n_slots, 2) > 0

    @property
    def constraint_torque(self) -> NDArray:
        """Torque of contacts and limits on each arm joint. Shape (n, n_arm), [Nm]."""
        return self._constraint[:, : self.n_arm]

    @property
    def gripper_force(self) -> NDArray:
        """Force of the gripper's actuator, negative when closing. Shape (n,), [N]."""
        return self._actuator[:, self.n_arm]

    @cached_property
    def grip_force_range(self) -> NDArray:
        """Force limits of the gripper's actuator. Shape (n, 2), [N], writable."""
        return self.backend.expand("actuator_forcerange")[:, self.n_arm]

    # ---- the rest -----------------------------------------------------------------------------

    @property
    def time(self) -> NDArray:
        """Time since the start of the episode. Shape (n,), [s]."""
        return self._time.reshape(self.n)

    def pinhole(self, camera: str = "fixed", i: int | None = None) -> PinholeCamera:
        """Calibration of the fixed camera.

        Args:
            camera: ``"fixed"``; the wrist camera moves with the hand and has no fixed pose.
            i: Sub-environment whose camera is meant, or None for the nominal pose, as a lab would
                have calibrated it once.

        Raises:
            UnknownNameError: If it is another camera.
        """
        if camera != "fixed":
            raise UnknownNameError("camera with a fixed pose", camera, ("fixed",))
        model, cam = self.model, self._camera
        if i is None:
            return pinhole_of(model, model.cam_pos[cam], model.cam_quat[cam])
        return pinhole_of(model, self._cam_pos[i, cam], self._cam_quat[i, cam])

    def latch(self, name: str) -> NDArray[np.bool_]:
        """One bit of memory per simulation, false since the last `place`. Shape (n,), writable."""
        return self._latches.setdefault(name, np.zeros(self.n, bool))

    @contextmanager
    def cached_views(self) -> Iterator[None]:
        """Cache object views while the state is frozen."""
        self.views = {}
        try:
            yield
        finally:
            self.views = None


def pinhole_of(
    model: mujoco.MjModel, pos: NDArray | None = None, quat: NDArray | None = None
) -> PinholeCamera:
    """The fixed camera of a model.

    Args:
        model: The model.
        pos: Its position, or None for the model's (3,) [m].
        quat: Its orientation, or None for the model's (4,), wxyz.
    """
    cam, mat = model.camera("fixed").id, np.zeros(9)
    mujoco.mju_quat2Mat(mat, np.array(model.cam_quat[cam] if quat is None else quat))
    tan = float(np.tan(np.radians(model.cam_fovy[cam]) / 2))
    return PinholeCamera(
        np.array(model.cam_pos[cam] if pos is None else pos), mat.reshape(3, 3), tan
    )
