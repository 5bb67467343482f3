"""Motions that make facts true, chosen anew each step from the world's state alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vla_gym.geometry.rotations import DOWN_AXIS
from vla_gym.world.grasping import grasp_turn
from vla_gym.world.logic import And, Each, Not, Once, Predicate, Roles, Then
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import (
    DIRECTIONS,
    Beside,
    Closed,
    Free,
    Held,
    Inside,
    Lifted,
    Near,
    On,
    Opened,
    Over,
    Pressed,
    SlidOver,
    Standing,
    Touched,
)
from vla_gym.world.views import View, drawn_out
from vla_gym.world.world import World

CLEARANCE = 0.035
"""Height that a carried thing keeps above rims and other things on its way [m]."""
HOVER = 0.09
"""Height above the grasp from which the gripper descends [m]."""
FINGERTIP = 0.016
"""How far the fingers reach below the TCP, and some [m]."""
_RADIUS = np.array([kind.radius for kind in KINDS.values()])
_INNER = np.array([kind.inner for kind in KINDS.values()])
_FLOOR = np.array([kind.floor for kind in KINDS.values()])
_SLIPPERY = np.array([k.slippery for k in KINDS.values()])
_HANDLE = np.array([k.handle for k in KINDS.values()])
_GLIDE = np.array([16.2, 18.0])
"""Root of the way of a slippery thing that was struck, by the hand's displacement in that control
step of 0.1 s, along x and y, as measured [m^-0.5]."""
_BEHIND, _LOW = 0.016, 0.016
"""Gap between the thing and the TCP, half the fingers included, and height before a strike [m]."""
TILT = 1.45
"""How far the hand leans back to stand something up [rad]."""
_STAND_X = 0.40
"""Where things are stood up: further out the arm cannot lean back that far [m]."""


@dataclass
class Motion:
    """What the arm should do next.

    Attributes:
        delta: TCP displacement still to go. Shape (n, 3), [m].
        yaw: Turn about the vertical still to go. Shape (n,), [rad].
        grip: +1 open, -1 closed. Shape (n,).
        axis: Direction that the tool's axis is to have. Shape (n, 3).
    """

    delta: NDArray
    yaw: NDArray
    grip: NDArray
    axis: NDArray = field(default_factory=DOWN_AXIS.copy)

    def __post_init__(self) -> None:
        self.axis = np.broadcast_to(self.axis, self.delta.shape)

    @classmethod
    def choose(cls, choice: NDArray, motions: Sequence[Motion]) -> Motion:
        """World i does `motions[choice[i]]`."""
        rows = np.arange(len(choice))
        return cls(
            np.stack([m.delta for m in motions])[choice, rows],
            np.stack([m.yaw for m in motions])[choice, rows],
            np.stack([m.grip for m in motions])[choice, rows],
            np.stack([m.axis for m in motions])[choice, rows],
        )

    @classmethod
    def rest(cls, n: int) -> Motion:
        """Stay, fingers open."""
        return cls(np.zeros((n, 3)), np.zeros(n), np.ones(n))


@functools.singledispatch
def motion_for(goal: Predicate, world: World, roles: Roles) -> Motion | None:
    """The next motion towards a goal, or None for a fact that no skill brings about."""
    return None


@motion_for.register
def _(goal: And, world: World, roles: Roles) -> Motion | None:
    """The first part that does not hold yet; when all hold, the last one's motion."""
    return _first_unmet(_parts(goal), world, roles)


def _first_unmet(
    parts: Sequence[Predicate], world: World, roles: Roles, spread: bool = False
) -> Motion | None:
    skilled = []
    for part in parts:
        motion = motion_for(part, world, roles)
        if spread and isinstance(part, Inside):
            motion = _put_inside(part, world, roles, spread=True)
        if motion is not None:
            skilled.append((part, motion))
    if not skilled:
        return None
    unmet = np.stack([~part.holds(world, roles) for part, _ in skilled])
    choice = np.where(unmet.any(axis=0), unmet.argmax(axis=0), len(skilled) - 1)
    return Motion.choose(choice, [motion for _, motion in skilled])


