"""`HandGeometry`: the spheres and corners of the hand for which distances are computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.robots import Robot
from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_KIND_RADIUS = np.array([float(np.linalg.norm(kind.half_extents)) for kind in KINDS.values()])


@dataclass(frozen=True)
class HandGeometry:
    """Points that move with the tool: world frame, relative to the TCP."""

    spheres: NDArray
    """Centers of spheres. Shape (n, b, 3), [m]."""
    radii: NDArray
    """Their radii; negative where a sphere is unused. Shape (n, b), [m]."""
    corners: NDArray
    """Lowest corner of the hand and of either finger. Shape (n, 3, 3), [m]."""

    @classmethod
    def of(cls, world: World) -> HandGeometry:
        """The hand of every sub-environment; a held object is one more sphere."""
        n, mat, robot = world.n, world.tcp_mat, world.robot
        gripper = robot.gripper
        centers = np.array([sphere.center for sphere in gripper.spheres])
        out = 0.5 * world.gripper_width + gripper.pad_half[1]
        per_pad = len(gripper.pad_sphere_heights)
        tips = np.zeros((n, 2 * per_pad, 3))
        tips[:, :per_pad, 1], tips[:, per_pad:, 1] = out[:, None], -out[:, None]
        tips[:, :, 2] = 2 * gripper.pad_sphere_heights
        local = np.concatenate([np.broadcast_to(centers, (n, *centers.shape)), tips], axis=1)
        spheres = np.einsum("nij,nbj->nbi", mat, local)
        radii = np.array(
            [s.radius for s in gripper.spheres] + [gripper.pad_sphere_radius] * 2 * per_pad
        )
        held, size = _held(world)
        spheres = np.concatenate([spheres, (held - world.tcp_pos)[:, None]], axis=1)
        radii = np.concatenate([np.broadcast_to(radii, (n, len(radii))), size[:, None]], axis=1)
        return cls(spheres, radii, _corners(robot, mat, out))


def _corners(robot: Robot, mat: NDArray, out: NDArray) -> NDArray:
    """Lowest corner of the hand's box and of each pad. Shape (n, 3, 3), [m]."""
    hand, pad = np.array(robot.gripper.hand_half), np.array(robot.gripper.pad_half)
    lowest = []
    pads = [(pad, y, robot.pad_z) for y in (out, -out)]
    for half, y, z in ((hand, 0.0, robot.hand_z), *pads):
        middle = np.zeros((len(mat), 1, 3))
        middle[:, 0, 1], middle[:, 0, 2] = y, z
        all_eight = np.einsum("nij,nkj->nki", mat, middle + _SIGNS * half)
        lowest.append(all_eight[np.arange(len(mat)), all_eight[:, :, 2].argmin(axis=1)])
    return np.stack(lowest, axis=1)


def _held(world: World) -> tuple[NDArray, NDArray]:
    """Center (n, 3) [m] and radius (n,) of what both fingers touch; negative radius for nothing."""
    holds = world.finger_touch.all(axis=2)
    slot, rows = holds.argmax(axis=1), np.arange(world.n)
    radius = (_KIND_RADIUS[world.kind_id] * world.scale)[rows, slot]
    return world.object_pos[rows, slot], np.where(holds.sum(axis=1) > 0, radius, -1.0)
