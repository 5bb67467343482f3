"""Motions that make facts true, chosen anew each step from the world's state alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import And, Held, Inside, Predicate, Roles, View
from vla_gym.world.world import World

CLEARANCE = 0.035
"""Height that a carried object keeps above rims on its way [m]."""
HOVER = 0.09
"""Height above the grasp from which the gripper descends [m]."""
_NAMES = list(KINDS)
_FLOOR = np.array([kind.floor for kind in KINDS.values()])
_SQUARE = np.array([not k.round for k in KINDS.values()])
_MUG = _NAMES.index("mug")


@dataclass
class Motion:
    """What the arm should do next.

    Attributes:
        delta: TCP displacement still to go. Shape (n, 3), [m].
        yaw: Turn about the vertical still to go. Shape (n,), [rad].
        grip: +1 open, -1 closed. Shape (n,).
    """

    delta: NDArray
    yaw: NDArray
    grip: NDArray


@functools.singledispatch
def motion_for(goal: Predicate, world: World, roles: Roles) -> Motion:
    """The next motion towards a goal; a fact without a skill asks for rest."""
    n = world.n
    return Motion(np.zeros((n, 3)), np.zeros(n), np.ones(n))


@motion_for.register
def _(goal: And, world: World, roles: Roles) -> Motion:
    first = goal.left
    while isinstance(first, And):
        first = first.left
    return motion_for(first, world, roles)


@motion_for.register
def _(goal: Held, world: World, roles: Roles) -> Motion:
    return grasp(world, View.of(world, roles[goal.thing]))


@motion_for.register
def _(goal: Inside, world: World, roles: Roles) -> Motion:
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    held = Held(goal.thing).holds(world, roles)
    across = np.linalg.norm((thing.pos - place.pos)[:, :2], axis=1)
    over = across < 0.45 * place.half[:, :2].min(axis=1)
    low = thing.bottom < _release_height(place) + 0.004
    done = goal.holds(world, roles)
    motions = [
        release(world, place), carry(world, thing, place), grasp(world, thing)
    ]  # fmt: skip
    choice = np.select([done | (over & low), held], [0, 1], 2)
    rows = np.arange(world.n)
    return Motion(
        np.stack([m.delta for m in motions])[choice, rows],
        np.stack([m.yaw for m in motions])[choice, rows],
        np.stack([m.grip for m in motions])[choice, rows],
    )


def grasp(world: World, thing: View) -> Motion:
    """Approach above, descend in a funnel, close. After it: both fingers hold `thing`."""
    tcp, yaw = world.tcp_pos, _yaw_error(world, thing)
    to = thing.pos - tcp
    to[:, 2] = np.maximum(thing.pos[:, 2], 0.016) - tcp[:, 2]
    off = np.linalg.norm(to[:, :2], axis=1)
    high = np.clip((off - 0.012) * 4 + (np.abs(yaw) - 0.15) * 0.3, 0.0, HOVER)
    at = (off < 0.014) & (np.abs(to[:, 2]) < 0.014) & (np.abs(yaw) < 0.25)
    delta = to.copy()
    delta[:, 2] += high
    # low fingers would sweep things aside
    delta[:, :2] *= np.clip(1.0 - (delta[:, 2] - 0.03) / 0.05, 0.0, 1.0)[:, None]
    return Motion(delta, yaw, np.where(at, -1.0, 1.0))


def carry(world: World, thing: View, place: View) -> Motion:
    """Lift, move above, lower. Before it: `thing` is held; after it: low over `place`."""
    to = place.pos - thing.pos
    off = np.linalg.norm(to[:, :2], axis=1)
    rim = place.pos[:, 2] + place.half[:, 2]
    high = np.maximum(rim, 0.045) + CLEARANCE
    share = np.clip((off - 0.015) / 0.03, 0.0, 1.0)
    aim = (1 - share) * (_release_height(place) - 0.004) + share * high
    delta = to.copy()
    delta[:, 2] = aim - thing.bottom
    safe = np.where(off > 0.015, np.clip((thing.bottom - 0.015) / 0.045, 0.0, 1.0), 1.0)
    delta[:, :2] *= safe[:, None]
    return Motion(delta, np.zeros(world.n), -np.ones(world.n))


def release(world: World, place: View) -> Motion:
    """Open, then rise. After it: nothing is touched."""
    delta = np.zeros((world.n, 3))
    open_share = np.clip((world.gripper_width - 0.055) / 0.02, 0.0, 1.0)
    delta[:, 2] = 0.05 * open_share * (world.tcp_pos[:, 2] < 0.20)
    return Motion(delta, np.zeros(world.n), np.ones(world.n))


def _release_height(place: View) -> NDArray:
    """Height of a thing's underside at which it may be let go. Shape (n,), [m]."""
    rim = place.pos[:, 2] + place.half[:, 2]
    floor = place.pos[:, 2] - place.half[:, 2] + _FLOOR[place.kind] * place.scale
    return np.maximum(floor + 0.008, rim - 0.012)


def _yaw_error(world: World, thing: View) -> NDArray:
    """Turn after which the fingers close across flat sides, off the handle. Shape (n,), [rad]."""
    tool = np.arctan2(world.tcp_mat[:, 1, 1], world.tcp_mat[:, 0, 1])
    # of the thing's axes, the one that lies flattest
    column = np.argmin(np.abs(thing.mat[:, 2, :]), axis=1)
    axis = thing.mat[np.arange(world.n), :, column]
    flat = np.arctan2(axis[:, 1], axis[:, 0])
    side = np.arctan2(thing.mat[:, 1, 1], thing.mat[:, 0, 1])
    quarter, half = np.pi / 2, np.pi
    square = (flat - tool + quarter / 2) % quarter - quarter / 2
    mug = (side - tool + half / 2) % half - half / 2
    plain = (half / 2 - tool + half / 2) % half - half / 2
    return np.where(_SQUARE[thing.kind], square, np.where(thing.kind == _MUG, mug, plain))
