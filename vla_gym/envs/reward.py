"""Stages of a task, read off its goal, and the two rewards: sparse (default) and dense."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.predicates import And, Inside, Predicate, Roles, View
from vla_gym.world.world import World


@dataclass(frozen=True)
class Stage:
    """One step on the way to a goal."""

    name: str
    distance: float
    """Distance over which the progress towards it is counted [m]."""


@functools.singledispatch
def stages_of(goal: Predicate) -> tuple[Stage, ...]:
    """The stages towards a goal, in order; a fact without stages of its own has none."""
    return ()


@stages_of.register
def _(goal: And) -> tuple[Stage, ...]:
    return stages_of(goal.left) or stages_of(goal.right)


@stages_of.register
def _(goal: Inside) -> tuple[Stage, ...]:
    return (
        Stage("reach", 0.30), Stage("grasp", 0.04), Stage("lift", 0.05), Stage("carry", 0.30),
        Stage("place", 0.10),
    )  # fmt: skip


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
def _(goal: Inside, world: World, roles: Roles) -> tuple[NDArray, NDArray]:
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    steps = stages_of(goal)
    away = np.linalg.norm(world.tcp_pos - thing.pos, axis=1)
    across = np.linalg.norm((thing.pos - place.pos)[:, :2], axis=1)
    touch = world.finger_touch[np.arange(world.n), roles[goal.thing]]
    reached, held = away < 0.035, touch.all(axis=1)
    lifted, over = held & (thing.bottom > 0.03), across < place.half[:, 0] * 0.6
    inside = goal.holds(world, roles)
    near = [
        1 - away / steps[0].distance,
        touch.mean(axis=1),
        thing.bottom / steps[2].distance,
        1 - across / steps[3].distance,
        1 - (thing.bottom - place.top) / steps[4].distance,
    ]
    done = np.select([inside, lifted & over, lifted, held, reached], [5, 4, 3, 2, 1], 0)
    part = np.select([done == i for i in range(5)], near, 1.0)
    return done, np.clip(part, 0.0, 1.0)


def potential(goal: Predicate, world: World, roles: Roles) -> NDArray:
    """Progress as one number. Shape (n,), 0 at the start to 1 when every stage is done."""
    done, part = progress(goal, world, roles)
    n = max(len(stages_of(goal)), 1)
    return np.minimum((done + 0.99 * part * (done < n)) / n, 1.0)
