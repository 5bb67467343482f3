"""Goals made of other goals: several at once, one after the other, each of a group, negations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vla_gym.skills.lifting import release
from vla_gym.skills.motion import Motion
from vla_gym.skills.plan_steps import RoleNames, Step
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.skill_registry import (
    motion_for,
    potential,
    progress,
    skill_for,
    stages_of,
    steps_for,
)
from vla_gym.skills.stages import Progress, Stage
from vla_gym.world.logic import And, Each, InOrder, Not, Once, Predicate, Roles, Then
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import Held, Touched
from vla_gym.world.world import World

_RADII = np.array([kind.radius for kind in KINDS.values()])
_ABOVE, _ASIDE = 0.03, 0.015
"""How far the hand rises above what it has handled, if it is not farther aside than that [m]."""


class AndSkill(Skill[And]):
    """Work on the first part that does not hold yet; the first part with stages sets them."""

    predicate = And

    def stages_of(self, goal: And) -> tuple[Stage, ...]:
        return stages_of(goal.left) or stages_of(goal.right)

    def progress(self, goal: And, world: World, roles: Roles) -> Progress:
        return progress(goal.left if stages_of(goal.left) else goal.right, world, roles)

    def motion(self, goal: And, world: World, roles: Roles) -> Motion | None:
        return _towards_first_unmet(_conjuncts(goal), world, roles)

    def steps(self, goal: And, names: RoleNames) -> list[Step]:
        return [step for part in goal.parts() for step in steps_for(part, names)]


class ThenSkill(Skill[Then]):
    """One goal, then another."""

    predicate, stages, verb = Then, (Stage("first", 1.0), Stage("second", 1.0)), "several"

    def progress(self, goal: Then, world: World, roles: Roles) -> Progress:
        first = goal.first.holds(world, roles)
        done = first.astype(int) + (first & goal.second.holds(world, roles))
        parts = [potential(part, world, roles) for part in goal.parts()]
        return done, np.select([done == 0, done == 1], parts, 1.0)

    def motion(self, goal: Then, world: World, roles: Roles) -> Motion:
        motions = [motion_for(part, world, roles) or Motion.rest(world.n) for part in goal.parts()]
        return Motion.choose(goal.first.holds(world, roles).astype(int), motions)

    def steps(self, goal: Then, names: RoleNames) -> list[Step]:
        return [step for part in goal.parts() for step in steps_for(part, names)]


class InOrderSkill(Skill[InOrder]):
    """One goal after the other; what has come undone of earlier ones is done again."""

    predicate, verb = InOrder, "several"

    def stages_of(self, goal: InOrder) -> tuple[Stage, ...]:
        return tuple(Stage(f"step {k}", 1.0) for k in range(1, len(goal.facts) + 1))

    def progress(self, goal: InOrder, world: World, roles: Roles) -> Progress:
        done = goal.counted(world, roles)
        parts = [potential(part, world, roles) for part in goal.facts]
        part = np.select([done == k for k in range(len(parts))], parts)
        return np.where(goal.holds(world, roles), len(parts), done), part

    def motion(self, goal: InOrder, world: World, roles: Roles) -> Motion:
        turn = goal.counted(world, roles)
        for k in reversed(range(len(goal.facts) - 1)):
            lasting = goal.lasting[k]
            if lasting is not None:
                turn = np.where((turn > k) & ~lasting.holds(world, roles), k, turn)
        motions = [motion_for(part, world, roles) or Motion.rest(world.n) for part in goal.facts]
        leaves = np.zeros(world.n, bool)
        for k, (before, now) in enumerate(itertools.pairwise(goal.facts), 1):
            leaves |= (turn == k) & _still_at(before, now, world, roles)
        turn = np.where(leaves, len(motions), turn)
        return Motion.choose(turn, [*motions, release(world)])

    def steps(self, goal: InOrder, names: RoleNames) -> list[Step]:
        return [step for part in goal.facts for step in steps_for(part, names)]


class EachSkill(Skill[Each]):
    """The same with each object of a group, one after the other."""

    predicate, stages, verb = Each, (Stage("all", 1.0),), "several"

    def progress(self, goal: Each, world: World, roles: Roles) -> Progress:
        mask = roles[goal.group]
        part = np.zeros(world.n)
        for slot in np.flatnonzero(mask.any(axis=0)):
            here = {**roles, goal.member: np.full(world.n, slot)}
            mine = potential(goal.fact, world, here)
            if goal.once:
                mine = np.where(world.latch(f"{goal!r}/{slot}"), 1.0, mine)
            part += np.where(mask[:, slot], mine, 0.0)
        return goal.holds(world, roles).astype(int), part / np.maximum(mask.sum(axis=1), 1)

    def motion(self, goal: Each, world: World, roles: Roles) -> Motion | None:
        here = {**roles, goal.member: goal.next_member(world, roles)}
        return _towards_first_unmet(_conjuncts(goal.fact), world, here, shared=True)

    def steps(self, goal: Each, names: RoleNames) -> list[Step]:
        return [
            step
            for name in names[goal.group]
            for step in steps_for(goal.fact, {**names, goal.member: (name,)})
        ]


class OnceSkill(Skill[Once]):
    """What has to hold at some time only."""

    predicate = Once

    def motion(self, goal: Once, world: World, roles: Roles) -> Motion | None:
        return motion_for(goal.fact, world, roles)


class NotSkill(Skill[Not]):
    """Let go of what must not be held or touched."""

    predicate = Not

    def motion(self, goal: Not, world: World, roles: Roles) -> Motion | None:
        return release(world) if isinstance(goal.fact, (Held, Touched)) else None


def _still_at(before: Predicate, now: Predicate, world: World, roles: Roles) -> NDArray:
    """Where the empty hand is still low at what was handled before. Shape (n,)."""
    old, new = _handled(before, world, roles), _handled(now, world, roles)
    holds = (world.finger_touch.all(axis=2) & ~old).any(axis=1)
    away = np.linalg.norm(world.object_pos[..., :2] - world.tcp_pos[:, None, :2], axis=-1)
    radius = world.kind_value(_RADII) * world.scale
    low = world.tcp_pos[:, None, 2] < world.top + _ABOVE
    near = (away < radius + _ASIDE) & low & old & ~new
    return near.any(axis=1) & ~holds


def _handled(fact: Predicate, world: World, roles: Roles) -> NDArray[np.bool_]:
    """The objects that a fact is about first. Shape (n, n_slots)."""
    if isinstance(fact, Each):
        return roles[fact.group].astype(bool)
    role = getattr(fact, "thing", None)
    if role is not None:
        return np.eye(world.n_slots, dtype=bool)[roles[role]]
    parts = fact.parts()
    return _handled(parts[0], world, roles) if parts else np.zeros((world.n, world.n_slots), bool)


def _conjuncts(goal: Predicate) -> list[Predicate]:
    """The parts of nested conjunctions, left to right."""
    if isinstance(goal, And):
        return [p for part in goal.parts() for p in _conjuncts(part)]
    return [goal]


def _towards_first_unmet(
    parts: Sequence[Predicate], world: World, roles: Roles, shared: bool = False
) -> Motion | None:
    """The motion of the first part that does not hold; when all hold, of the last with a motion."""
    skilled = []
    for part in parts:
        skill = skill_for(part)
        motion_of = skill.motion_to_shared if shared else skill.motion
        motion = motion_of(part, world, roles)
        if motion is not None:
            skilled.append((part, motion))
    if not skilled:
        return None
    unmet = np.stack([~part.holds(world, roles) for part, _ in skilled])
    choice = np.where(unmet.any(axis=0), unmet.argmax(axis=0), len(skilled) - 1)
    return Motion.choose(choice, [motion for _, motion in skilled])


COMBINING = Family(
    skills=(AndSkill(), ThenSkill(), InOrderSkill(), EachSkill(), OnceSkill(), NotSkill()),
    verbs={"several": "put the things in the other thing, one after the other"},
)
