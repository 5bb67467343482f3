"""Stages of a task, read off its goal, and the progress through them (for the dense reward)."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.logic import And, Each, Predicate, Roles, Then
from vla_gym.world.predicates import (
    DIRECTIONS,
    Beside,
    Closed,
    Inside,
    Lifted,
    Near,
    On,
    Opened,
    Over,
    Pressed,
    SlidOver,
    Standing,
)
from vla_gym.world.views import View, drawn_out
from vla_gym.world.world import World


@dataclass(frozen=True)
class Stage:
    """One step on the way to a goal."""

    name: str
    distance: float
    """Distance over which the progress towards it is counted [m]."""


REACH = Stage("reach", 0.30)
LIFT = (REACH, Stage("grasp", 0.04), Stage("lift", 0.05))
PUT = (*LIFT, Stage("carry", 0.30), Stage("place", 0.10))
_STAGES: dict[type[Predicate], tuple[Stage, ...]] = {
    Inside: PUT, On: PUT, Beside: PUT, Lifted: LIFT, Near: (REACH,),
    Pressed: (REACH, Stage("press", 0.05)), Over: (REACH, Stage("push", 0.30)),
    SlidOver: (REACH, Stage("slide", 0.30)), Opened: (REACH, Stage("open", 0.05)),
    Closed: (REACH, Stage("close", 0.08)), Standing: (*LIFT, Stage("stand", 1.0)),
}  # fmt: skip
_NEAR = 0.035
"""Distance from the hand at which a thing counts as reached [m]."""


def stages_of(goal: Predicate) -> tuple[Stage, ...]:
    """The stages towards a goal, in order; a fact without stages of its own has none."""
    if isinstance(goal, And):
        return stages_of(goal.left) or stages_of(goal.right)
    if isinstance(goal, Then):
        return tuple(Stage(name, 1.0) for name in ("first", "second"))
    if isinstance(goal, Each):
        return (Stage("all", 1.0),)
    return _STAGES.get(type(goal), ())


@functools.singledispatch
def progress(goal: Predicate, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    """How far each world is.

    Args:
        goal: The goal.
        world: The worlds.
        roles: Role -> slot.

    Returns:
        Stages done (n,) as integers and the fraction of the next one (n,) in [0, 1].
    """
    return np.zeros(world.n, int), np.zeros(world.n)


@progress.register
def _(goal: And, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    return progress(goal.left if stages_of(goal.left) else goal.right, world, roles)


@progress.register
def _(goal: Then, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    first = goal.first.holds(world, roles)
    done = first.astype(int) + (first & goal.second.holds(world, roles))
    parts = [potential(part, world, roles) for part in goal.parts()]
    return done, np.select([done == 0, done == 1], parts, 1.0)


@progress.register
def _(goal: Each, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    mask = roles[goal.group]
    part = np.zeros(world.n)
    for slot in np.flatnonzero(mask.any(axis=0)):
        here = {**roles, goal.member: np.full(world.n, slot)}
        part += np.where(mask[:, slot], potential(goal.fact, world, here), 0.0)
    return goal.holds(world, roles).astype(int), part / np.maximum(mask.sum(axis=1), 1)


@progress.register
def _(goal: Near, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    away = np.linalg.norm(world.tcp_pos - View.of(world, roles[goal.thing]).pos, axis=1)
    return goal.holds(world, roles).astype(int), np.clip(1 - away / REACH.distance, 0.0, 1.0)


@progress.register
def _(goal: Pressed, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    thing = View.of(world, roles[goal.thing])
    away = np.linalg.norm(world.tcp_pos - thing.pos, axis=1)
    over = np.linalg.norm((world.tcp_pos - thing.pos)[:, :2], axis=1) < thing.half[:, 0]
    near = [1 - away / REACH.distance, 1 - (world.tcp_pos[:, 2] - thing.top) / 0.05]
    return _count(near, [over & (away < 0.08), goal.holds(world, roles)])


@progress.register(Opened)
@progress.register(Closed)
def _(goal: Opened | Closed, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    drawer = View.of(world, roles[goal.thing])
    away = np.linalg.norm(world.tcp_pos - drawer.pos, axis=1)
    out = drawn_out(world, drawer) / stages_of(goal)[1].distance
    part = out if isinstance(goal, Opened) else 1 - out
    return _count([1 - away / REACH.distance, part], [away < 0.09, goal.holds(world, roles)])


@progress.register
def _(goal: Standing, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    thing = View.of(world, roles[goal.thing])
    near, facts = _lift(world, thing)
    return _count([*near, thing.upright], [*facts, goal.holds(world, roles)])


@progress.register(Over)
@progress.register(SlidOver)
def _(goal: Over | SlidOver, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    away = np.linalg.norm(world.tcp_pos - thing.pos, axis=1)
    across = np.linalg.norm((thing.pos - place.pos)[:, :2], axis=1)
    reached = (away < 0.08) | (across < 0.05)
    return _count([1 - away / 0.3, 1 - across / 0.3], [reached, goal.holds(world, roles)])


@progress.register
def _(goal: Lifted, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    near, facts = _lift(world, View.of(world, roles[goal.thing]))
    return _count(near, [*facts[:2], facts[1] & goal.holds(world, roles)])


@progress.register
def _(goal: Inside, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    place = View.of(world, roles[goal.place])
    return _put(goal, world, roles, place.pos[:, :2], place.top, place.half[:, 0] * 0.6)


@progress.register
def _(goal: On, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    base = View.of(world, roles[goal.base])
    return _put(goal, world, roles, base.pos[:, :2], base.top, base.half[:, 0] * 0.6)


@progress.register
def _(goal: Beside, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    thing, base = View.of(world, roles[goal.thing]), View.of(world, roles[goal.base])
    far = thing.half[:, :2].max(axis=1) + base.half[:, :2].max(axis=1) + 0.03
    spot = base.pos[:, :2] + far[:, None] * np.array(DIRECTIONS[goal.side])
    return _put(goal, world, roles, spot, np.zeros(world.n), np.full(world.n, 0.03))


def _put(
    goal: Inside | On | Beside, world: World, roles: Roles, spot: NDArray, height: NDArray,
    tolerance: NDArray,
) -> tuple[NDArray, NDArray]:  # fmt: skip
    thing = View.of(world, roles[goal.thing])
    across = np.linalg.norm(thing.pos[:, :2] - spot, axis=1)
    near, (reached, held, lifted) = _lift(world, thing)
    near += [1 - across / PUT[3].distance, 1 - (thing.bottom - height) / PUT[4].distance]
    over = lifted & (across < tolerance)
    return _count(near, [reached, held, lifted, over, goal.holds(world, roles)])


def _lift(world: World, thing: View) -> tuple[list[NDArray], list[NDArray]]:
    """Fractions of reach, grasp and lift, and whether each is done."""
    away = np.linalg.norm(world.tcp_pos - thing.pos, axis=1)
    touch = world.finger_touch[np.arange(world.n), thing.slot]
    held = touch.all(axis=1)
    near = [1 - away / REACH.distance, touch.mean(axis=1), thing.bottom / LIFT[2].distance]
    return near, [away < _NEAR, held, held & (thing.bottom > 0.03)]  # type: ignore


def _count(near: list[NDArray], facts: list[NDArray]) -> tuple[NDArray, NDArray]:
    """The highest stage that is done, and the fraction of the one after it."""
    reached = np.arange(1, len(facts) + 1)[:, None] * np.array(facts)
    done = reached.max(axis=0)
    part = np.array([*near, np.ones(len(done))])[done, np.arange(len(done))]
    return done, part.clip(0.0, 1.0)


def potential(goal: Predicate, world: World, roles: Roles) -> NDArray:
    """Progress as one number. Shape (n,), 0 at the start to 1 when every stage is done."""
    done, part = progress(goal, world, roles)
    n = max(len(stages_of(goal)), 1)
    return np.minimum((done + 0.99 * part * (done < n)) / n, 1.0)
