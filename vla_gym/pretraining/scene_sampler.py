"""Pictures for pretraining: random tables seen by the real cameras, with every object marked."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import mujoco
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.errors import PlacementError
from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.geometry.rotations import TOOL_DOWN, quat_about, quat_multiply
from vla_gym.pretraining.phrases import _FURNITURE, Thing, draw_things
from vla_gym.rendering.opengl import FINGERS, OpenGLRenderer
from vla_gym.world.grasping import N_SHAPE, shape_of
from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.placement import Scatter
from vla_gym.world.views import View
from vla_gym.world.visuals import Visuals
from vla_gym.world.world import World

POINT_HEIGHT = 0.025
"""Height of the plane on which a pointed-at object is located [m]."""
_FURNISHED = 0.2
"""Share of tables with a cabinet and two drawers."""
_CAN_LIE = ("bottle", "can")
_TOPPLED, _TILTED = 0.3, 0.3
"""Share of tables on which something has been knocked over, and of held things that hang askew."""
_CROWD_GAP = 0.03
"""Most room between two things that were moved together [m]."""
MIN_PIXELS = 12
"""An object that shows fewer pixels is neither asked for nor denied."""


@dataclass
class Views:
    """A batch of pictures and the truth about them."""

    images: NDArray[np.uint8]
    """Shape (n, size, size, 3)."""
    cover: NDArray[np.float32]
    """Share of each cell that each object covers; in the last row, the fingers. Shape
    (n, n_slots + 1, gh, gw)."""
    pixels: NDArray[np.int64]
    """Visible pixels of the same. Shape (n, n_slots + 1)."""
    point: NDArray[np.float32]
    """Where the object should be pointed at, u right, v down, [-1, 1]; of the hand, its tcp. Shape
    (n, n_slots + 1, 2)."""
    ground: NDArray[np.float64]
    """Where that is on the table. Shape (n, n_slots + 1, 2), [m]."""
    shape: NDArray[np.float32]
    """From `vla_gym.world.grasping.shape_of`. Shape (n, n_slots + 1, N_SHAPE)."""
    wrist: NDArray[np.bool_]
    """Whether the picture is the wrist camera's. Shape (n,)."""
    nominal: PinholeCamera
    """The fixed camera as calibrated."""
    cameras: list[PinholeCamera]
    """The fixed camera where it really stood."""
    things: list[list[Thing]] = field(default_factory=list)
    """What lies in each slot."""
    relations: list[list[tuple[str, int, int]]] = field(default_factory=list)
    """Facts: ("in", object, container) or ("held", object, -1)."""


