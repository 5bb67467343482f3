"""Random scenes of pretraining: objects, their poses, and the pose of the arm above them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import mujoco
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.errors import PlacementError
from vla_gym.geometry.rotations import TOOL_DOWN, quat_about, quat_multiply
from vla_gym.pretraining.table_objects import FURNITURE, TableObject, draw_objects
from vla_gym.world.objects import KINDS
from vla_gym.world.placement import Scatter
from vla_gym.world.world import World

_FURNISHED = 0.2
"""Share of scenes with a cabinet and two drawers."""
_CAN_LIE = ("bottle", "can")
_TOPPLED, _TILTED = 0.3, 0.3
"""Share of scenes with a knocked-over object, and of held objects that are tilted."""
_CROWD_GAP = 0.03
"""Largest gap between two objects that were moved together [m]."""
_INSIDE = 0.15
"""Share of scenes in which an object lies in a container."""


@dataclass(frozen=True)
class ArmPoses:
    """Arm poses that point down over the table; the first is home."""

    qpos: NDArray
    """Joint angles. Shape (k, n_arm)."""
    tcp: NDArray
    """Tool centre points. Shape (k, 3), [m]."""
    mats: NDArray
    """Tool orientations. Shape (k, 3, 3)."""
    opening: float
    """Width of the open gripper [m]."""

    @classmethod
    def sample(cls, world: World, count: int) -> ArmPoses:
        """Draw poses by inverse kinematics, always the same ones."""
        rng, solver = np.random.default_rng(7), world.arm_solver()
        qpos = [world.home_qpos]
        while len(qpos) < count:
            goal = rng.uniform([0.30, -0.30, 0.012], [0.72, 0.30, 0.32])
            yaw, tilt = rng.uniform(-0.9, 0.9) * rng.integers(0, 2), rng.normal(0, 0.08, 2)
            if rng.random() < 0.1:  # leaning back, as when something is stood up
                yaw, tilt = 0.0, np.array([0.0, rng.uniform(0.3, 1.45)])
                goal[0] = rng.uniform(0.33, 0.44)
            pose, off = solver.solve(goal, world.home_qpos, _tool_mat(yaw, tilt))
            if off < 0.01:
                qpos.append(pose)
        tools = [solver.tool(pose) for pose in qpos]
        tcp, mats = np.array([t for t, _ in tools]), np.array([m for _, m in tools])
        return cls(np.array(qpos), tcp, mats, world.robot.gripper.opening)


@dataclass
class TableScene:
    """Objects, where they are, and where the arm is."""

    objects: list[TableObject]
    pos: NDArray
    """Shape (n_slots, 3), [m]."""
    quat: NDArray
    """Shape (n_slots, 4), wxyz."""
    pose: int = 0
    """Index into `ArmPoses`."""
    width: float = 0.0
    """Gripper width [m]."""
    rest: NDArray = field(default_factory=lambda: np.zeros(0))
    """Height of each object's centre when it lies on the table. Shape (n_slots,), [m]."""
    relations: list[tuple[str, int, int]] = field(default_factory=list)
    """As in `Views.relations`."""


def draw_scene(rng: Generator, poses: ArmPoses, n_slots: int, crowd_share: float) -> TableScene:
    """Draw a scene.

    Args:
        rng: Source of randomness.
        poses: Poses of the arm to choose from.
        n_slots: Slots of the world.
        crowd_share: Probability that two objects are moved together.
    """
    scene = _scatter(rng, n_slots)
    if rng.random() < crowd_share:
        _crowd(scene, rng)
    if rng.random() < _TOPPLED:
        _topple(scene, rng)
    scene.rest = scene.pos[:, 2].copy()
    if rng.random() < _INSIDE:
        _put_inside(scene, rng)
    _pose_arm(scene, poses, rng)
    return scene


def _scatter(rng: Generator, n_slots: int) -> TableScene:
    """Draw objects and places for them; fewer objects, then others, until they fit."""
    furnished = rng.random() < _FURNISHED
    objects = draw_objects(rng, furnished)
    lying = tuple(k for k in _CAN_LIE if rng.random() < 0.4)
    while True:
        gap = rng.uniform(0.0, 0.04)
        half = (rng.uniform(0.10, 0.16), rng.uniform(0.2, 0.29 if furnished else 0.27))
        start = Scatter(half=half, min_gap=gap, attempts=5, lying=lying, opened=(0.0, 0.09))
        try:
            return TableScene(objects, *start.sample(rng, [o.spec for o in objects], n_slots))
        except PlacementError:
            few = len(objects) <= (4 if furnished else 3)
            objects = draw_objects(rng, furnished) if few else objects[:-1]


def _pose_arm(scene: TableScene, poses: ArmPoses, rng: Generator) -> None:
    style = rng.random()
    scene.pose = int(rng.integers(len(poses.tcp)))
    wide = poses.opening
    scene.width = float(rng.choice([0.0, wide, rng.uniform(0, wide)], p=[0.2, 0.6, 0.2]))
    if style < 0.35:  # near some object, as in an approach
        k = int(rng.integers(len(scene.objects)))
        goal = scene.pos[k] + [*rng.normal(0, 0.02, 2), rng.choice([0.02, 0.1, 0.2])]
        scene.pose = int(np.linalg.norm(poses.tcp - goal, axis=1).argmin())
    elif style < 0.55:
        graspable = [i for i, o in enumerate(scene.objects) if KINDS[o.kind].graspable]
        if graspable:
            _hold(scene, graspable[int(rng.integers(len(graspable)))], poses, rng)
    elif style < 0.68:
        scene.pose = 0  # home, as at the start of an episode
        scene.width = wide


