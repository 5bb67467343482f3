"""The numbers behind the filter: half-spaces to keep to, and shares of speeds that are allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.hand import Hand
from vla_gym.safety.limits import Limits
from vla_gym.safety.monitor import Forces
from vla_gym.safety.zones import Zones
from vla_gym.world.world import World

APPROACH = 8.0
"""Share of the distance to a limit that may be covered per second [1/s]; brakes from the highest
speed at about half of the highest acceleration."""
INNER = 0.006
"""How far inside the limits the filter keeps, for what the servos lag behind [m]."""
INNER_TABLE = 0.0015
"""The same above the table, where things are thin and the hand is slow [m]."""
YIELD, RETREAT, ESCAPE = 0.002, 0.05, 0.2
"""Speed of giving way to a force, for each newton above the limit [m/s/N], the most of it, and the
highest speed of leaving a zone [m/s]."""
LOOK_AHEAD = 0.1
"""Time within which no joint shall come to the end of its range [s]."""


def half_spaces(
    world: World, limits: Limits, hand: Hand, zones: Zones, forces: Forces
) -> tuple[NDArray, NDArray]:
    """Constraints ``normals @ twist >= least`` on the TCP's twist.

    Each distance may shrink only in proportion to itself, so it never gets below zero.

    Returns:
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
        distance, out = zones.distance(tcp[:, None] + hand.balls)
        z = distance.shape[2]
        balls = np.repeat(hand.balls, z, axis=1)
        gap = distance - hand.radii[..., None]
        counts = (hand.radii > 0)[..., None] & np.isfinite(gap)
        rows = _moved(out.reshape(n, -1, 3), balls)
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
    """Share of joint speeds that keeps to limits and to the joints' ranges.

    Args:
        world: The worlds.
        speed: Wanted. Shape (n, n_arm), [rad/s].
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
    """How many times faster than allowed anything is, at least 1. Shape (n,).

    Where motors are at their end, hand and joints can be faster than was commanded.
    """
    hand = np.linalg.norm(world.tcp_linvel, axis=1) / max(limits.tcp_speed, 1e-9)
    joints = np.abs(world.qvel[:, : world.n_arm]) / np.array(limits.joint_speed)
    return np.maximum(np.maximum(hand, joints.max(axis=1)) / 0.95, 1.0)


def at_most(twist: NDArray, speed: NDArray | float, turn: NDArray | float) -> NDArray:
    """Twists of at most this speed and turning speed; each part keeps its direction."""
    out = twist.copy()
    for part, most in ((slice(0, 3), speed), (slice(3, 6), turn)):
        size = np.linalg.norm(twist[:, part], axis=1)
        out[:, part] *= np.minimum(1.0, most / np.maximum(size, 1e-9))[:, None]
    return out


def _moved(normals: NDArray, points: NDArray) -> NDArray:
    """Rows that give the speed of points along normals for a twist about the TCP.

    Args:
        normals: Shape (n, m, 3).
        points: Seen from the TCP. Shape (n, m, 3), [m].
    """
    return np.concatenate([normals, np.cross(points, normals)], axis=2)