class SceneSampler:
    """Draws tables, poses the arm over them, and takes one picture of each.

    Args:
        n: Pictures per batch.
        size: Picture size [px].
        grid: Cells of the truth map along each side.
        wrist_share: Share of pictures from the wrist camera.
        wide_share: Share of pictures that look like `Visuals.wide`.
        crowd_share: Share of pictures in which two things, alike if there are such, stand close by.
        n_threads: Render threads.
        n_poses: Arm poses to draw from.
    """

    def __init__(
        self,
        n: int,
        size: int = 128,
        grid: int = 16,
        wrist_share: float = 0.25,
        wide_share: float = 0.0,
        crowd_share: float = 0.4,
        n_threads: int = 2,
        n_poses: int = 800,
    ) -> None:
        self.world = World(n, n_slots=6, n_threads=n_threads)
        quality = self.world.model.vis.quality
        # at 128 px nobody sees the difference, and vertices are what rendering costs
        quality.numquads, quality.numslices, quality.numstacks = 1, 16, 8
        self.pool = OpenGLRenderer(self.world, size=size, n_threads=n_threads)
        self.grid, self.wrist_share, self.wide_share = grid, wrist_share, wide_share
        self.crowd_share = crowd_share
        self._poses, self._tcp, self._mats = _arm_poses(self.world, n_poses)

    def sample(self, rng: Generator, strength: float = 1.0) -> Views:
        """Draw a batch.

        Args:
            rng: Source of randomness; the same state gives the same batch.
            strength: Of the random looks.
        """
        n, ids = self.world.n, np.arange(self.world.n)
        scenes = [self._scene(rng) for _ in range(n)]
        self.world.set_objects(ids, [[_spec(t) for t in s.things] for s in scenes])
        self.world.place(ids, np.stack([s.pos for s in scenes]), np.stack([s.quat for s in scenes]))
        for i, s in enumerate(scenes):
            self.world.reset_robot(ids[i : i + 1], self._poses[s.pose], s.width)
        looks = [self._look(rng, strength) for _ in range(n)]
        self.world.set_visuals(ids, looks)
        wrist = rng.random(n) < self.wrist_share
        return self._shoot(scenes, wrist)

    def _look(self, rng: Generator, strength: float) -> Visuals:
        if rng.random() < self.wide_share:
            return Visuals.wide(rng)
        return Visuals.random(rng, strength * rng.uniform(0, 1.2))

    def _shoot(self, scenes: list[_Scene], wrist: NDArray[np.bool_]) -> Views:
        size, g, n, slots = self.pool.size, self.grid, self.world.n, self.world.n_slots
        images = np.empty((n, size, size, 3), np.uint8)
        marks = np.empty((n, size, size), np.int8)
        for camera, ids in (("fixed", np.flatnonzero(~wrist)), ("wrist", np.flatnonzero(wrist))):
            if len(ids):
                images[ids] = self.pool.render(camera, ids)
                marks[ids] = self.pool.segment(camera, ids)
        codes = np.array([*range(slots), FINGERS], np.int8)
        hot = marks[:, None] == codes[None, :, None, None]
        pixels = hot.sum(axis=(2, 3))
        cell = size // g
        cover = hot.reshape(n, slots + 1, g, cell, g, cell).mean(axis=(3, 5), dtype=np.float32)
        pos = np.stack([s.pos for s in scenes])
        aim = pos.copy()
        aim[..., 2] += POINT_HEIGHT - np.stack([s.rest for s in scenes])
        hand = self._tcp[[s.pose for s in scenes]]
        aim = np.concatenate([aim, hand[:, None]], axis=1)
        ground = np.concatenate([pos[..., :2], hand[:, None, :2]], axis=1)
        point = np.empty((n, slots + 1, 2), np.float32)
        cameras = [self.world.pinhole("fixed", i) for i in range(n)]
        for i in range(n):
            if wrist[i]:
                point[i] = _centroids(hot[i])
            else:
                point[i] = cameras[i].project(aim[i])
        return Views(
            images, cover, pixels, point, ground, self._shapes(wrist), wrist,
            self.world.pinhole("fixed"), cameras, [s.things for s in scenes],
            [s.relations for s in scenes],
        )  # fmt: skip

    def _shapes(self, wrist: NDArray[np.bool_]) -> NDArray[np.float32]:
        n, slots = self.world.n, self.world.n_slots
        shape = np.full((n, slots + 1, N_SHAPE), np.nan, np.float32)
        for slot in range(slots):
            shape[:, slot] = shape_of(View.of(self.world, np.full(n, slot)))
        shape[wrist, :, 1:3] = np.nan  # that camera turns with the hand
        return shape

    def _scene(self, rng: Generator) -> _Scene:
        furnished = rng.random() < _FURNISHED
        things = draw_things(rng, furnished)
        lying = tuple(k for k in _CAN_LIE if rng.random() < 0.4)
        while True:
            gap = rng.uniform(0.0, 0.04)
            half = (rng.uniform(0.10, 0.16), rng.uniform(0.2, 0.29 if furnished else 0.27))
            start = Scatter(half=half, min_gap=gap, attempts=5, lying=lying, opened=(0.0, 0.09))
            try:
                specs = [_spec(t) for t in things]
                pos, quat = start.sample(rng, specs, self.world.n_slots)
                break
            except PlacementError:
                few = len(things) <= (4 if furnished else 3)
                things = draw_things(rng, furnished) if few else things[:-1]
        scene = _Scene(things, pos, quat)
        if rng.random() < self.crowd_share:
            _crowd(scene, rng)
        if rng.random() < _TOPPLED:
            _topple(scene, rng)
        scene.rest = pos[:, 2].copy()
        if rng.random() < 0.15:
            _put_inside(scene, rng)
        self._pose_arm(scene, rng)
        return scene

    def _pose_arm(self, scene: _Scene, rng: Generator) -> None:
        style = rng.random()
        scene.pose = int(rng.integers(len(self._tcp)))
        scene.width = float(rng.choice([0.0, 0.08, rng.uniform(0, 0.08)], p=[0.2, 0.6, 0.2]))
        if style < 0.35:  # near some object, as in an approach
            k = int(rng.integers(len(scene.things)))
            goal = scene.pos[k] + [*rng.normal(0, 0.02, 2), rng.choice([0.02, 0.1, 0.2])]
            scene.pose = int(np.linalg.norm(self._tcp - goal, axis=1).argmin())
        elif style < 0.55:
            graspable = [i for i, t in enumerate(scene.things) if KINDS[t.kind].graspable]
            if graspable:
                self._hold(scene, graspable[int(rng.integers(len(graspable)))], rng)
        elif style < 0.68:
            scene.pose = 0  # home, as at the start of an episode
            scene.width = 0.08

    def _hold(self, scene: _Scene, k: int, rng: Generator) -> None:
        thing = scene.things[k]
        below = int(rng.integers(len(scene.things)))  # as when it is put on that
        near = np.linalg.norm(self._tcp[:, :2] - scene.pos[below, :2], axis=1)
        floor = 2 * scene.things[below].half_height if below != k else 0.0
        high = self._tcp[:, 2] > floor + thing.half_height + 0.012
        choice = np.flatnonzero((near < rng.choice([0.05, 0.5])) & high)
        if not len(choice):
            return
        scene.pose = int(rng.choice(choice))
        mat = self._mats[scene.pose] @ TOOL_DOWN
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, mat.ravel())
        if rng.random() < _TILTED:
            quat = quat_multiply(
                quat_about(("x", "y")[int(rng.integers(2))], rng.normal(0, 0.7)), quat
            )
        scene.quat[k] = quat
        scene.pos[k] = self._tcp[scene.pose] + mat @ [0, 0, rng.uniform(-0.012, 0.006)]
        scene.width = 2 * KINDS[thing.kind].half_extents[1] * thing.scale
        scene.relations = [r for r in scene.relations if k not in r[1:]] + [("held", k, -1)]


