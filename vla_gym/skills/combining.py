"""Goals made of other goals: several at once, one after the other, each of a group, negations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
from vla_gym.world.logic import And, Each, Not, Once, Predicate, Roles, Then
from vla_gym.world.predicates import Held, Touched
from vla_gym.world.world import World


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


class EachSkill(Skill[Each]):
    """The same with each object of a group, one after the other."""

    predicate, stages, verb = Each, (Stage("all", 1.0),), "several"

    def progress(self, goal: Each, world: World, roles: Roles) -> Progress:
        mask = roles[goal.group]
        part = np.zeros(world.n)
        for slot in np.flatnonzero(mask.any(axis=0)):
            here = {**roles, goal.member: np.full(world.n, slot)}
            part += np.where(mask[:, slot], potential(goal.fact, world, here), 0.0)
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
    skills=(AndSkill(), ThenSkill(), EachSkill(), OnceSkill(), NotSkill()),
    verbs={"several": "put the things in the other thing, one after the other"},
)
