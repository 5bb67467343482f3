"""`Skill`: everything that is known of bringing one kind of predicate about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import numpy as np

from vla_gym.skills.motion import Motion
from vla_gym.skills.plan_steps import RoleNames, Step, StepKind
from vla_gym.skills.stages import Progress, Stage
from vla_gym.world.logic import Predicate, Roles
from vla_gym.world.world import World

P = TypeVar("P", bound=Predicate)


class Skill(Generic[P]):
    """Subclass it for a kind of predicate and override what the predicate has.

    Every method is stateless: it reads the present state and the predicate's fields only.
    """

    predicate: ClassVar[type[Predicate]]
    """The kind of predicate; subclasses of it share the skill."""
    stages: ClassVar[tuple[Stage, ...]] = ()
    """Towards the predicate, in order."""
    verb: ClassVar[str | None] = None
    """Verb of the sentences that ask for it, a key of its family's `verbs`."""

    def stages_of(self, goal: P) -> tuple[Stage, ...]:
        """The stages towards a goal."""
        return self.stages

    def verb_of(self, goal: P) -> str | None:
        """The verb of the sentences that ask for a goal; None to look at the parts of the goal."""
        return self.verb

    def progress(self, goal: P, world: World, roles: Roles) -> Progress:
        """How far each sub-environment is, for infos and the dense reward."""
        return np.zeros(world.n, int), np.zeros(world.n)

    def motion(self, goal: P, world: World, roles: Roles) -> Motion | None:
        """The expert's next motion; None for a predicate that comes along with others."""
        return None

    def motion_to_shared(self, goal: P, world: World, roles: Roles) -> Motion | None:
        """The same where more objects come to the same target, so that room has to be left."""
        return self.motion(goal, world, roles)

    def steps(self, goal: P, names: RoleNames) -> list[Step]:
        """The plan steps that bring a goal about.

        Args:
            goal: The goal.
            names: Names of the objects that play its roles.
        """
        return []


@dataclass(frozen=True)
class Family:
    """Skills that belong together, the plan steps that they offer, the verbs that ask for them."""

    skills: tuple[Skill, ...]
    steps: tuple[StepKind, ...] = ()
    verbs: Mapping[str, str] = field(default_factory=dict)
    """Verb -> a plain sentence that asks for it."""