@motion_for.register
def _(goal: Then, world: World, roles: Roles) -> Motion | None:
    motions = [motion_for(part, world, roles) or Motion.rest(world.n) for part in goal.parts()]
    return Motion.choose(goal.first.holds(world, roles).astype(int), motions)


@motion_for.register
def _(goal: Once, world: World, roles: Roles) -> Motion | None:
    return motion_for(goal.fact, world, roles)


@motion_for.register
def _(goal: Each, world: World, roles: Roles) -> Motion | None:
    here = {**roles, goal.member: goal.next_member(world, roles)}
    return _first_unmet(_parts(goal.fact), world, here, spread=True)


@motion_for.register
def _(goal: Not, world: World, roles: Roles) -> Motion | None:
    return release(world) if isinstance(goal.fact, (Held, Touched)) else None


@motion_for.register
def _(goal: Free, world: World, roles: Roles) -> Motion:
    return release(world)


@motion_for.register
def _(goal: Held, world: World, roles: Roles) -> Motion:
    return grasp(world, View.of(world, roles[goal.thing]))


@motion_for.register
def _(goal: Lifted, world: World, roles: Roles) -> Motion:
    up = Motion(np.tile([0.0, 0.0, 0.05], (world.n, 1)), np.zeros(world.n), -np.ones(world.n))
    held = Held(goal.thing).holds(world, roles)
    return Motion.choose(held.astype(int), [grasp(world, View.of(world, roles[goal.thing])), up])


@motion_for.register
def _(goal: Near, world: World, roles: Roles) -> Motion:
    motion = grasp(world, View.of(world, roles[goal.thing]))
    motion.grip[:] = 1.0
    return motion


@motion_for.register
def _(goal: Pressed, world: World, roles: Roles) -> Motion:
    thing = View.of(world, roles[goal.thing])
    to = thing.pos - world.tcp_pos
    off = np.linalg.norm(to[:, :2], axis=1)
    to[:, 2] = np.where(off < 0.012, thing.top - 0.02, thing.top + 0.03) - world.tcp_pos[:, 2]
    to[:, :2] *= np.clip(1.0 - (to[:, 2] - 0.03) / 0.05, 0.0, 1.0)[:, None]
    return Motion(to, np.zeros(world.n), -np.ones(world.n))


@motion_for.register
def _(goal: Inside, world: World, roles: Roles) -> Motion:
    return _put_inside(goal, world, roles)


def _put_inside(goal: Inside, world: World, roles: Roles, spread: bool = False) -> Motion:
    """Into the middle, or beside what is there already; with `spread`, off the middle at once."""
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    spot, middle = _free_spot(world, thing, place, spread)
    near = np.where(middle, 0.45 * place.half[:, :2].min(axis=1), 0.012)
    return _put(goal, world, roles, spot, _release_height(world, thing, place), near)


@motion_for.register
def _(goal: On, world: World, roles: Roles) -> Motion:
    base = View.of(world, roles[goal.base])
    return _put(goal, world, roles, base.pos[:, :2], base.top, np.full(world.n, 0.006))


@motion_for.register
def _(goal: Beside, world: World, roles: Roles) -> Motion:
    thing, base = View.of(world, roles[goal.thing]), View.of(world, roles[goal.base])
    spot = _spot_beside(world, thing, base, np.array(DIRECTIONS[goal.side]))
    return _put(goal, world, roles, spot, np.zeros(world.n), np.full(world.n, 0.015))


@motion_for.register
def _(goal: SlidOver, world: World, roles: Roles) -> Motion:
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    return slide(world, thing, place.pos[:, :2], goal.line)


@motion_for.register
def _(goal: Standing, world: World, roles: Roles) -> Motion:
    thing = View.of(world, roles[goal.thing])
    held = Held(goal.thing).holds(world, roles)
    down = thing.bottom < 0.004
    choice = np.select([held & (thing.upright > 0.9) & down, held], [0, 1], 2)
    return Motion.choose(choice, [release(world), stand_up(world, thing), grasp(world, thing)])


