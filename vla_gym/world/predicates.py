"""Facts about a world with a signed margin, joined by `&`, `|` and `~`.

`margin` is the signed distance to the fact's boundary in units of its own tolerance (robustness
semantics of signal temporal logic, Donze & Maler 2010): 1 ideal, 0 the boundary, negative false.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

Roles = Mapping[str, NDArray]
"""Role name -> slot of each world, shape (n,); or, for a role of many things, the slots that play
it as booleans, shape (n, n_slots)."""

_HALF = np.array([kind.half_extents for kind in KINDS.values()])
_ROUND = np.array([kind.round for kind in KINDS.values()])
_BALL = np.array([kind.rolls for kind in KINDS.values()])
_INNER = np.array([kind.inner for kind in KINDS.values()])
_FLOOR = np.array([kind.floor for kind in KINDS.values()])
_HOLDS_DRAWERS = np.array([bool(kind.bays) for kind in KINDS.values()])
_CLOSED_AT = np.array([kind.bays[0][0] if kind.bays else 0.0 for kind in KINDS.values()])


@dataclass(frozen=True)
class View:
    """One role's object in every world."""

    slot: NDArray[np.int64]
    pos: NDArray
    mat: NDArray
    kind: NDArray[np.int64]
    scale: NDArray

    @classmethod
    def of(cls, world: World, slot: NDArray[np.int64]) -> View:
        """Pick slot `slot[i]` of world i."""
        known = world.views
        if known is not None and id(slot) in known:
            return known[id(slot)]
        view = cls(slot, *world.pose_of(slot), *world.kind_of(slot))
        if known is not None:
            known[id(slot)] = view  # which keeps `slot` alive, so that no other array gets its id
        return view

    @functools.cached_property
    def half(self) -> NDArray:
        """Half sizes in the object's frame. Shape (n, 3), [m]."""
        return _HALF[self.kind] * self.scale[:, None]

    @functools.cached_property
    def vertical_half(self) -> NDArray:
        """Half of the object's vertical extent as it lies now. Shape (n,), [m]."""
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


