"""`World`: n tables stepped together; the only reader and writer of the simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from vla_gym.errors import UnknownNameError
from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.geometry.rotations import cross, quat_to_mat
from vla_gym.robots import DEFAULT_ROBOT, Robot, find_robot
from vla_gym.world import model as scene
from vla_gym.world.kinematics import ArmSolver
from vla_gym.world.objects import KINDS, MAX_GEOMS, SIZES, ObjectSpec
from vla_gym.world.visuals import Visuals

Ids = NDArray[np.int64]

_GEOM_FIELDS = (
    "geom_type", "geom_size", "geom_pos", "geom_quat", "geom_aabb", "geom_rbound", "geom_contype",
    "geom_conaffinity", "geom_condim", "geom_friction", "geom_priority", "geom_group",
    "geom_sameframe",
)  # fmt: skip
_BODY_FIELDS = (
    "body_mass", "body_inertia", "body_ipos", "body_iquat", "body_subtreemass", "body_invweight0",
    "body_contype", "body_conaffinity", "body_gravcomp", "body_sameframe", "body_simple",
)  # fmt: skip
_DOF_FIELDS = ("dof_invweight0", "dof_M0", "dof_simplenum")
_MASS_POWER = {
    "body_mass": 1, "body_inertia": 1, "body_subtreemass": 1, "dof_M0": 1,
    "body_invweight0": -1, "dof_invweight0": -1,
}  # fmt: skip
"""Fields that grow with an object's mass, or shrink."""
_PILE_GAPS = (0.02, 0.03, 0.04, 0.06)
"""Distances of cubes in a pile, for 60 contacts and fewer; up to 36 were seen in play [m]."""
_KIND_LIST = list(KINDS)
_INERT = len(_KIND_LIST) * len(SIZES)