@dataclass
class _Scene:
    things: list[Thing]
    pos: NDArray
    quat: NDArray
    pose: int = 0
    width: float = 0.08
    rest: NDArray = field(default_factory=lambda: np.zeros(0))
    """Height of each thing's middle when it lies on the table [m]."""
    relations: list[tuple[str, int, int]] = field(default_factory=list)


def _spec(thing: Thing) -> ObjectSpec:
    return ObjectSpec(thing.kind, thing.size, thing.rgb)


def _crowd(scene: _Scene, rng: Generator) -> None:
    """Move one thing right beside another, of its colour or kind if there is one."""
    things = scene.things
    loose = [i for i, t in enumerate(things) if t.kind not in (*_FURNITURE, "line")]
    pairs = list(itertools.permutations(loose, 2))
    alike = [
        (i, j)
        for i, j in pairs
        if things[i].kind == things[j].kind or things[i].word == things[j].word
    ]
    if not pairs:
        return
    choice = alike if alike and rng.random() < 0.8 else pairs
    i, j = choice[int(rng.integers(len(choice)))]
    radius = np.array([_spec(t).radius for t in things])
    others = [k for k in range(len(things)) if k not in (i, j) and things[k].kind != "line"]
    for _ in range(8):
        far = radius[i] + radius[j] + rng.uniform(-0.004, _CROWD_GAP)
        angle = rng.uniform(-np.pi, np.pi)
        spot = scene.pos[j, :2] + far * np.array([np.cos(angle), np.sin(angle)])
        away = np.linalg.norm(scene.pos[others, :2] - spot, axis=1) - radius[others] - radius[i]
        if (away > 0).all() and 0.33 < spot[0] < 0.68 and abs(spot[1]) < 0.28:
            scene.pos[i, :2] = spot
            return


