"""Predicates and their combinations: `&`, `|`, `~`, and facts about the order of events.

`margin` is the signed distance to the boundary of a predicate in units of its own tolerance
(robustness semantics of signal temporal logic, Donze & Maler 2010): 1 ideal, 0 the boundary,
negative false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
class InOrder(Predicate):
    """Several facts came true one after the other, and what is to last of them holds now.

    A fact counts from the first control step at which it holds after all facts before it have
    counted. The last one has to hold now. A fact of which something is to last must not come true
    before its turn: then the whole is false for good, unless it was so from the start.
    """

    facts: tuple[Predicate, ...]
    """In order."""
    lasting: tuple[Predicate | None, ...]
    """For each fact what must still hold at the end; None if it only has to be reached."""

    def parts(self) -> tuple[Predicate, ...]:
        return (*self.facts, *(fact for fact in self.lasting if fact is not None))

    def observe(self, world: World, roles: Roles) -> None:
        super().observe(world, roles)
        seen, early = world.latch(f"{self!r}/seen"), world.latch(f"{self!r}/early")
        ready = np.ones(world.n, bool)
        for k, fact in enumerate(self.facts):
            holds, counted = fact.holds(world, roles), world.latch(f"{self!r}/{k}")
            initial = world.latch(f"{self!r}/{k} initial")
            lasting = self.lasting[k]
            if lasting is not None:
                initial |= ~seen
                initial &= lasting.holds(world, roles)
                early |= holds & ~ready & ~initial
            counts = holds & ready
            ready = counted.copy()  # the next fact counts from the next control step
            counted |= counts
        seen |= True

    def counted(self, world: World, roles: Roles) -> NDArray[np.int64]:
        """How many facts have counted, at most all but the last. Shape (n,)."""
        done = np.zeros(world.n, np.int64)
        for k, fact in enumerate(self.facts[:-1]):
            now = world.latch(f"{self!r}/{k}")
            done += (done == k) & (now | fact.holds(world, roles) if k == 0 else now)
        return done

    def margin(self, world: World, roles: Roles) -> NDArray:
        now = [fact.margin(world, roles) for fact in self.lasting[:-1] if fact is not None]
        least = np.minimum.reduce([*now, self.facts[-1].margin(world, roles)])
        out_of_order = self.counted(world, roles) < len(self.facts) - 1
        out_of_order |= world.latch(f"{self!r}/early")
        return np.where(out_of_order, np.minimum(least, -1.0), least)


@dataclass(frozen=True)
class Each(Predicate):
    """`fact` holds for every object of a group."""

    group: str
    """Role that several objects play."""
    member: str
    """Role name by which `fact` refers to one of them."""
    fact: Predicate
    once: bool = False
    """Whether each of them needs it at some control step only, not all at the same one."""

    def observe(self, world: World, roles: Roles) -> None:
        if self.once:
            for slot, here in self._members(world, roles):
                reached = world.latch(f"{self!r}/{slot}")
                reached |= roles[self.group][:, slot] & self.fact.holds(world, here)

    def margin(self, world: World, roles: Roles) -> NDArray:
        mask = roles[self.group]
        margins = np.ones((world.n, world.n_slots))
        for slot, here in self._members(world, roles):
            margin = self.fact.margin(world, here)
            if self.once:
                margin = np.where(world.latch(f"{self!r}/{slot}"), 1.0, margin)
            margins[:, slot] = np.where(mask[:, slot], margin, 1.0)
        return margins.min(axis=1)

    def next_member(self, world: World, roles: Roles) -> NDArray[np.int64]:
        """The first slot of the group for which `fact` does not hold yet. Shape (n,)."""
        mask, todo = roles[self.group], np.zeros((world.n, world.n_slots), bool)
        for slot, here in self._members(world, roles):
            todo[:, slot] = mask[:, slot] & ~self.fact.holds(world, here)
            if self.once:
                todo[:, slot] &= ~world.latch(f"{self!r}/{slot}")
        return np.where(todo.any(axis=1), todo.argmax(axis=1), mask.argmax(axis=1))

    def _members(self, world: World, roles: Roles) -> Iterator[tuple[int, Roles]]:
        """Each slot that is in the group somewhere, and the roles with it as the member."""
        for slot in np.flatnonzero(roles[self.group].any(axis=0)):
            yield int(slot), {**roles, self.member: np.full(world.n, slot)}


@dataclass(frozen=True)
class After(Predicate):
    """At least `seconds` of the episode have passed."""

    seconds: float
    """[s]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        return world.time / self.seconds - 1.0 + 1e-9