class Predicate:
    """A fact that can be asked of every world at once."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        """Signed distance to the boundary in units of the tolerance. Shape (n,)."""
        raise NotImplementedError

    def holds(self, world: World, roles: Roles) -> NDArray[np.bool_]:
        """Whether the fact is true. Shape (n,)."""
        return self.margin(world, roles) >= 0.0

    def parts(self) -> tuple[Predicate, ...]:
        """The facts that this one is made of."""
        return ()

    def observe(self, world: World, roles: Roles) -> None:
        """Take note of the present, for facts that have a memory; called once a control step."""
        for part in self.parts():
            part.observe(world, roles)

    def __and__(self, other: Predicate) -> Predicate:
        return And(self, other)

    def __or__(self, other: Predicate) -> Predicate:
        return Or(self, other)

    def __invert__(self) -> Predicate:
        return Not(self)


@dataclass(frozen=True)
class And(Predicate):
    """Both facts."""

    left: Predicate
    right: Predicate

    def parts(self) -> tuple[Predicate, ...]:
        return self.left, self.right

    def margin(self, world: World, roles: Roles) -> NDArray:
        return np.minimum(self.left.margin(world, roles), self.right.margin(world, roles))

    def holds(self, world: World, roles: Roles) -> NDArray[np.bool_]:
        return self.left.holds(world, roles) & self.right.holds(world, roles)


@dataclass(frozen=True)
class Or(Predicate):
    """At least one of the facts."""

    left: Predicate
    right: Predicate

    def parts(self) -> tuple[Predicate, ...]:
        return self.left, self.right

    def margin(self, world: World, roles: Roles) -> NDArray:
        return np.maximum(self.left.margin(world, roles), self.right.margin(world, roles))

    def holds(self, world: World, roles: Roles) -> NDArray[np.bool_]:
        return self.left.holds(world, roles) | self.right.holds(world, roles)


@dataclass(frozen=True)
class Not(Predicate):
    """The opposite; at a margin of exactly 0 the fact holds and its opposite does not."""

    fact: Predicate

    def parts(self) -> tuple[Predicate, ...]:
        return (self.fact,)

    def margin(self, world: World, roles: Roles) -> NDArray:
        return -self.fact.margin(world, roles)

    def holds(self, world: World, roles: Roles) -> NDArray[np.bool_]:
        return ~self.fact.holds(world, roles)


@dataclass(frozen=True)
class Inside(Predicate):
    """`thing` lies in (or on the flat of) the upright container `place`.

    Its middle is over the container's floor and its lowest point below the rim, so neither
    hovering above nor leaning over the rim from outside counts.
    """

    thing: str
    place: str
    tol_xy: float = 0.01
    """Distance over which the horizontal margin goes from 0 to 1 [m]."""
    tol_z: float = 0.006
    """Slack above the rim that still counts as resting inside [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, place = View.of(world, roles[self.thing]), View.of(world, roles[self.place])
        local = np.einsum("nij,ni->nj", place.mat, thing.pos - place.pos)
        inner = _INNER[place.kind] * place.scale[:, None]
        disc = inner[:, 0] - np.linalg.norm(local[:, :2], axis=1)
        box = (inner - np.abs(local[:, :2])).min(axis=1)
        across = np.where(_ROUND[place.kind], disc, box) / self.tol_xy
        rim = place.pos[:, 2] + place.half[:, 2]
        below_rim = (rim + self.tol_z - thing.bottom) / self.tol_z
        floor = place.pos[:, 2] - place.half[:, 2] + 0.5 * _FLOOR[place.kind] * place.scale
        above_floor = (thing.pos[:, 2] - floor) / self.tol_z
        upright = (place.upright - 0.94) / 0.03
        return np.minimum.reduce([across, below_rim, above_floor, upright]).clip(max=1.0)


@dataclass(frozen=True)
class On(Predicate):
    """`thing` stands on `base`: its middle over it, its underside at its top."""

    thing: str
    base: str
    tol_z: float = 0.008
    """Largest gap or overlap between underside and top [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, base = View.of(world, roles[self.thing]), View.of(world, roles[self.base])
        reach = base.half[:, :2].min(axis=1)
        across = (reach - np.linalg.norm((thing.pos - base.pos)[:, :2], axis=1)) / reach
        gap = (self.tol_z - np.abs(thing.bottom - base.top)) / self.tol_z
        return np.minimum(across, gap)


@dataclass(frozen=True)
class Held(Predicate):
    """Both fingers touch `thing`."""

    thing: str

    def margin(self, world: World, roles: Roles) -> NDArray:
        touch = world.finger_touch[np.arange(world.n), roles[self.thing]]
        return np.where(touch.all(axis=1), 1.0, -1.0)


@dataclass(frozen=True)
class Touched(Predicate):
    """At least one finger touches `thing`."""

    thing: str

    def margin(self, world: World, roles: Roles) -> NDArray:
        touch = world.finger_touch[np.arange(world.n), roles[self.thing]]
        return np.where(touch.any(axis=1), 1.0, -1.0)


@dataclass(frozen=True)
class Lifted(Predicate):
    """`thing`'s lowest point is at least `height` above the table."""

    thing: str
    height: float = 0.03
    """Least clearance [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        view = View.of(world, roles[self.thing])
        return ((view.bottom - self.height) / self.height).clip(max=1.0)


@dataclass(frozen=True)
class Static(Predicate):
    """`thing` is at rest."""

    thing: str
    speed: float = 0.04
    """Largest speed that counts as rest [m/s]."""
    spin: float = 1.5
    """Largest angular speed that counts as rest [rad/s]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        rows, slot = np.arange(world.n), roles[self.thing]
        speed = np.linalg.norm(world.object_linvel[rows, slot], axis=1) / self.speed
        spin = np.linalg.norm(world.object_angvel[rows, slot], axis=1) / self.spin
        return 1.0 - np.maximum(speed, spin)


@dataclass(frozen=True)
class Upright(Predicate):
    """`thing` stands within `angle` of its upright pose."""

    thing: str
    angle: float = 0.25
    """Largest tilt [rad]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        view = View.of(world, roles[self.thing])
        return 1.0 - np.arccos(np.clip(view.upright, -1, 1)) / self.angle


@dataclass(frozen=True)
class Standing(Predicate):
    """`thing` stands upright on the table."""

    thing: str
    angle: float = 0.25
    """Largest tilt [rad]."""
    gap: float = 0.006
    """Largest height of its underside [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        view = View.of(world, roles[self.thing])
        low = 1.0 - np.abs(view.bottom) / self.gap
        return np.minimum(Upright(self.thing, self.angle).margin(world, roles), low)


def drawn_out(world: World, drawer: View) -> NDArray:
    """How far a drawer is open; -1 m where there is no cabinet. Shape (n,), [m]."""
    holds = _HOLDS_DRAWERS[world.kind_id] & world.present
    cabinet = View.of(world, holds.argmax(axis=1))
    local = np.einsum("nij,ni->nj", cabinet.mat, drawer.pos - cabinet.pos)
    return np.where(holds.any(axis=1), local[:, 0] - _CLOSED_AT[cabinet.kind] * cabinet.scale, -1.0)


@dataclass(frozen=True)
class Opened(Predicate):
    """The drawer `thing` is open by at least `by`."""

    thing: str
    by: float = 0.05
    """Least way out of the cabinet [m]."""
    tol: float = 0.02
    """Distance over which the margin goes from 0 to 1 [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        out = drawn_out(world, View.of(world, roles[self.thing]))
        return ((out - self.by) / self.tol).clip(max=1.0)


@dataclass(frozen=True)
class Closed(Predicate):
    """The drawer `thing` is shut."""

    thing: str
    within: float = 0.01
    """Largest way out of the cabinet [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        out = drawn_out(world, View.of(world, roles[self.thing]))
        return np.where(out > -0.5, 1.0 - out / self.within, -1.0).clip(max=1.0)


@dataclass(frozen=True)
class Near(Predicate):
    """The TCP is within `distance` of `thing`'s middle."""

    thing: str
    distance: float = 0.03
    """Largest distance [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        view = View.of(world, roles[self.thing])
        return 1.0 - np.linalg.norm(world.tcp_pos - view.pos, axis=1) / self.distance


@dataclass(frozen=True)
class Over(Predicate):
    """`thing`'s middle is over the flat of `place`, at whatever height."""

    thing: str
    place: str

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, place = View.of(world, roles[self.thing]), View.of(world, roles[self.place])
        local = np.einsum("nij,ni->nj", place.mat, thing.pos - place.pos)
        inner = _INNER[place.kind] * place.scale[:, None]
        disc = inner[:, 0] - np.linalg.norm(local[:, :2], axis=1)
        box = (inner - np.abs(local[:, :2])).min(axis=1)
        return np.where(_ROUND[place.kind], disc, box) / np.maximum(inner[:, 0], 1e-3)


@dataclass(frozen=True)
class HandBehind(Predicate):
    """The TCP is on the robot's side of a line across the table."""

    line: float
    """x of the line [m]."""
    tol: float = 0.05
    """Distance over which the margin goes from 0 to 1 [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        return (self.line - world.tcp_pos[:, 0]) / self.tol


@dataclass(frozen=True)
class SlidOver(Predicate):
    """`thing` has come over `place`, the hand being on the robot's side of a line."""

    thing: str
    place: str
    line: float
    """x of the line [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        over = Over(self.thing, self.place).margin(world, roles)
        return np.minimum(over, HandBehind(self.line).margin(world, roles))


@dataclass(frozen=True)
class Moved(Predicate):
    """`thing` is not where the episode put it."""

    thing: str
    tol: float = 0.03
    """Distance from which it counts as moved [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        rows, slot = np.arange(world.n), roles[self.thing]
        away = world.object_pos[rows, slot] - world.start_pos[rows, slot]
        return np.linalg.norm(away, axis=1) / self.tol - 1.0


@dataclass(frozen=True)
class AnyMoved(Predicate):
    """Something on the table is not where the episode put it."""

    tol: float = 0.02
    """Distance from which it counts as moved [m]."""
    but: tuple[str, ...] = ()
    """Roles of things that may move."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        away = np.linalg.norm(world.object_pos - world.start_pos, axis=-1)
        away[~world.present] = 0.0
        for role in self.but:
            away[np.arange(world.n), roles[role]] = 0.0
        return away.max(axis=1) / self.tol - 1.0


DIRECTIONS: dict[str, tuple[float, float]] = {
    "left": (0.0, -1.0), "right": (0.0, 1.0), "front": (1.0, 0.0), "behind": (-1.0, 0.0),
}  # fmt: skip
"""Unit vectors on the table, as the fixed camera, which faces the robot, sees them."""


@dataclass(frozen=True)
class Beside(Predicate):
    """`thing` stands on the table close to `base`, on a named side of it."""

    thing: str
    base: str
    side: str
    """One of `DIRECTIONS`."""
    reach: float = 0.10
    """Widest gap between their footprints [m]."""
    tol: float = 0.02
    """Distance over which the margin goes from 0 to 1 [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, base = View.of(world, roles[self.thing]), View.of(world, roles[self.base])
        away = (thing.pos - base.pos)[:, :2]
        along = away @ np.array(DIRECTIONS[self.side])
        across = np.abs(away @ np.array(DIRECTIONS[self.side])[::-1])
        gap = along - thing.half[:, :2].max(axis=1) - base.half[:, :2].max(axis=1)
        on_table = 0.02 - np.abs(thing.bottom)
        facts = (along - across, self.reach - gap, gap + 0.01, on_table)
        return (np.minimum.reduce(facts) / self.tol).clip(max=1.0)


@dataclass(frozen=True)
class Pressed(Predicate):
    """A finger pushes the top of `thing` down."""

    thing: str

    def margin(self, world: World, roles: Roles) -> NDArray:
        rows, view = np.arange(world.n), View.of(world, roles[self.thing])
        touch = world.finger_touch[rows, roles[self.thing]].any(axis=1)
        off = np.linalg.norm((world.tcp_pos - view.pos)[:, :2], axis=1)
        above = world.tcp_pos[:, 2] > view.pos[:, 2]
        return np.where(touch & above, 1.0 - off / view.half[:, 0], -1.0)


@dataclass(frozen=True)
class Once(Predicate):
    """`fact` holds now or held at some control step of the episode."""

    fact: Predicate

    def parts(self) -> tuple[Predicate, ...]:
        return (self.fact,)

    def observe(self, world: World, roles: Roles) -> None:
        super().observe(world, roles)
        latch = world.latch(repr(self))
        latch |= self.fact.holds(world, roles)

    def margin(self, world: World, roles: Roles) -> NDArray:
        now = self.fact.margin(world, roles)
        return np.where(world.latch(repr(self)), np.maximum(now, 1.0), now)


@dataclass(frozen=True)
class Then(Predicate):
    """Both facts hold, and `first` held before `second` ever did."""

    first: Predicate
    second: Predicate

    def parts(self) -> tuple[Predicate, ...]:
        return self.first, self.second

    def observe(self, world: World, roles: Roles) -> None:
        super().observe(world, roles)
        begun, early = world.latch(f"{self!r}/first"), world.latch(f"{self!r}/early")
        early |= self.second.holds(world, roles) & ~begun
        begun |= self.first.holds(world, roles)

    def margin(self, world: World, roles: Roles) -> NDArray:
        both = np.minimum(self.first.margin(world, roles), self.second.margin(world, roles))
        return np.where(world.latch(f"{self!r}/early"), -1.0, both)


@dataclass(frozen=True)
class Each(Predicate):
    """`fact` holds for every thing of a group, one after the other playing `member`."""

    group: str
    """Role of many things."""
    member: str
    """Role name that `fact` uses for one of them."""
    fact: Predicate

    def margin(self, world: World, roles: Roles) -> NDArray:
        mask = roles[self.group]
        margins = np.ones((world.n, world.n_slots))
        for slot in np.flatnonzero(mask.any(axis=0)):
            here = {**roles, self.member: np.full(world.n, slot)}
            margins[:, slot] = np.where(mask[:, slot], self.fact.margin(world, here), 1.0)
        return margins.min(axis=1)

    def next_member(self, world: World, roles: Roles) -> NDArray[np.int64]:
        """The first slot of each world for which the fact does not hold yet. Shape (n,)."""
        mask, todo = roles[self.group], np.zeros((world.n, world.n_slots), bool)
        for slot in np.flatnonzero(mask.any(axis=0)):
            here = {**roles, self.member: np.full(world.n, slot)}
            todo[:, slot] = mask[:, slot] & ~self.fact.holds(world, here)
        return np.where(todo.any(axis=1), todo.argmax(axis=1), mask.argmax(axis=1))


@dataclass(frozen=True)
class Free(Predicate):
    """The gripper is off everything: no finger touches anything."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        return np.where(world.finger_touch.any(axis=(1, 2)), -1.0, 1.0)


@dataclass(frozen=True)
class After(Predicate):
    """At least so much time of the episode has passed."""

    seconds: float

    def margin(self, world: World, roles: Roles) -> NDArray:
        return world.time / self.seconds - 1.0 + 1e-9
