"""What brings goals about: stages, expert motions, plan steps and verbs, one family per file."""

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