@motion_for.register
def _(goal: Opened, world: World, roles: Roles) -> Motion:
    drawer = View.of(world, roles[goal.thing])
    held = Held(goal.thing).holds(world, roles)
    left = np.clip(goal.by + 0.02 - drawn_out(world, drawer), -0.03, 0.03)
    pull = Motion(drawer.mat[:, :, 0] * left[:, None], np.zeros(world.n), -np.ones(world.n))
    return Motion.choose(held.astype(int), [grasp(world, _handle_of(drawer)), pull])


@motion_for.register
def _(goal: Closed, world: World, roles: Roles) -> Motion:
    drawer = View.of(world, roles[goal.thing])
    handle, ahead = _handle_of(drawer), -drawer.mat[:, :, 0]
    return nudge(world, handle, ahead[:, :2], 0.034, np.maximum(drawn_out(world, drawer), 0.0))


def _handle_of(thing: View) -> View:
    """The same thing, as if its middle were where it is taken."""
    offset = _HANDLE[thing.kind] * thing.scale[:, None]
    return replace(thing, pos=thing.pos + np.einsum("nij,nj->ni", thing.mat, offset))


@motion_for.register
def _(goal: Over, world: World, roles: Roles) -> Motion:
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    return push(world, thing, place.pos[:, :2])


def _put(
    goal: Inside | On | Beside, world: World, roles: Roles, spot: NDArray, height: NDArray,
    near: NDArray,
) -> Motion:  # fmt: skip
    """Take a thing, carry it to a spot, let go.

    Args:
        goal: What it is for; lets go when it holds.
        world: The worlds.
        roles: Role -> slot.
        spot: Where the thing's middle shall be. Shape (n, 2), [m].
        height: Where its underside shall be. Shape (n,), [m].
        near: Distance from the spot at which it may be let go. Shape (n,), [m].
    """
    thing = View.of(world, roles[goal.thing])
    held = Held(goal.thing).holds(world, roles)
    over = np.linalg.norm(thing.pos[:, :2] - spot, axis=1) < near
    low = thing.bottom < height + 0.008
    choice = np.select([goal.holds(world, roles) | (over & low), held], [0, 1], 2)
    return Motion.choose(
        choice, [release(world), carry(world, thing, spot, height), grasp(world, thing)]
    )


def grasp(world: World, thing: View, yaw: NDArray | None = None) -> Motion:
    """Approach above, descend in a funnel, close. After it: both fingers hold `thing`.

    Args:
        world: The worlds.
        thing: What to take.
        yaw: Turn still to go, if the fingers are to close some other way. Shape (n,), [rad].
    """
    tcp, yaw = world.tcp_pos, _yaw_error(world, thing) if yaw is None else yaw
    to = thing.pos - tcp
    to[:, 2] = np.maximum(thing.pos[:, 2], 0.016) - tcp[:, 2]
    off = np.linalg.norm(to[:, :2], axis=1)
    hover = np.maximum(HOVER, _tallest(world, thing) + 0.02 - thing.pos[:, 2])
    high = np.clip((off - 0.012) * 4 + (np.abs(yaw) - 0.15) * 0.3, 0.0, hover)
    at = (off < 0.014) & (np.abs(to[:, 2]) < 0.014) & (np.abs(yaw) < 0.25)
    delta = to.copy()
    delta[:, 2] += high
    # low fingers would sweep things aside
    delta[:, :2] *= np.clip(1.0 - (delta[:, 2] - 0.03) / 0.05, 0.0, 1.0)[:, None]
    return Motion(delta, yaw, np.where(at, -1.0, 1.0))