def _hold(scene: TableScene, k: int, poses: ArmPoses, rng: Generator) -> None:
    """Put object k into the hand, at a pose where it is free."""
    held = scene.objects[k]
    below = int(rng.integers(len(scene.objects)))  # as when it is put on that
    near = np.linalg.norm(poses.tcp[:, :2] - scene.pos[below, :2], axis=1)
    floor = 2 * scene.objects[below].half_height if below != k else 0.0
    high = poses.tcp[:, 2] > floor + held.half_height + 0.012
    choice = np.flatnonzero((near < rng.choice([0.05, 0.5])) & high)
    if not len(choice):
        return
    scene.pose = int(rng.choice(choice))
    mat = poses.mats[scene.pose] @ TOOL_DOWN
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, mat.ravel())
    if rng.random() < _TILTED:
        quat = quat_multiply(quat_about(("x", "y")[int(rng.integers(2))], rng.normal(0, 0.7)), quat)
    scene.quat[k] = quat
    scene.pos[k] = poses.tcp[scene.pose] + mat @ [0, 0, rng.uniform(-0.012, 0.006)]
    scene.width = 2 * KINDS[held.kind].half_extents[1] * held.scale
    scene.relations = [r for r in scene.relations if k not in r[1:]] + [("held", k, -1)]


def _crowd(scene: TableScene, rng: Generator) -> None:
    """Move one object right beside another, of its colour or kind if there is one."""
    objects = scene.objects
    loose = [i for i, o in enumerate(objects) if o.kind not in (*FURNITURE, "line")]
    pairs = list(itertools.permutations(loose, 2))
    alike = [
        (i, j)
        for i, j in pairs
        if objects[i].kind == objects[j].kind or objects[i].word == objects[j].word
    ]
    if not pairs:
        return
    choice = alike if alike and rng.random() < 0.8 else pairs
    i, j = choice[int(rng.integers(len(choice)))]
    radius = np.array([o.spec.radius for o in objects])
    others = [k for k in range(len(objects)) if k not in (i, j) and objects[k].kind != "line"]
    for _ in range(8):
        far = radius[i] + radius[j] + rng.uniform(-0.004, _CROWD_GAP)
        angle = rng.uniform(-np.pi, np.pi)
        spot = scene.pos[j, :2] + far * np.array([np.cos(angle), np.sin(angle)])
        away = np.linalg.norm(scene.pos[others, :2] - spot, axis=1) - radius[others] - radius[i]
        if (away > 0).all() and 0.33 < spot[0] < 0.68 and abs(spot[1]) < 0.28:
            scene.pos[i, :2] = spot
            return


def _topple(scene: TableScene, rng: Generator) -> None:
    """Lay one object that may stand upright on its side, as a hand does that misses it."""
    upright = [i for i, o in enumerate(scene.objects) if _can_topple(o)]
    if not upright:
        return
    k = upright[int(rng.integers(len(upright)))]
    toppled = scene.objects[k]
    # a handle ends up level with the table or above it
    down = quat_multiply(
        quat_about("y", -np.pi / 2), quat_about("z", rng.uniform(-np.pi / 2, np.pi / 2))
    )
    scene.quat[k] = quat_multiply(quat_about("z", rng.uniform(-np.pi, np.pi)), down)
    scene.pos[k, 2] = KINDS[toppled.kind].half_extents[0] * toppled.scale


def _can_topple(thing: TableObject) -> bool:
    kind = KINDS[thing.kind]
    return kind.graspable and not kind.rolls and kind.grip != "square" and not kind.slippery


def _put_inside(scene: TableScene, rng: Generator) -> None:
    """Move one graspable object into a container."""
    kinds = [KINDS[o.kind] for o in scene.objects]
    small = [i for i, kind in enumerate(kinds) if kind.graspable]
    large = [i for i, kind in enumerate(kinds) if kind.container and not kind.graspable]
    if not small or not large:
        return
    a, b = int(rng.choice(small)), int(rng.choice(large))
    inner, outer = scene.objects[a], scene.objects[b]
    lift = inner.half_height + kinds[b].floor * outer.scale - outer.half_height
    scene.pos[a] = scene.pos[b] + [*rng.uniform(-0.015, 0.015, 2), lift]
    scene.relations.append(("in", a, b))


def _tool_mat(yaw: float, tilt: NDArray) -> NDArray:
    """Orientation of a tool that points down, turned and tilted. Shape (3, 3)."""
    turn, out = np.zeros(4), np.zeros(9)
    mujoco.mju_euler2Quat(turn, np.array([*tilt, yaw]), "xyz")
    mujoco.mju_quat2Mat(out, turn)
    return out.reshape(3, 3) @ TOOL_DOWN