class World:
    """A batch of tables with one arm and up to `n_slots` objects each.

    All arrays lead with the world axis. Lengths are metres, angles radians, times seconds,
    quaternions wxyz; the frame has its origin at the robot's base, z up, table top at z = 0.

    Args:
        n: Number of worlds.
        n_slots: Object slots of each world.
        n_threads: Threads of the physics; 0 takes every core.
        robot: The arm, or its name.
    """

    def __init__(
        self, n: int, n_slots: int = 6, n_threads: int = 0, robot: str | Robot = DEFAULT_ROBOT
    ) -> None:
        self.n, self.n_slots, self.robot = n, n_slots, find_robot(robot)
        self.model = scene.build_model(self.robot, n_slots)
        self.batch = Batch(self.model, n, n_threads, persistent=True)  # sleeping needs it
        self._rows = np.arange(n)
        self._roused = np.zeros(n, bool)
        bind = self.batch.bind
        self.qpos, self.qvel, self.ctrl = bind("qpos"), bind("qvel"), bind("ctrl")
        self._site_xpos, self._site_xmat = bind("site_xpos"), bind("site_xmat")
        self._cvel, self._subtree = bind("cvel"), bind("subtree_com")
        self._touch = bind("sensordata")
        self._anchor, self._axis = bind("xanchor"), bind("xaxis")
        self._time = bind("time")
        self._index_model()
        self._expand_model()
        self.kind_id = np.full((n, n_slots), -1)
        self.size_id = np.full((n, n_slots), -1)
        self.rgb = np.zeros((n, n_slots, 3))
        self.start_pos = np.zeros((n, n_slots, 3))
        self.diverged = np.zeros(n, bool)
        self._latches: dict[str, NDArray[np.bool_]] = {}
        self.views: dict[int, Any] | None = None
        self.home_qpos = self._solve_home()
        self._fill_memory()
        self.reset_robot(np.arange(n))
        self.forward(np.arange(n))

    # ---- construction -------------------------------------------------------------------------

    def _index_model(self) -> None:
        m, s = self.model, self.n_slots
        self.n_arm = self.robot.n_arm
        self.tcp_site = m.site("tcp").id
        self.hand_body = m.body("hand").id
        slots = [m.body(f"slot{i}") for i in range(s)]
        self.slot_body = np.array([b.id for b in slots])
        self._slot_geom = np.array([b.geomadr[0] for b in slots])[:, None] + np.arange(MAX_GEOMS)
        self._slot_dof = np.array([b.dofadr[0] for b in slots])[:, None] + np.arange(6)
        adr = np.array([m.joint(f"free{i}").qposadr[0] for i in range(s)])
        self._slot_qpos = adr[:, None] + np.arange(7)
        self._qpos0 = m.qpos0.copy()
        self._table, self._floor = m.geom("table").id, m.geom("floor").id
        self._lamp, self._camera = m.light("sun").id, m.camera("fixed").id
        self._root = m.body_rootid[self.hand_body]

    def _expand_model(self) -> None:
        expand, catalogue = self.batch.expand, scene.build_catalogue()
        self._fields = {f: expand(f) for f in _GEOM_FIELDS + _BODY_FIELDS + _DOF_FIELDS}
        # what each slot's share of a field is in each catalogue entry, and where it goes
        self._shelf: dict[str, NDArray] = {}
        self._place_of: dict[str, NDArray] = {}
        for names, place in (
            (_GEOM_FIELDS, self._slot_geom),
            (_BODY_FIELDS, self.slot_body),
            (_DOF_FIELDS, self._slot_dof),
        ):
            for name in names:
                rows = getattr(catalogue, name)[1 if names is _BODY_FIELDS else 0 :]
                self._shelf[name] = rows.reshape(_INERT + 1, *place.shape[1:], *rows.shape[1:])
                self._place_of[name] = place
        self._shade = catalogue.geom_rgba.reshape(_INERT + 1, MAX_GEOMS, 4)
        self._rgba = expand("geom_rgba")
        self._light_dir, self._light_rgb = expand("light_dir"), expand("light_diffuse")
        self._cam_pos, self._cam_quat = expand("cam_pos"), expand("cam_quat")
        self._material = expand("geom_matid")

    def _solve_home(self) -> NDArray:
        """Joint angles that put the TCP at the robot's home, pointing straight down."""
        robot = self.robot
        return self.arm_solver().solve(robot.home_tcp, robot.home_guess, steps=200, share=0.5)[0]

    def _fill_memory(self) -> None:
        """Use as much of each world's memory at once as piles of things will ever ask for.

        It would grow for a million steps otherwise, to the most contacts that each world has had.
        Not every page is used by the largest pile, so there are several.
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
        """Finds joint angles for places of the tool, apart from all worlds."""
        return ArmSolver(self.model, self.n_arm, self.tcp_site)

    # ---- reading ------------------------------------------------------------------------------

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
        """Where one object of each world is: `object_pos` and `object_mat` of slot `slot[i]`.

        Returns:
            Positions (n, 3) [m] and rotation matrices (n, 3, 3).
        """
        pose = self.qpos[self._rows[:, None], self._slot_qpos[slot]]
        return pose[:, :3], quat_to_mat(pose[:, 3:])

    def kind_of(self, slot: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray]:
        """Kind and linear scale of slot `slot[i]` of world i. Shapes (n,)."""
        return self.kind_id[self._rows, slot], _SCALES[self.size_id[self._rows, slot]]

    @property
    def scale(self) -> NDArray:
        """Linear scale of each object (1 where absent). Shape (n, n_slots)."""
        return _SCALES[self.size_id]

    @property
    def object_mass(self) -> NDArray:
        """Mass of each thing. Shape (n, n_slots), [kg]."""
        return self._fields["body_mass"][:, self.slot_body]

    def kind_value(self, table: NDArray) -> NDArray:
        """Look a per-kind number up for every slot.

        Args:
            table: One row per kind in the order of KINDS. Shape (len(KINDS), ...).

        Returns:
            Shape (n, n_slots, ...); absent slots read the last kind's row.
        """
        return table[self.kind_id]

    @property
    def time(self) -> NDArray:
        """Time since the episode began. Shape (n,), [s]."""
        return self._time.reshape(self.n)

    @property
    def top(self) -> NDArray:
        """Height of each thing's upper end if upright, 0 where absent. Shape (n, n_slots), [m]."""
        half = self.kind_value(_HALF_HEIGHT) * self.scale
        return np.where(self.present, self.object_pos[..., 2] + half, 0.0)

    @property
    def tcp_pos(self) -> NDArray:
        """Tool centre point. Shape (n, 3), [m]."""
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
        """How the TCP moves and turns with the arm's joints. Shape (n, n_arm, 6), [m/rad, 1]."""
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

    def pinhole(self, camera: str = "fixed", i: int | None = None) -> PinholeCamera:
        """The fixed camera's pinhole parameters.

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
        pos = model.cam_pos[cam] if i is None else self._cam_pos[i, cam]
        quat = model.cam_quat[cam] if i is None else self._cam_quat[i, cam]
        mat = np.zeros(9)
        mujoco.mju_quat2Mat(mat, np.array(quat))
        tan = float(np.tan(np.radians(model.cam_fovy[cam]) / 2))
        return PinholeCamera(np.array(pos), mat.reshape(3, 3), tan)

    def latch(self, name: str) -> NDArray[np.bool_]:
        """A memory of one bit per world, false since the last `place`. Shape (n,), writable."""
        return self._latches.setdefault(name, np.zeros(self.n, bool))

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """A promise that nothing changes within: what is known of an object is kept in `views`."""
        self.views = {}
        try:
            yield
        finally:
            self.views = None

    # ---- writing ------------------------------------------------------------------------------

    def set_objects(self, ids: Ids, specs: Sequence[Sequence[ObjectSpec | None]]) -> None:
        """Decide what lies in each slot; absent slots are parked out of sight.

        Call `place` for the poses afterwards.

        Args:
            ids: Worlds. Shape (m,).
            specs: One list per world; missing tail entries and None are absent.
        """
        entry = np.full((len(ids), self.n_slots), _INERT)
        rgb, mass = np.zeros((*entry.shape, 3)), np.ones(entry.shape)
        for i, row in enumerate(specs):
            for slot, spec in enumerate(row):
                if spec is not None:
                    kind, size = _KIND_LIST.index(spec.kind), SIZES.index(spec.size)
                    entry[i, slot] = kind * len(SIZES) + size
                    rgb[i, slot], mass[i, slot] = spec.rgb, spec.mass_scale
        kind, size = np.divmod(entry, len(SIZES))
        self.kind_id[ids] = np.where(entry == _INERT, -1, kind)
        self.size_id[ids] = np.where(entry == _INERT, -1, size)
        self.rgb[ids] = rgb
        self._fill_slots(np.asarray(ids), entry, rgb, mass)

    def _fill_slots(self, ids: Ids, entry: NDArray, rgb: NDArray, mass: NDArray) -> None:
        """Copy catalogue entries (m, n_slots) into the slots of some worlds."""
        for name, values in self._shelf.items():
            place = self._place_of[name]
            value = values[entry]
            if name in _MASS_POWER:
                factor = mass.reshape(*mass.shape, *(1,) * (value.ndim - 2))
                value = value * factor if _MASS_POWER[name] > 0 else value / factor
            self._fields[name][ids.reshape(-1, *(1,) * place.ndim), place] = value
        shade = self._shade[entry]
        shade[..., :3] = np.clip(shade[..., :3] * rgb[:, :, None], 0, 1)
        self._rgba[ids[:, None, None], self._slot_geom] = shade

    def place(self, ids: Ids, pos: NDArray, quat: NDArray) -> None:
        """Put objects somewhere, at rest, as an episode begins; latches are cleared.

        Args:
            ids: Worlds. Shape (m,).
            pos: Object origins; ignored where absent. Shape (m, n_slots, 3), [m].
            quat: Orientations. Shape (m, n_slots, 4).
        """
        self._roused[ids] = True
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
        """Put one thing of one world elsewhere on the table, at rest; it counts as begun there."""
        self._roused[i] = True
        self.qpos[i, self._slot_qpos[slot, :2]] = xy
        self.start_pos[i, slot, :2] = xy
        self.qvel[i, self._slot_dof[slot]] = 0.0

    def reset_robot(
        self, ids: Ids, qpos: NDArray | None = None, width: float | None = None
    ) -> None:
        """Put the arm at rest and clear everything that could carry over from before.

        Args:
            ids: Worlds. Shape (m,).
            qpos: Joint angles, or None for home. Shape (n_arm,) or (m, n_arm), [rad].
            width: Gripper opening, or None for fully open [m].
        """
        angles = self.home_qpos if qpos is None else qpos
        width = self.robot.gripper.opening if width is None else width
        n = self.n_arm
        objects = self.qpos[ids][:, n + 2 :].copy()
        self.batch.reset(ids=ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        self._roused[ids] = False
        self.qpos[ids, n + 2 :] = objects
        self.qpos[ids, :n] = angles
        self.qpos[ids, n : n + 2] = width / 2
        self.ctrl[ids, :n] = angles
        self.ctrl[ids, n] = width

    def set_visuals(self, ids: Ids, looks: Sequence[Visuals]) -> None:
        """Give worlds their look.

        Args:
            ids: Worlds. Shape (m,).
            looks: One per world.
        """

        def column(name: str) -> NDArray:
            return np.array([getattr(look, name) for look in looks], float)

        self._rgba[ids, self._table, :3] = column("table_rgb")
        self._rgba[ids, self._floor, :3] = column("floor_rgb")
        direction = column("light_dir")
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        self._light_dir[ids, self._lamp] = direction
        self._light_rgb[ids, self._lamp] = column("light_rgb")
        cam, m = self._camera, self.model
        self._cam_pos[ids, cam] = m.cam_pos[cam] + column("camera_offset")
        for w, look in zip(ids, looks, strict=True):
            cloth = m.material(look.pattern).id if look.pattern else -1
            self._material[w, self._table] = cloth
            quat = m.cam_quat[cam].copy()
            mujoco.mju_quatIntegrate(quat, np.asarray(look.camera_turn, float), 1.0)
            self._cam_quat[w, cam] = quat

    # ---- running ------------------------------------------------------------------------------

    def step(self, n_substeps: int, ids: Ids | None = None) -> None:
        """Advance by physics steps, then bring positions and velocities up to date.

        MuJoCo sets a world back to its model's defaults when its accelerations are no numbers any
        more; `diverged` tells which: there things are parked again.
        """
        self._wake()
        self.batch.step(ids=ids, nstep=n_substeps, stage=mujoco.mjtStage.mjSTAGE_VEL.value)
        at = self._slot_qpos[:, :2]
        parked = (np.abs(self.qpos[:, at] - self._qpos0[at]) < 1e-6).all(axis=2)
        self.diverged |= (parked & self.present).any(axis=1)

    def forward(self, ids: Ids | None = None) -> None:
        """Recompute what follows from the state, without advancing time."""
        self._wake()
        self.batch.forward(ids=ids)

    def _wake(self) -> None:
        """Let nothing sleep on in worlds where a pose has been written."""
        if self._roused.any():
            ids = np.flatnonzero(self._roused)
            state = self.batch.state[ids]
            self.batch.reset(ids=ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
            self.batch.state[ids] = state
            self._roused[ids] = False

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to return here bit by bit, as copies.

        Which things sleep is no part of it, so all are woken: what follows is the same as after
        `set_state`, and within micrometres of what would have been.
        """
        self._roused[:] = True
        self.forward()
        arrays = {f"field/{k}": v for k, v in self._all_fields().items()}
        arrays |= {"state": self.batch.state, "kind_id": self.kind_id}
        arrays |= {"size_id": self.size_id, "rgb": self.rgb, "start_pos": self.start_pos}
        arrays |= {f"latch/{k}": v for k, v in self._latches.items()}
        return {k: v.copy() for k, v in arrays.items()}

    def set_state(self, state: dict[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        self._roused[:] = True
        for name, array in self._all_fields().items():
            array[...] = state[f"field/{name}"]
        self.batch.state[...] = state["state"]
        for name in ("kind_id", "size_id", "rgb", "start_pos"):
            getattr(self, name)[...] = state[name]
        self._latches = {
            k.removeprefix("latch/"): np.array(v, bool)
            for k, v in state.items() if k.startswith("latch/")
        }  # fmt: skip
        self.forward()

    def _all_fields(self) -> dict[str, NDArray]:
        return self._fields | {
            "geom_rgba": self._rgba, "light_dir": self._light_dir,
            "geom_matid": self._material, "light_diffuse": self._light_rgb,
            "cam_pos": self._cam_pos, "cam_quat": self._cam_quat,
        }  # fmt: skip


_HALF_HEIGHT = np.array([kind.half_height for kind in KINDS.values()])
_SCALES = np.array([*scene.SIZE_SCALES.values(), 1.0])
