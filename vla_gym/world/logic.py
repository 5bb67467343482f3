"""Predicates and their combinations: `&`, `|`, `~`, and facts about the order of events.

`margin` is the signed distance to the boundary of a predicate in units of its own tolerance
(robustness semantics of signal temporal logic, Donze & Maler 2010): 1 ideal, 0 the boundary,
negative false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.world import World

Roles = Mapping[str, NDArray]
"""Role name -> slot of its object in each sub-environment, shape (n,); for a role that several
objects play, a mask of their slots, shape (n, n_slots)."""


class Predicate:
    """A fact, evaluated in all sub-environments at once."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        """Signed distance to the boundary in units of the tolerance. Shape (n,)."""
        raise NotImplementedError

    def holds(self, world: World, roles: Roles) -> NDArray[np.bool_]:
        """Whether it is true. Shape (n,)."""
        return self.margin(world, roles) >= 0.0

    def parts(self) -> tuple[Predicate, ...]:
        """The predicates that this one combines."""
        return ()

    def observe(self, world: World, roles: Roles) -> None:
        """Update predicates that depend on the past; called once per control step."""
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
    """Both hold."""

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
    """At least one holds."""

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
    """The negation; at a margin of exactly 0 `fact` holds and its negation does not."""

    fact: Predicate

    def parts(self) -> tuple[Predicate, ...]:
        return (self.fact,)

    def margin(self, world: World, roles: Roles) -> NDArray:
        return -self.fact.margin(world, roles)

    def holds(self, world: World, roles: Roles) -> NDArray[np.bool_]:
        return ~self.fact.holds(world, roles)


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
    """Both hold, and `first` held before `second` ever did."""

    first: Predicate
    second: Predicate

    def parts(self) -> tuple[Predicate, ...]:
        return self.first, self.second

    def observe(self, world: World, roles: Roles) -> None:
        super().observe(world, roles)
        started, early = world.latch(f"{self!r}/first"), world.latch(f"{self!r}/early")
        early |= self.second.holds(world, roles) & ~started
        started |= self.first.holds(world, roles)

    def margin(self, world: World, roles: Roles) -> NDArray:
        both = np.minimum(self.first.margin(world, roles), self.second.margin(world, roles))
        return np.where(world.latch(f"{self!r}/early"), -1.0, both)


@dataclass(frozen=True)
class Each(Predicate):
    """`fact` holds for every object of a group."""

    group: str
    """Role that several objects play."""
    member: str
    """Role name by which `fact` refers to one of them."""
    fact: Predicate

    def margin(self, world: World, roles: Roles) -> NDArray:
        mask = roles[self.group]
        margins = np.ones((world.n, world.n_slots))
        for slot in np.flatnonzero(mask.any(axis=0)):
            here = {**roles, self.member: np.full(world.n, slot)}
            margins[:, slot] = np.where(mask[:, slot], self.fact.margin(world, here), 1.0)
        return margins.min(axis=1)

    def next_member(self, world: World, roles: Roles) -> NDArray[np.int64]:
        """The first slot of the group for which `fact` does not hold yet. Shape (n,)."""
        mask, todo = roles[self.group], np.zeros((world.n, world.n_slots), bool)
        for slot in np.flatnonzero(mask.any(axis=0)):
            here = {**roles, self.member: np.full(world.n, slot)}
            todo[:, slot] = mask[:, slot] & ~self.fact.holds(world, here)
        return np.where(todo.any(axis=1), todo.argmax(axis=1), mask.argmax(axis=1))


@dataclass(frozen=True)
class After(Predicate):
    """At least `seconds` of the episode have passed."""

    seconds: float
    """[s]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        return world.time / self.seconds - 1.0 + 1e-9
