"""Which skill belongs to which predicate; the questions that others ask about goals."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InvalidConfigError
from vla_gym.skills.motion import Motion
from vla_gym.skills.plan_steps import RoleNames, Step, add_step_kinds, remove_step_kinds
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import Progress, Stage
from vla_gym.world.logic import Predicate, Roles
from vla_gym.world.world import World

_SKILLS: dict[type[Predicate], Skill] = {}
_NO_SKILL: Skill = Skill()


def register(family: Family) -> None:
    """Make the skills and plan steps of a family known to expert, rewards and planner.

    Raises:
        InvalidConfigError: If one of its predicates has a skill already, or a plan step's name is
            taken.
    """
    for skill in family.skills:
        if skill.predicate in _SKILLS:
            raise InvalidConfigError(
                f"{skill.predicate.__name__} has a skill already, "
                f"{type(_SKILLS[skill.predicate]).__name__}; unregister its family first."
            )
    add_step_kinds(family.steps)
    _SKILLS.update({skill.predicate: skill for skill in family.skills})
    _skill_of.cache_clear()


def unregister(family: Family) -> None:
    """Forget the skills and plan steps of a family."""
    remove_step_kinds(family.steps)
    for skill in family.skills:
        _SKILLS.pop(skill.predicate, None)
    _skill_of.cache_clear()


def skill_for(goal: Predicate) -> Skill:
    """The skill of a predicate's kind; one that does nothing if there is none."""
    return _skill_of(type(goal))


@lru_cache
def _skill_of(kind: type[Predicate]) -> Skill:
    return next((_SKILLS[base] for base in kind.__mro__ if base in _SKILLS), _NO_SKILL)


def stages_of(goal: Predicate) -> tuple[Stage, ...]:
    """The stages towards a goal, in order; none for a predicate that comes along with others."""
    return skill_for(goal).stages_of(goal)


def progress(goal: Predicate, world: World, roles: Roles) -> Progress:
    """How far each sub-environment is towards a goal.

    Args:
        goal: The goal.
        world: The simulation.
        roles: Role -> slot.

    Returns:
        Number of stages done, integers (n,), and the fraction of the next one (n,) in [0, 1].
    """
    return skill_for(goal).progress(goal, world, roles)


def potential(goal: Predicate, world: World, roles: Roles) -> NDArray:
    """Progress as one number. Shape (n,), 0 at the start to 1 when every stage is done."""
    done, part = progress(goal, world, roles)
    n = max(len(stages_of(goal)), 1)
    return np.minimum((done + 0.99 * part * (done < n)) / n, 1.0)


def motion_for(goal: Predicate, world: World, roles: Roles) -> Motion | None:
    """The expert's next motion towards a goal; None if no skill brings it about."""
    return skill_for(goal).motion(goal, world, roles)


def steps_for(goal: Predicate, names: RoleNames) -> list[Step]:
    """The plan steps that bring a goal about; none for a predicate that comes along with others.

    Args:
        goal: The goal.
        names: Role -> names of the objects that play it.
    """
    return skill_for(goal).steps(goal, names)


def verb_of(goal: Predicate) -> str | None:
    """The verb of the sentences that ask for a goal; None if no part of it has one.

    Args:
        goal: The goal of a task.
    """
    own = skill_for(goal).verb_of(goal)
    if own is not None:
        return own
    return next((verb for part in goal.parts() if (verb := verb_of(part)) is not None), None)
