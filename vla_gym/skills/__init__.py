"""What brings goals about: stages, expert motions, plan steps and verbs, one family per file.

To add a skill, write a predicate (`vla_gym.world.predicates`), subclass `Skill` for it, put it into
a `Family` with its plan steps and verbs, and list the family in `vla_gym.skills.families`; or call
`register` from outside the package.
"""

from vla_gym.skills.expert import Expert
from vla_gym.skills.families import VERBS
from vla_gym.skills.plan_steps import Step, StepKind, step_kind, step_kinds
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.skill_registry import (
    motion_for,
    potential,
    progress,
    register,
    stages_of,
    steps_for,
    unregister,
    verb_of,
)
from vla_gym.skills.stages import Stage

__all__ = [
    "VERBS",
    "Expert",
    "Family",
    "Skill",
    "Stage",
    "Step",
    "StepKind",
    "motion_for",
    "potential",
    "progress",
    "register",
    "stages_of",
    "step_kind",
    "step_kinds",
    "steps_for",
    "unregister",
    "verb_of",
]