def carry(world: World, thing: View, spot: NDArray, height: NDArray) -> Motion:
    """Lift, move above, lower. Before it: `thing` is held; after it: low over the spot."""
    to = np.concatenate([spot - thing.pos[:, :2], np.zeros((world.n, 1))], axis=1)
    off = np.linalg.norm(to[:, :2], axis=1)
    high = np.maximum.reduce([height + 0.012, _tallest(world, thing), np.full(world.n, 0.045)])
    share = np.clip((off - 0.015) / 0.03, 0.0, 1.0)
    aim = (1 - share) * (height + 0.003) + share * (high + CLEARANCE)
    to[:, 2] = aim - thing.bottom
    # not sideways before it is high enough
    rise = np.clip((thing.bottom - high - CLEARANCE + 0.065) / 0.045, 0.0, 1.0)
    to[:, :2] *= np.where(off > 0.015, rise, 1.0)[:, None]
    return Motion(to, np.zeros(world.n), -np.ones(world.n))


def release(world: World) -> Motion:
    """Open, as far as there is room, then rise. After it: nothing is touched."""
    delta = np.zeros((world.n, 3))
    open_share = np.clip((world.gripper_width - 0.055) / 0.02, 0.0, 1.0)
    opening, speed = world.ctrl[:, world.n_arm], world.qvel[:, world.n_arm]
    stuck = (opening > 0.07) & (np.abs(speed) < 0.003) & (world.gripper_width > 0.03)
    open_share[stuck] = 1.0
    delta[:, 2] = 0.05 * open_share * (world.tcp_pos[:, 2] < 0.20)
    # a hand that leans stays so until it is off
    axis = world.tcp_mat[:, :, 2]
    axis = np.where(axis[:, 2:] < -0.9, DOWN_AXIS, axis)
    return Motion(delta, np.zeros(world.n), np.ones(world.n), axis)


def stand_up(world: World, thing: View) -> Motion:
    """Carry a lying thing near the robot, lean back until it is upright, and lower it.

    Before it: `thing` is held, its top towards the robot; after it: it stands, still held.
    """
    n = world.n
    spot = np.stack([np.full(n, _STAND_X), _clear_lane(world, thing)], axis=1)
    to = np.concatenate([spot - thing.pos[:, :2], np.zeros((n, 1))], axis=1)
    off = np.linalg.norm(to[:, :2], axis=1)
    top = thing.mat[:, :, 2]
    yaw = np.arctan2(top[:, 1], -top[:, 0])  # left until the top points to the robot
    yaw = np.where(np.hypot(top[:, 0], top[:, 1]) > 0.5, yaw, 0.0)
    ready = (off < 0.025) & (np.abs(yaw) < 0.15)
    lean = np.array([-np.sin(TILT), 0.0, -np.cos(TILT)])
    leaning = world.tcp_mat[:, :, 2] @ lean
    # things lower than the hand's sides are passed over
    high = np.maximum(0.11, _tallest(world, thing) + CLEARANCE + 0.05)
    begun = thing.upright > 0.3
    aim = np.where(ready | begun, np.where(leaning > 0.985, -0.01, 0.09), high)
    to[:, 2] = np.clip(aim - thing.bottom, -0.03, 0.05)
    to[:, :2] *= np.clip((thing.bottom - 0.03) / 0.04, 0.0, 1.0)[:, None]
    axis = np.where((ready | begun)[:, None], lean, DOWN_AXIS)
    return Motion(to, np.where(begun, 0.0, yaw), -np.ones(n), axis)


def _clear_lane(world: World, thing: View) -> NDArray:
    """The y near the thing where the leaning hand meets nothing. Shape (n,), [m]."""
    lanes = np.linspace(-0.27, 0.27, 19)
    others = world.present.copy()
    others[np.arange(world.n), thing.slot] = False
    away = np.abs(world.object_pos[:, :, 1, None] - lanes) - 0.03
    near = world.object_pos[:, :, 0, None] < 0.68
    room = np.where(others[..., None] & near, away, 1.0).min(axis=1)
    cost = np.abs(thing.pos[:, 1, None] - lanes) + 5.0 * np.clip(0.11 - room, 0.0, None)
    return lanes[cost.argmin(axis=1)]


