"""Keep-out zones as rounded boxes, fixed or around objects: signed distances and directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.limits import Box, Sphere
from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

_HALF = np.array([kind.half_extents for kind in KINDS.values()])


@dataclass(frozen=True)
class Zones:
    """z rounded boxes in each of n sub-environments."""

    center: NDArray
    """Shape (n, z, 3), [m]."""
    half: NDArray
    """Shape (n, z, 3), [m]."""
    mat: NDArray
    """Axes as columns. Shape (n, z, 3, 3)."""
    radius: NDArray
    """Radius of the rounding; minus infinity where there is no zone. Shape (n, z), [m]."""

    @classmethod
    def of(
        cls, world: World, fixed: Sequence[Box | Sphere], protected: NDArray, distance: float
    ) -> Zones:
        """Fixed zones, and one around the present pose of each protected object.

        Args:
            world: The simulation.
            fixed: Zones of every sub-environment.
            protected: Which objects to keep away from. Shape (n, n_slots).
            distance: Distance to keep from them [m].
        """
        n = world.n
        slots = np.flatnonzero(protected.any(axis=0))
        center = np.zeros((n, len(fixed) + len(slots), 3))
        half, radius = np.zeros_like(center), np.zeros(center.shape[:2])
        mat = np.broadcast_to(np.eye(3), (*radius.shape, 3, 3)).copy()
        for k, zone in enumerate(fixed):
            center[:, k], half[:, k], radius[:, k] = zone.center, zone.half, zone.radius
        k = len(fixed)
        if len(slots):
            center[:, k:] = world.object_pos[:, slots]
            half[:, k:] = (_HALF[world.kind_id] * world.scale[..., None])[:, slots]
            mat[:, k:] = world.object_mat[:, slots]
            there = (protected & world.present)[:, slots]
            radius[:, k:] = np.where(there, distance, -np.inf)
        return cls(center, half, mat, radius)

    def distance(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Signed distances of points to each zone, negative inside, and the directions out of it.

        Args:
            points: World frame. Shape (n, b, 3), [m].

        Returns:
            Distances (n, b, z) [m], infinite where there is no zone, and unit vectors (n, b, z, 3)
            that point away from it.
        """
        away = points[:, :, None] - self.center[:, None]
        local = np.einsum("nzij,nbzi->nbzj", self.mat, away)
        beyond = np.abs(local) - self.half[:, None]
        outside = np.maximum(beyond, 0.0)
        far = np.linalg.norm(outside, axis=-1)
        deepest = beyond.max(axis=-1)
        # inside, the shortest path out crosses the nearest face
        face = (beyond == deepest[..., None]).astype(float)
        face /= face.sum(axis=-1, keepdims=True)
        sign = np.where(local >= 0, 1.0, -1.0)
        out = np.where(far[..., None] > 1e-9, outside / np.maximum(far, 1e-9)[..., None], face)
        out *= sign
        out /= np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9)
        return (
            np.where(far > 1e-9, far, deepest) - self.radius[:, None],
            np.einsum("nzij,nbzj->nbzi", self.mat, out),
        )
