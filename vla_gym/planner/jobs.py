"""What the fast loop is told to bring about, one job after the other."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.errors import PlanError
from vla_gym.language.relations import SIDE_OF
from vla_gym.language.templates import pick_template, render
from vla_gym.planner.plan import Plan
from vla_gym.planner.scene import Scene
from vla_gym.planner.step_facts import ENDS, FACT_NAMES, FACTS, fact_of
from vla_gym.skills import Step
from vla_gym.world.objects import KINDS, SIZE_SCALES


@dataclass(frozen=True)
class Job:
    """One fact to bring about."""

    step: Step
    fact: str
    """Name in `vla_gym.planner.step_facts.FACTS`."""
    object: int
    """Slot."""
    target: int
    """Slot; the object's own where there is no target."""
    sentence: str
    """What a policy that understands sentences is told."""
    place: str
    """Name of the target; the object's own where there is none."""
    within: float
    """Distance from the target's middle within which the object lies in it, or 0 [m]."""
    group: int
    """Jobs of one group belong to one manipulation, which begins afresh as a whole."""

    @property
    def fact_id(self) -> int:
        """Index into FACT_NAMES."""
        return FACT_NAMES.index(self.fact)

    @property
    def lasting(self) -> bool:
        """Whether what it brings about is to hold until the end."""
        return self.fact.startswith("put ")

    @property
    def seconds(self) -> float:
        """Time it may take [s]."""
        return FACTS[self.fact][1]


def jobs_of(plan: Plan, scene: Scene, whole: bool = False) -> tuple[Job, ...]:
    """Lay a plan out as jobs.

    Args:
        plan: A plan that passed the checks.
        scene: With the slot of each thing.
        whole: Whether the steps of one manipulation become one job, for policies that learnt
            sentences, not skills.

    Raises:
        PlanError: If a thing was seen where nothing is.
    """
    into = Counter(s.target for s in plan.steps if s.skill == "place")
    jobs: list[Job] = []
    for group, steps in enumerate(_groups(plan.steps)):
        sentence = sentence_for(steps, scene)
        if whole:
            steps = [_summed_up(steps)]
        for k, step in enumerate(steps):
            thing = scene.find(step.object)
            target = scene.find(step.target) if step.target else thing
            fact = fact_of(step, scene, shared=into[step.target] > 1)
            if step.skill == "release" and k and steps[k - 1].skill == "place":
                # letting go has worked if the thing stays where it was placed
                fact = jobs[-1].fact.replace("place", "put")
                target = scene.find(steps[k - 1].target or "")
            if thing.slot is None or target.slot is None:
                lost = thing if thing.slot is None else target
                raise PlanError(f"Nothing is where the {lost.name} was seen.")
            inside = fact in ("put in", "put among")
            within = max(KINDS[target.kind].inner) * SIZE_SCALES[target.size] if inside else 0.0
            jobs.append(
                Job(step, fact, thing.slot, target.slot, sentence, target.name, within, group)
            )
    return tuple(jobs)


def _groups(steps: tuple[Step, ...]) -> list[list[Step]]:
    """Cut after each release of what was placed, and after skills that are whole by themselves."""
    groups: list[list[Step]] = [[]]
    for k, step in enumerate(steps):
        groups[-1].append(step)
        follows = steps[k + 1].skill if k + 1 < len(steps) else ""
        if step.skill in ENDS and not (step.skill == "place" and follows == "release"):
            groups.append([])
    return [g for g in groups if g]


def _summed_up(steps: list[Step]) -> Step:
    """The step that stands for a whole group: the one that changes the table, else the last."""
    placed = [s for s in steps if s.skill == "place"]
    return replace(placed[-1], skill="put") if placed else steps[-1]


_TASK_OF = {"approach": "Reach", "grasp": "Pick", "lift": "Pick", "push": "Push",
            "slide": "Slide", "press": "Button", "stand_up": "Upright"}  # fmt: skip


def sentence_for(steps: list[Step], scene: Scene) -> str:
    """A sentence of the tasks that asks for one group of steps.

    Args:
        steps: The group.
        scene: What there is.
    """
    step = _summed_up(steps)
    roles = {"object": step.object, "target": step.target or step.object}
    roles |= {"base": roles["target"], "drawer": step.object, "button": step.object}
    if step.skill == "put":
        templates = _put_templates(step, scene)
    elif step.skill in ("open", "close"):
        templates = MIXTURES["Drawer"][0 if step.skill == "open" else 1].phrases
    elif step.skill in _TASK_OF:
        templates = TASKS[_TASK_OF[step.skill]].phrases
    else:
        return str(step)
    kinds = {role: scene.find(name).kind for role, name in roles.items()}
    phrases = {role: f"the {re.sub(' [0-9]+$', '', name)}" for role, name in roles.items()}
    return render(pick_template(templates, kinds), phrases)


def _put_templates(step: Step, scene: Scene) -> tuple[str, ...]:
    if step.relation in SIDE_OF:
        return MIXTURES["Arrange"][list(SIDE_OF).index(step.relation)].phrases
    holds = KINDS[scene.find(step.target or "").kind].container
    return TASKS["PickPlace" if holds else "Stack"].phrases
