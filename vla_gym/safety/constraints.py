"""Constraints of the filter: half-spaces for the TCP's twist, and limits of speeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.hand import HandGeometry
from vla_gym.safety.limits import Limits
from vla_gym.safety.snapshot import Forces
from vla_gym.safety.zones import Zones
from vla_gym.world.world import World

APPROACH = 8.0
"""Share of the distance to a limit that may be covered per second [1/s]. Braking from the speed
limit then takes about half of the acceleration limit."""
INNER = 0.006
"""Margin of the filter inside the limits, for the lag of the servos [m]."""
INNER_TABLE = 0.0015
"""The same above the table; smaller, as objects are thin and the hand is slow there [m]."""
YIELD, RETREAT, ESCAPE = 0.002, 0.05, 0.2
"""Speed of yielding to a contact force per newton above the limit [m/s/N], its maximum [m/s], and
the maximum speed at which a zone is left [m/s]."""
LOOK_AHEAD = 0.1
"""Time within which no joint may reach the end of its range [s]."""


def half_spaces(
    world: World, limits: Limits, hand: HandGeometry, zones: Zones, forces: Forces
) -> tuple[NDArray, NDArray]:
    """Constraints ``normals @ twist >= least`` on the TCP's twist.

    A distance may shrink only in proportion to itself, so it does not become negative (a control
    barrier function).

    Args:
        world: The simulation.
        limits: What to keep to, resolved for the robot.
        hand: Pose of the hand's geometry.
        zones: Keep-out zones.
        forces: Forces on the hand.

    Returns:
        Normals and least values; rows that do not apply are zero.
        Shapes (n, m, 6) and (n, m).
    """
    n, tcp = world.n, world.tcp_pos
    face = np.concatenate([np.eye(3), -np.eye(3)])
    to_face = np.concatenate(
        [tcp - np.array(limits.workspace_low), np.array(limits.workspace_high) - tcp], axis=1
    )
    normals = [np.zeros((n, 6, 6))]
    normals[0][:, :, :3] = face
    gaps = [to_face - INNER]
    up = np.broadcast_to([0.0, 0.0, 1.0], hand.corners.shape)
    normals.append(_moved(up, hand.corners))
    gaps.append((tcp[:, None] + hand.corners)[:, :, 2] - limits.table_distance - INNER_TABLE)
    if zones.radius.shape[1]:
        distance, out = zones.distance(tcp[:, None] + hand.spheres)
        z = distance.shape[2]
        spheres = np.repeat(hand.spheres, z, axis=1)
        gap = distance - hand.radii[..., None]
        counts = (hand.radii > 0)[..., None] & np.isfinite(gap)
        rows = _moved(out.reshape(n, -1, 3), spheres)
        normals.append(np.where(counts.reshape(n, -1, 1), rows, 0.0))
        gaps.append(np.where(counts, gap - INNER, 1.0).reshape(n, -1))
    least = -APPROACH * np.concatenate(gaps, axis=1)
    limit = np.where(forces.fragile, limits.fragile_contact_force, limits.contact_force)
    size = np.linalg.norm(forces.contact, axis=1)
    away = np.zeros((n, 1, 6))
    strong = size > 0.8 * limit
    away[strong, 0, :3] = forces.contact[strong] / size[strong, None]
    least = np.concatenate([least, np.minimum(YIELD * (size - limit), RETREAT)[:, None]], axis=1)
    return np.concatenate([*normals, away], axis=1), np.minimum(least, ESCAPE)


def joint_share(world: World, speed: NDArray, most: NDArray) -> NDArray:
    """Largest factor on joint speeds that keeps to speed limits and to the joints' ranges.

    Args:
        world: The simulation.
        speed: Desired speeds. Shape (n, n_arm), [rad/s].
        most: Limit of each joint. Shape (n_arm,), [rad/s].

    Returns:
        Shape (n,).
    """
    low, high = world.model.jnt_range[: world.n_arm].T
    angles = world.qpos[:, : world.n_arm]
    room = np.where(speed > 0, high - angles, angles - low)
    most = np.minimum(most, np.maximum(room, 0.0) / LOOK_AHEAD)
    return np.minimum(1.0, (most / np.maximum(np.abs(speed), 1e-9)).min(axis=1))


def too_fast(world: World, limits: Limits) -> NDArray:
    """Largest ratio of measured speed to its limit, at least 1. Shape (n,).

    Where motors saturate, hand and joints can move faster than commanded.
    """
    hand = np.linalg.norm(world.tcp_linvel, axis=1) / max(limits.tcp_speed, 1e-9)
    joints = np.abs(world.qvel[:, : world.n_arm]) / np.array(limits.joint_speed)
    return np.maximum(np.maximum(hand, joints.max(axis=1)) / 0.95, 1.0)


def at_most(twist: NDArray, speed: NDArray | float, turn: NDArray | float) -> NDArray:
    """Clip speed and angular speed of twists (n, 6); each keeps its direction."""
    out = twist.copy()
    for part, most in ((slice(0, 3), speed), (slice(3, 6), turn)):
        size = np.linalg.norm(twist[:, part], axis=1)
        out[:, part] *= np.minimum(1.0, most / np.maximum(size, 1e-9))[:, None]
    return out


def _moved(normals: NDArray, points: NDArray) -> NDArray:
    """Rows whose product with a twist of the TCP is the speed of points along normals.

    Args:
        normals: Shape (n, m, 3).
        points: Relative to the TCP. Shape (n, m, 3), [m].
    """
    return np.concatenate([normals, np.cross(points, normals)], axis=2)