def slide(world: World, thing: View, spot: NDArray, line: float) -> Motion:
    """Strike a slippery thing from behind, the flat of the closed fingers towards a spot.

    It leaves the fingers at the hand's highest speed, and friction stops it after a way that goes
    with the square of the displacement of that control step.
    """
    n, tcp, rows = world.n, world.tcp_pos, np.arange(world.n)
    way = spot - thing.pos[:, :2]
    left = np.maximum(np.linalg.norm(way, axis=1), 1e-6)
    ahead = way / left[:, None]
    tool = np.arctan2(world.tcp_mat[:, 1, 1], world.tcp_mat[:, 0, 1])
    turn = np.arctan2(ahead[:, 1], ahead[:, 0]) + np.pi / 2 - tool
    turn = (turn + np.pi / 2) % np.pi - np.pi / 2
    start = thing.pos[:, :2] - ahead * (thing.half[:, 0] + _BEHIND)[:, None]
    to = np.concatenate([start - tcp[:, :2], np.zeros((n, 1))], axis=1)
    off = np.linalg.norm(to[:, :2], axis=1)
    to[:, 2] = np.where(off < 0.01, _LOW, np.maximum(0.09, _tallest(world, thing) + 0.02))
    to[:, 2] -= tcp[:, 2]
    ready = (off < 0.003) & (np.abs(to[:, 2]) < 0.004) & (np.abs(turn) < 0.03)
    to[:, :2] *= np.clip(1.0 - (np.abs(to[:, 2]) - 0.03) / 0.05, 0.0, 1.0)[:, None]
    hit = np.concatenate([way / np.sqrt(left)[:, None] / _GLIDE, np.zeros((n, 1))], axis=1)
    speed = np.linalg.norm(world.object_linvel[rows, thing.slot, :2], axis=1)
    gone = (speed > 0.01) | (thing.pos[:, 0] > line - 0.05)
    motion = Motion(np.where(ready[:, None], hit, to), turn, -np.ones(n))
    return Motion.choose(gone.astype(int), [motion, Motion.rest(n)])


def push(world: World, thing: View, spot: NDArray) -> Motion:
    """Get behind `thing` with closed fingers and push it, low, towards a spot."""
    way = spot - thing.pos[:, :2]
    left = np.linalg.norm(way, axis=1)
    ahead = way / np.maximum(left, 1e-6)[:, None]
    return nudge(world, thing, ahead, thing.half[:, :2].max(axis=1) + 0.025, left)


def nudge(
    world: World, thing: View, ahead: NDArray, behind: NDArray | float, left: NDArray
) -> Motion:
    """Go down behind `thing` with closed fingers and push; back up where the hand is aside.

    Args:
        world: The worlds.
        thing: What is pushed.
        ahead: Unit vectors of the way. Shape (n, 2).
        behind: Distance from its middle at which the fingers go down. Shape (n,), [m].
        left: How far it has to go. Shape (n,), [m].
    """
    tcp, n = world.tcp_pos, world.n
    behind = np.broadcast_to(behind, n)
    from_tcp = thing.pos[:, :2] - tcp[:, :2]
    along = (from_tcp * ahead).sum(axis=1)
    side = from_tcp - along[:, None] * ahead
    aside = np.linalg.norm(side, axis=1)
    hover = np.maximum(0.076, _tallest(world, thing) + 0.006)
    past = along - np.clip(along, 0.0, behind)
    # a funnel about the way from behind the thing to its middle, and no edges for learners to miss
    height = 0.014 + np.clip((np.hypot(aside, past) - 0.012) * 4, 0.0, hover)
    up = height - tcp[:, 2]
    ready = np.clip((0.014 - aside) / 0.010, 0.0, 1.0) * (along > 0)
    ready *= np.clip((0.05 - tcp[:, 2]) / 0.02, 0.0, 1.0)
    # slippery things glide on, and are hard to get behind once they are past
    gentle = np.minimum(np.sqrt(left) / _GLIDE.mean(), 0.018)
    most = np.where(_SLIPPERY[thing.kind], gentle, 0.03)
    forth = ready * np.minimum(left + 0.004, most) + (1 - ready) * (along - behind)
    delta = np.concatenate([ahead * forth[:, None] + side, up[:, None]], axis=1)
    delta[:, :2] *= np.clip(1.0 - (up - 0.02) / 0.05, 0.0, 1.0)[:, None]
    return Motion(delta, np.zeros(n), -np.ones(n))


