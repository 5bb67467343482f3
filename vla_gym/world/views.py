"""`View`: one role's object in every sub-environment, with the lengths that facts ask for."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

_HALF = np.array([kind.half_extents for kind in KINDS.values()])
_ROUND = np.array([kind.round for kind in KINDS.values()])
_BALL = np.array([kind.rolls for kind in KINDS.values()])
_INNER = np.array([kind.inner for kind in KINDS.values()])
_FLOOR = np.array([kind.floor for kind in KINDS.values()])
_HOLDS_DRAWERS = np.array([bool(kind.bays) for kind in KINDS.values()])
_CLOSED_AT = np.array([kind.bays[0][0] if kind.bays else 0.0 for kind in KINDS.values()])


@dataclass(frozen=True)
class View:
    """One object of every sub-environment: its slot, pose, kind and scale."""

    slot: NDArray[np.int64]
    """Shape (n,)."""
    pos: NDArray
    """Centre in the world frame. Shape (n, 3), [m]."""
    mat: NDArray
    """Rotation from the object's frame to the world frame. Shape (n, 3, 3)."""
    kind: NDArray[np.int64]
    """Index into `vla_gym.world.objects.KINDS`. Shape (n,)."""
    scale: NDArray
    """Factor on the kind's lengths. Shape (n,)."""

    @classmethod
    def of(cls, world: World, slot: NDArray[np.int64]) -> View:
        """The view of slot `slot[i]` of sub-environment i.

        Args:
            world: The simulation.
            slot: Shape (n,).
        """
        cache = world.views
        if cache is not None and id(slot) in cache:
            return cache[id(slot)]
        view = cls(slot, *world.pose_of(slot), *world.kind_of(slot))
        if cache is not None:
            cache[id(slot)] = view  # keeps `slot` alive, so that no other array gets its id
        return view

    @functools.cached_property
    def half(self) -> NDArray:
        """Half sizes in the object's frame. Shape (n, 3), [m]."""
        return _HALF[self.kind] * self.scale[:, None]

    @functools.cached_property
    def vertical_half(self) -> NDArray:
        """Half the vertical extent in the present orientation. Shape (n,), [m]."""
        half, up = self.half, np.abs(self.mat[:, 2])
        box = (up * half).sum(axis=1)
        disc = up[:, 2] * half[:, 2] + np.sqrt(np.clip(1 - up[:, 2] ** 2, 0, 1)) * half[:, 0]
        return np.where(_BALL[self.kind], half[:, 0], np.where(_ROUND[self.kind], disc, box))

    @functools.cached_property
    def bottom(self) -> NDArray:
        """Height of the lowest point. Shape (n,), [m]."""
        return self.pos[:, 2] - self.vertical_half

    @functools.cached_property
    def top(self) -> NDArray:
        """Height of the highest point. Shape (n,), [m]."""
        return self.pos[:, 2] + self.vertical_half

    @property
    def upright(self) -> NDArray:
        """Cosine of the tilt. Shape (n,)."""
        return self.mat[:, 2, 2]

    @functools.cached_property
    def inner(self) -> NDArray:
        """Half sizes of the space inside a container, or of a flat target. Shape (n, 2), [m]."""
        return _INNER[self.kind] * self.scale[:, None]

    @property
    def floor(self) -> NDArray:
        """Thickness of a container's floor. Shape (n,), [m]."""
        return _FLOOR[self.kind] * self.scale

    def margin_inside(self, pos: NDArray) -> NDArray:
        """Horizontal distance from a point to the border of `inner`; negative outside.

        Args:
            pos: In the world frame. Shape (n, 3), [m].

        Returns:
            Shape (n,), [m].
        """
        local = np.einsum("nij,ni->nj", self.mat, pos - self.pos)
        disc = self.inner[:, 0] - np.linalg.norm(local[:, :2], axis=1)
        box = (self.inner - np.abs(local[:, :2])).min(axis=1)
        return np.where(_ROUND[self.kind], disc, box)


def drawn_out(world: World, drawer: View) -> NDArray:
    """How far a drawer is open; -1 where there is no cabinet. Shape (n,), [m]."""
    holds = _HOLDS_DRAWERS[world.kind_id] & world.present
    cabinet = View.of(world, holds.argmax(axis=1))
    local = np.einsum("nij,ni->nj", cabinet.mat, drawer.pos - cabinet.pos)
    return np.where(holds.any(axis=1), local[:, 0] - _CLOSED_AT[cabinet.kind] * cabinet.scale, -1.0)