def _topple(scene: _Scene, rng: Generator) -> None:
    """Lay one thing that may stand upright on its side, as a hand does that misses it."""
    upright = [i for i, t in enumerate(scene.things) if _can_topple(t)]
    if not upright:
        return
    k = upright[int(rng.integers(len(upright)))]
    thing = scene.things[k]
    # a handle ends up level with the table or above it
    down = quat_multiply(
        quat_about("y", -np.pi / 2), quat_about("z", rng.uniform(-np.pi / 2, np.pi / 2))
    )
    scene.quat[k] = quat_multiply(quat_about("z", rng.uniform(-np.pi, np.pi)), down)
    scene.pos[k, 2] = KINDS[thing.kind].half_extents[0] * thing.scale


def _can_topple(thing: Thing) -> bool:
    kind = KINDS[thing.kind]
    return kind.graspable and not kind.rolls and kind.grip != "square" and not kind.slippery


def _put_inside(scene: _Scene, rng: Generator) -> None:
    """Move one graspable thing into a container."""
    small = [i for i, t in enumerate(scene.things) if KINDS[t.kind].graspable]
    large = [
        i
        for i, t in enumerate(scene.things)
        if KINDS[t.kind].container and not KINDS[t.kind].graspable
    ]
    if not small or not large:
        return
    a, b = int(rng.choice(small)), int(rng.choice(large))
    box = KINDS[scene.things[b].kind]
    scale = scene.things[b].scale
    lift = scene.things[a].half_height + box.floor * scale - scene.things[b].half_height
    scene.pos[a] = scene.pos[b] + [*rng.uniform(-0.015, 0.015, 2), lift]
    scene.relations.append(("in", a, b))


def _centroids(hot: NDArray[np.bool_]) -> NDArray:
    """Middle of each mask in picture coordinates. Shape (masks, 2)."""
    size = hot.shape[-1]
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    total = np.maximum(hot.sum(axis=(1, 2)), 1)
    u = (hot.sum(axis=1) * axis).sum(axis=1) / total
    v = (hot.sum(axis=2) * axis).sum(axis=1) / total
    return np.stack([u, v], axis=-1)


def _arm_poses(world: World, count: int) -> tuple[NDArray, NDArray, NDArray]:
    """Arm poses that point down over the table; the first is home.

    Returns:
        Joint angles (count, n_arm), tool positions (count, 3) and orientations (count, 3, 3).
    """
    rng, solver = np.random.default_rng(7), world.arm_solver()
    qpos = [world.home_qpos]
    while len(qpos) < count:
        goal = rng.uniform([0.30, -0.30, 0.012], [0.72, 0.30, 0.32])
        yaw, tilt = rng.uniform(-0.9, 0.9) * rng.integers(0, 2), rng.normal(0, 0.08, 2)
        if rng.random() < 0.1:  # leaning back, as when something is stood up
            yaw, tilt = 0.0, np.array([0.0, rng.uniform(0.3, 1.45)])
            goal[0] = rng.uniform(0.33, 0.44)
        pose, off = solver.solve(goal, world.home_qpos, _down(yaw, tilt))
        if off < 0.01:
            qpos.append(pose)
    tools = [solver.tool(pose) for pose in qpos]
    return np.array(qpos), np.array([t for t, _ in tools]), np.array([m for _, m in tools])


def _down(yaw: float, tilt: NDArray) -> NDArray:
    turn, out = np.zeros(4), np.zeros(9)
    mujoco.mju_euler2Quat(turn, np.array([*tilt, yaw]), "xyz")
    mujoco.mju_quat2Mat(out, turn)
    return out.reshape(3, 3) @ TOOL_DOWN
