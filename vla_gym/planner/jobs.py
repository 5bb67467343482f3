"""`Job`: one goal that the control loop brings about; plans laid out as jobs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vla_gym.envs.task import Task
from vla_gym.envs.tasks import MIXTURES
from vla_gym.errors import PlanError
from vla_gym.language.templates import pick_template, render
from vla_gym.planner.plan import Plan
from vla_gym.planner.scene import Scene, SceneObject
from vla_gym.skills import Step, StepKind, step_kind, verb_of
from vla_gym.world.logic import Predicate
from vla_gym.world.object_kind import SIZE_SCALES
from vla_gym.world.objects import KINDS

Jobs = Sequence["Job | None"]
"""One per sub-environment; None where there is nothing to do."""
_INSIDE = ("in", "among")
"""Variants that put an object into a container."""


@dataclass(frozen=True)
class Job:
    """One goal to bring about."""

    step: Step
    """The plan step it belongs to."""
    kind: StepKind
    """Sets the goal; of a release the kind of the manipulation that it ends."""
    variant: str
    """Key of the kind's goals."""
    object: int
    """Slot of the object."""
    target: int
    """Slot of the target; the object's own where there is none."""
    sentence: str
    """The instruction for policies that understand sentences."""
    target_name: str
    """Name of the target; the object's own where there is none."""
    within: float
    """Distance from the target's centre within which the object lies in it, or 0 [m]."""
    group: int
    """Jobs of one group belong to one manipulation, which is repeated as a whole."""

    @property
    def goal(self) -> Predicate:
        """What it brings about, about the roles "object", "target" and "only"."""
        return self.kind.goals[self.variant]

    @property
    def fact(self) -> str:
        """Name of the goal: jobs with the same name have the same goal."""
        return f"{self.kind.name} {self.variant}".strip()

    @property
    def lasting(self) -> bool:
        """Whether its goal is to hold until the end of the plan: that of whole manipulations."""
        return not self.kind.planned

    @property
    def seconds(self) -> float:
        """Time limit [s]."""
        return self.kind.seconds


def jobs_of(
    plan: Plan, scene: Scene, whole: bool = False, tasks: Sequence[Task] = ()
) -> tuple[Job, ...]:
    """Lay a plan out as jobs.

    Args:
        plan: A plan that passed the checks.
        scene: With the slot of each object.
        whole: Whether the steps of one manipulation become one job, for policies that learnt
            instructions rather than single steps.
        tasks: Further tasks whose sentences may be used for instructions.

    Raises:
        PlanError: If an object was detected where nothing is.
    """
    into = Counter(s.target for s in plan.steps if step_kind(s.skill).whole)
    jobs: list[Job] = []
    for group, steps in enumerate(_groups(plan.steps)):
        sentence = sentence_for(steps, scene, tasks)
        for k, step in enumerate([_summary(steps)] if whole else steps):
            obj = scene.find(step.object)
            target = scene.find(step.target) if step.target else obj
            kind, variant = step_kind(step.skill), _variant(step, scene, into[step.target] > 1)
            before = None if whole or not k else steps[k - 1]
            if before is not None and kind.hand_after == "free" and step_kind(before.skill).whole:
                # letting go has worked if the object stays where it was put
                kind, variant = step_kind(step_kind(before.skill).whole), jobs[-1].variant
                target = scene.find(before.target or "")
            slots = _slot_of(obj), _slot_of(target)
            within = _inner_radius(target) if not kind.planned and variant in _INSIDE else 0.0
            jobs.append(Job(step, kind, variant, *slots, sentence, target.name, within, group))
    return tuple(jobs)


def sentence_for(steps: Sequence[Step], scene: Scene, tasks: Sequence[Task] = ()) -> str:
    """An instruction that asks for one group of steps; their own text if no task has one.

    Args:
        steps: The group.
        scene: What is on the table.
        tasks: Tasks to look among, after those of the package.
    """
    step = _summary(steps)
    kind = step_kind(step.skill)
    verb = kind.verb or verb_of(kind.goals[_variant(step, scene)])
    known = (*MIXTURES["Tabletop"], *tasks)
    task = next((t for t in known if verb is not None and verb_of(t.goal) == verb), None)
    if task is None:
        return str(step)
    names = {role: _name_for(role, task.goal, step) for role in task.roles}
    kinds = {role: scene.find(name).kind for role, name in names.items()}
    phrases = {role: f"the {re.sub(' [0-9]+$', '', name)}" for role, name in names.items()}
    return render(pick_template(task.phrases, kinds), phrases)


def _groups(steps: tuple[Step, ...]) -> list[list[Step]]:
    """Cut after each step that changes the table, but not between placing and its release."""
    groups: list[list[Step]] = [[]]
    for k, step in enumerate(steps):
        groups[-1].append(step)
        kind = step_kind(step.skill)
        releases = k + 1 < len(steps) and step_kind(steps[k + 1].skill).hand_after == "free"
        if kind.changes_table and not (kind.whole and releases):
            groups.append([])
    return [g for g in groups if g]


def _summary(steps: Sequence[Step]) -> Step:
    """The step that stands for a whole group: the last that has a whole manipulation, or any."""
    wholes = [replace(s, skill=w) for s in steps if (w := step_kind(s.skill).whole)]
    return wholes[-1] if wholes else steps[-1]


def _variant(step: Step, scene: Scene, shared: bool = False) -> str:
    """The variant of a step's kind that the scene calls for."""
    target = scene.find(step.target).kind if step.target else ""
    return step_kind(step.skill).variant(step.relation, target, shared)


def _name_for(role: str, goal: Predicate, step: Step) -> str:
    """The step's object or target, whichever plays a role of a task with that goal."""
    objects = _fields_of(goal, "thing")
    return step.object if role in objects or step.target is None else step.target


def _fields_of(goal: Predicate, name: str) -> set[str]:
    """Values that a field of that name has in a goal and its parts."""
    own = {value} if isinstance(value := getattr(goal, name, None), str) else set()
    return own.union(*(_fields_of(part, name) for part in goal.parts()))


def _slot_of(obj: SceneObject) -> int:
    if obj.slot is None:
        raise PlanError(f"Nothing is where the {obj.name} was seen.")
    return obj.slot


def _inner_radius(target: SceneObject) -> float:
    return max(KINDS[target.kind].inner) * SIZE_SCALES[target.size]
