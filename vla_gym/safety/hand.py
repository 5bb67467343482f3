"""Where the hand is: the balls and corners that zones and the table are kept away from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

_WRIST = (((0.0, 0.0, -0.165), 0.055),)
_PALM = tuple(((0.0, y, -0.0744), 0.036) for y in (-0.06, -0.02, 0.02, 0.06))
_BALLS = np.array([at for at, _ in (*_WRIST, *_PALM)])
_RADII = np.array([r for _, r in (*_WRIST, *_PALM)])
"""Balls that cover the wrist and the hand, in the tool's frame, seen from the TCP [m]."""
_PAD = np.array([0.010, 0.006, 0.026])
_PAD_Z, _PAD_RADIUS = -0.018, 0.014
"""Half sizes of a finger pad, its middle seen from the TCP, and the balls along it [m]."""
_HAND, _HAND_Z = np.array([0.020, 0.090, 0.029]), -0.0744
_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_KIND_RADIUS = np.array([float(np.linalg.norm(kind.half_extents)) for kind in KINDS.values()])


@dataclass(frozen=True)
class Hand:
    """Points that move with the tool, world frame, seen from the TCP."""

    balls: NDArray
    """Shape (n, b, 3), [m]."""
    radii: NDArray
    """Shape (n, b), [m]; negative where a ball does not count."""
    corners: NDArray
    """Lowest corner of the hand and of either finger. Shape (n, 3, 3), [m]."""

    @classmethod
    def of(cls, world: World) -> Hand:
        """The hand of every world, with what it holds as one more ball."""
        n, mat = world.n, world.tcp_mat
        out = 0.5 * world.gripper_width + _PAD[1]
        tips = np.zeros((n, 4, 3))
        tips[:, :2, 1], tips[:, 2:, 1] = out[:, None], -out[:, None]
        tips[:, ::2, 2] = -0.006
        tips[:, 1::2, 2] = -0.036
        local = np.concatenate([np.broadcast_to(_BALLS, (n, *_BALLS.shape)), tips], axis=1)
        balls = np.einsum("nij,nbj->nbi", mat, local)
        radii = np.concatenate([_RADII, np.full(4, _PAD_RADIUS)])
        held, size = _held(world)
        balls = np.concatenate([balls, (held - world.tcp_pos)[:, None]], axis=1)
        radii = np.concatenate([np.broadcast_to(radii, (n, len(radii))), size[:, None]], axis=1)
        return cls(balls, radii, _corners(mat, out))


def _corners(mat: NDArray, out: NDArray) -> NDArray:
    """Lowest corner of the hand's box and of each pad. Shape (n, 3, 3), [m]."""
    lowest = []
    for half, y, z in ((_HAND, 0.0, _HAND_Z), (_PAD, out, _PAD_Z), (_PAD, -out, _PAD_Z)):
        middle = np.zeros((len(mat), 1, 3))
        middle[:, 0, 1], middle[:, 0, 2] = y, z
        all_eight = np.einsum("nij,nkj->nki", mat, middle + _SIGNS * half)
        lowest.append(all_eight[np.arange(len(mat)), all_eight[:, :, 2].argmin(axis=1)])
    return np.stack(lowest, axis=1)


def _held(world: World) -> tuple[NDArray, NDArray]:
    """The middle of what both fingers touch (n, 3) [m], and its radius (n,), negative for none."""
    holds = world.finger_touch.all(axis=2)
    slot, rows = holds.argmax(axis=1), np.arange(world.n)
    radius = (_KIND_RADIUS[world.kind_id] * world.scale)[rows, slot]
    return world.object_pos[rows, slot], np.where(holds.sum(axis=1) > 0, radius, -1.0)