def _parts(goal: Predicate) -> list[Predicate]:
    """The facts of nested conjunctions, left to right."""
    if isinstance(goal, And):
        return [p for part in goal.parts() for p in _parts(part)]
    return [goal]


def _free_spot(
    world: World, thing: View, place: View, spread: bool
) -> tuple[NDArray, NDArray[np.bool_]]:
    """Where to put something in a container: its middle, or beside what lies there already.

    Returns:
        The spot (n, 2) [m], and whether it is the middle (n,).
    """
    inner = 0.5 * _INNER[place.kind] * place.scale[:, None]
    offsets = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])
    offsets = offsets[1:] if spread else offsets
    local = offsets[None] * inner[:, None]
    spots = place.pos[:, None, :2] + np.einsum("nij,nkj->nki", place.mat[:, :2, :2], local)
    rows, others = np.arange(world.n), world.present.copy()
    others[rows, thing.slot] = others[rows, place.slot] = False
    away = np.linalg.norm(spots[:, :, None] - world.object_pos[:, None, :, :2], axis=-1)
    room = np.where(others[:, None], away, 1.0).min(axis=2)
    # the first spot with enough room, else the one with most
    choice = np.where((room > 0.05).any(axis=1), (room > 0.05).argmax(axis=1), room.argmax(axis=1))
    return spots[rows, choice], (choice == 0) & (not spread)


def _spot_beside(world: World, thing: View, base: View, way: NDArray) -> NDArray:
    """The nearest free spot on one side of `base`, or the freest. Shape (n, 2), [m]."""
    touching = thing.half[:, :2].max(axis=1) + base.half[:, :2].max(axis=1)
    gaps, asides = np.meshgrid([0.035, 0.055, 0.075], [0.0, 0.03, -0.03], indexing="ij")
    far = touching[:, None] + gaps.ravel()
    spots = base.pos[:, None, :2] + far[..., None] * way + asides.ravel()[:, None] * way[::-1]
    rows, others = np.arange(world.n), world.present.copy()
    others[rows, thing.slot] = others[rows, base.slot] = False
    away = np.linalg.norm(spots[:, :, None] - world.object_pos[:, None, :, :2], axis=-1)
    radius = world.kind_value(_RADIUS) * world.scale
    room = np.where(others[:, None], away - radius[:, None], 1.0).min(axis=2)
    # the hand needs room too
    wanted = thing.half[:, :1].max(axis=1) + 0.035
    free = room > wanted[:, None]
    choice = np.where(free.any(axis=1), free.argmax(axis=1), room.argmax(axis=1))
    return spots[rows, choice]


def _tallest(world: World, thing: View) -> NDArray:
    """Height of the highest of the other things. Shape (n,), [m]."""
    top = world.top
    top[np.arange(world.n), thing.slot] = 0.0
    return top.max(axis=1)


def _release_height(world: World, thing: View, place: View) -> NDArray:
    """Height of a thing's underside at which it may be let go. Shape (n,), [m].

    The fingertips stay above the rim: opened inside, they would wedge and lift the container.
    """
    rim = place.pos[:, 2] + place.half[:, 2]
    floor = place.pos[:, 2] - place.half[:, 2] + _FLOOR[place.kind] * place.scale
    grip = np.clip(world.tcp_pos[:, 2] - thing.bottom, 0.0, 0.06)
    return np.maximum.reduce([floor + 0.008, rim - 0.012, rim + FINGERTIP - grip])


def _yaw_error(world: World, thing: View) -> NDArray:
    return grasp_turn(thing, np.arctan2(world.tcp_mat[:, 1, 1], world.tcp_mat[:, 0, 1]))
