"""Images for pretraining: random scenes seen by the real cameras, with every object located."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.pretraining.table_objects import TableObject
from vla_gym.pretraining.table_scenes import ArmPoses, TableScene, draw_scene
from vla_gym.rendering import make_renderer
from vla_gym.rendering.renderer import FINGERS
from vla_gym.world.grasping import N_SHAPE, shape_of
from vla_gym.world.views import View
from vla_gym.world.visuals import Visuals
from vla_gym.world.world import World

POINT_HEIGHT = 0.025
"""Height of the plane on which a pointed-at object is located [m]."""
MIN_PIXELS = 12
"""An object with fewer visible pixels counts neither as visible nor as absent."""


@dataclass
class Views:
    """A batch of images and the truth about them."""

    images: NDArray[np.uint8]
    """Shape (n, size, size, 3)."""
    cover: NDArray[np.float32]
    """Share of each cell that each object covers; in the last row, the fingers. Shape
    (n, n_slots + 1, gh, gw)."""
    pixels: NDArray[np.int64]
    """Visible pixels of the same. Shape (n, n_slots + 1)."""
    point: NDArray[np.float32]
    """Aim point of each object in the image, u right, v down, [-1, 1]; of the hand, its TCP. Shape
    (n, n_slots + 1, 2)."""
    ground: NDArray[np.float64]
    """The aim points on the table. Shape (n, n_slots + 1, 2), [m]."""
    shape: NDArray[np.float32]
    """From `vla_gym.world.grasping.shape_of`. Shape (n, n_slots + 1, N_SHAPE)."""
    wrist: NDArray[np.bool_]
    """Whether the image is the wrist camera's. Shape (n,)."""
    nominal: PinholeCamera
    """The fixed camera as calibrated."""
    cameras: list[PinholeCamera]
    """The fixed camera where it really was."""
    objects: list[list[TableObject]] = field(default_factory=list)
    """Slot by slot."""
    relations: list[list[tuple[str, int, int]]] = field(default_factory=list)
    """("in", object, container) or ("held", object, -1), by slots."""


class SceneSampler:
    """Draws scenes and renders one image of each.

    Args:
        n: Images per batch.
        size: Image size [px].
        grid: Cells of the truth map along each side.
        wrist_share: Share of images from the wrist camera.
        wide_share: Share of images with `Visuals.wide`.
        crowd_share: Share of images in which two objects, alike if possible, are close together.
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
        # vertices dominate the rendering time, and at 128 px the difference is not visible
        quality.numquads, quality.numslices, quality.numstacks = 1, 16, 8
        self.renderer = make_renderer(self.world, size=size, n_threads=n_threads)
        self.grid, self.wrist_share, self.wide_share = grid, wrist_share, wide_share
        self.crowd_share = crowd_share
        self.poses = ArmPoses.sample(self.world, n_poses)

    def sample(self, rng: Generator, strength: float = 1.0) -> Views:
        """Draw a batch.

        Args:
            rng: Source of randomness; the same state gives the same batch.
            strength: Of the random visuals.
        """
        n, ids = self.world.n, np.arange(self.world.n)
        scenes = [
            draw_scene(rng, self.poses, self.world.n_slots, self.crowd_share) for _ in range(n)
        ]
        self.world.set_objects(ids, [[o.spec for o in s.objects] for s in scenes])
        self.world.place(ids, np.stack([s.pos for s in scenes]), np.stack([s.quat for s in scenes]))
        for i, s in enumerate(scenes):
            self.world.reset_robot(ids[i : i + 1], self.poses.qpos[s.pose], s.width)
        self.world.set_visuals(ids, [self._visuals(rng, strength) for _ in range(n)])
        wrist = rng.random(n) < self.wrist_share
        return self._render(scenes, wrist)

    def _visuals(self, rng: Generator, strength: float) -> Visuals:
        if rng.random() < self.wide_share:
            return Visuals.wide(rng)
        return Visuals.random(rng, strength * rng.uniform(0, 1.2))

    def _render(self, scenes: list[TableScene], wrist: NDArray[np.bool_]) -> Views:
        size, g, n, slots = self.renderer.image_size, self.grid, self.world.n, self.world.n_slots
        images = np.empty((n, size, size, 3), np.uint8)
        labels = np.empty((n, size, size), np.int8)
        for camera, ids in (("fixed", np.flatnonzero(~wrist)), ("wrist", np.flatnonzero(wrist))):
            if len(ids):
                images[ids] = self.renderer.render(camera, ids)
                labels[ids] = self.renderer.segment(camera, ids)
        codes = np.array([*range(slots), FINGERS], np.int8)
        masks = labels[:, None] == codes[None, :, None, None]
        pixels = masks.sum(axis=(2, 3))
        cell = size // g
        cover = masks.reshape(n, slots + 1, g, cell, g, cell).mean(axis=(3, 5), dtype=np.float32)
        pos = np.stack([s.pos for s in scenes])
        aim = pos.copy()
        aim[..., 2] += POINT_HEIGHT - np.stack([s.rest for s in scenes])
        hand = self.poses.tcp[[s.pose for s in scenes]]
        aim = np.concatenate([aim, hand[:, None]], axis=1)
        ground = np.concatenate([pos[..., :2], hand[:, None, :2]], axis=1)
        point = np.empty((n, slots + 1, 2), np.float32)
        cameras = [self.world.pinhole("fixed", i) for i in range(n)]
        for i in range(n):
            if wrist[i]:
                point[i] = _centroids(masks[i])
            else:
                point[i] = cameras[i].project(aim[i])
        return Views(
            images, cover, pixels, point, ground, self._shapes(wrist), wrist,
            self.world.pinhole("fixed"), cameras, [s.objects for s in scenes],
            [s.relations for s in scenes],
        )  # fmt: skip

    def _shapes(self, wrist: NDArray[np.bool_]) -> NDArray[np.float32]:
        n, slots = self.world.n, self.world.n_slots
        shape = np.full((n, slots + 1, N_SHAPE), np.nan, np.float32)
        for slot in range(slots):
            shape[:, slot] = shape_of(View.of(self.world, np.full(n, slot)))
        shape[wrist, :, 1:3] = np.nan  # that camera turns with the hand
        return shape


def _centroids(masks: NDArray[np.bool_]) -> NDArray:
    """Centre of each mask in image coordinates. Shape (masks, 2)."""
    size = masks.shape[-1]
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    total = np.maximum(masks.sum(axis=(1, 2)), 1)
    u = (masks.sum(axis=1) * axis).sum(axis=1) / total
    v = (masks.sum(axis=2) * axis).sum(axis=1) / total
    return np.stack([u, v], axis=-1)
