"""Facts about objects and the hand that tasks are made of; joined as `vla_gym.world.logic` says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.logic import Predicate, Roles
from vla_gym.world.views import View, drawn_out
from vla_gym.world.world import World

DIRECTIONS: dict[str, tuple[float, float]] = {
    "left": (0.0, -1.0), "right": (0.0, 1.0), "front": (1.0, 0.0), "behind": (-1.0, 0.0),
}  # fmt: skip
"""Sides -> unit vectors (x, y) on the table, as seen by the fixed camera, which faces the robot."""
ANY_SIDE = "near"
"""Side of `Beside` that stands for all of them."""


@dataclass(frozen=True)
class Near(Predicate):
    """The TCP is within `distance` of the centre of `thing`, or of its surface."""

    thing: str
    distance: float = 0.03
    """Largest distance [m]."""
    surface: bool = False
    """Whether it is the distance to the box around it, for what the hand cannot enclose."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        view = View.of(world, roles[self.thing])
        if self.surface:
            local = np.einsum("nij,ni->nj", view.mat, world.tcp_pos - view.pos)
            beyond = np.maximum(np.abs(local) - view.half, 0.0)
            return 1.0 - np.linalg.norm(beyond, axis=1) / self.distance
        return 1.0 - np.linalg.norm(world.tcp_pos - view.pos, axis=1) / self.distance


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
class Free(Predicate):
    """No finger touches anything."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        return np.where(world.finger_touch.any(axis=(1, 2)), -1.0, 1.0)


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
class HandBehind(Predicate):
    """The TCP is on the robot's side of a line across the table."""

    line: float
    """x of the line [m]."""
    tol: float = 0.05
    """Distance over which the margin goes from 0 to 1 [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        return (self.line - world.tcp_pos[:, 0]) / self.tol


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
    """Largest height of its lowest point [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        view = View.of(world, roles[self.thing])
        low = 1.0 - np.abs(view.bottom) / self.gap
        return np.minimum(Upright(self.thing, self.angle).margin(world, roles), low)


@dataclass(frozen=True)
class Inside(Predicate):
    """`thing` lies in the upright container `place`, or on it if it is flat.

    Its centre is over the container's floor and its lowest point below the rim, so neither
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
        across = place.margin_inside(thing.pos) / self.tol_xy
        rim = place.pos[:, 2] + place.half[:, 2]
        below_rim = (rim + self.tol_z - thing.bottom) / self.tol_z
        floor = place.pos[:, 2] - place.half[:, 2] + 0.5 * place.floor
        above_floor = (thing.pos[:, 2] - floor) / self.tol_z
        upright = (place.upright - 0.94) / 0.03
        return np.minimum.reduce([across, below_rim, above_floor, upright]).clip(max=1.0)


@dataclass(frozen=True)
class On(Predicate):
    """`thing` stands on `base`: its centre above `base`, its lowest point at the top of `base`."""

    thing: str
    base: str
    tol_z: float = 0.008
    """Largest gap or overlap between the two [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, base = View.of(world, roles[self.thing]), View.of(world, roles[self.base])
        reach = base.half[:, :2].min(axis=1)
        across = (reach - np.linalg.norm((thing.pos - base.pos)[:, :2], axis=1)) / reach
        gap = (self.tol_z - np.abs(thing.bottom - base.top)) / self.tol_z
        return np.minimum(across, gap)


@dataclass(frozen=True)
class Beside(Predicate):
    """`thing` is on the table close to `base`, on a named side of it or on any side."""

    thing: str
    base: str
    side: str
    """One of `DIRECTIONS`, or `ANY_SIDE`."""
    reach: float = 0.10
    """Widest gap between their footprints [m]."""
    tol: float = 0.02
    """Distance over which the margin goes from 0 to 1 [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, base = View.of(world, roles[self.thing]), View.of(world, roles[self.base])
        away = (thing.pos - base.pos)[:, :2]
        if self.side == ANY_SIDE:
            along, across = np.linalg.norm(away, axis=1), np.zeros(world.n)
        else:
            along = away @ np.array(DIRECTIONS[self.side])
            across = np.abs(away @ np.array(DIRECTIONS[self.side])[::-1])
        gap = along - thing.half[:, :2].max(axis=1) - base.half[:, :2].max(axis=1)
        on_table = 0.02 - np.abs(thing.bottom)
        facts = (along - across, self.reach - gap, gap + 0.01, on_table)
        return (np.minimum.reduce(facts) / self.tol).clip(max=1.0)


@dataclass(frozen=True)
class Over(Predicate):
    """The centre of `thing` is over the flat target `place`, at any height."""

    thing: str
    place: str

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, place = View.of(world, roles[self.thing]), View.of(world, roles[self.place])
        return place.margin_inside(thing.pos) / np.maximum(place.inner[:, 0], 1e-3)


@dataclass(frozen=True)
class SlidOver(Predicate):
    """`thing` is over `place` while the TCP is on the robot's side of a line."""

    thing: str
    place: str
    line: float
    """x of the line [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        over = Over(self.thing, self.place).margin(world, roles)
        return np.minimum(over, HandBehind(self.line).margin(world, roles))


@dataclass(frozen=True)
class Opened(Predicate):
    """The drawer `thing` is open by at least `by`."""

    thing: str
    by: float = 0.05
    """Least distance out of the cabinet [m]."""
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
    """Largest distance out of the cabinet [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        out = drawn_out(world, View.of(world, roles[self.thing]))
        return np.where(out > -0.5, 1.0 - out / self.within, -1.0).clip(max=1.0)


@dataclass(frozen=True)
class Moved(Predicate):
    """`thing` is not where it was at the start of the episode."""

    thing: str
    tol: float = 0.03
    """Distance from which it counts as moved [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        rows, slot = np.arange(world.n), roles[self.thing]
        away = world.object_pos[rows, slot] - world.start_pos[rows, slot]
        return np.linalg.norm(away, axis=1) / self.tol - 1.0


@dataclass(frozen=True)
class AnyMoved(Predicate):
    """Some object is not where it was at the start of the episode."""

    tol: float = 0.02
    """Distance from which it counts as moved [m]."""
    but: tuple[str, ...] = ()
    """Roles whose objects may move."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        away = np.linalg.norm(world.object_pos - world.start_pos, axis=-1)
        away[~world.present] = 0.0
        for role in self.but:
            away[np.arange(world.n), roles[role]] = 0.0
        return away.max(axis=1) / self.tol - 1.0
