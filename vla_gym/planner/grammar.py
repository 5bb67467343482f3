"""The planner without a language model: the grammar's own reading of a sentence, as skills."""

from __future__ import annotations

import time
from dataclasses import fields, replace

from vla_gym.envs.task import Task
from vla_gym.envs.tasks import MIXTURES
from vla_gym.errors import InstructionError
from vla_gym.language.noun_phrases import NounPhrase, resolve
from vla_gym.language.relations import preposition_for
from vla_gym.planner.plan import MAX_TEXT, Plan
from vla_gym.planner.requests import Reply, Request
from vla_gym.planner.scene import Scene
from vla_gym.skills import Step, steps_for
from vla_gym.skills.plan_steps import RoleNames
from vla_gym.world.logic import Each, Predicate

KNOWN: tuple[Task, ...] = tuple(
    t for t in MIXTURES["Tabletop"] if not any(r.absent for r in t.roles.values())
)
"""Tasks whose sentences are understood."""


class GrammarPlanner:
    """Reads the sentence by the grammar, resolves its phrases, and lays the goal out as skills.

    Args:
        tasks: Whose sentences it understands.
    """

    name = "grammar"
    tries = 1
    """It always answers the same, so asking again is of no use."""

    def __init__(self, tasks: tuple[Task, ...] = KNOWN) -> None:
        self.tasks = tasks

    def plan(self, request: Request) -> Reply:
        """Plan; never fails, but may say that it is not feasible."""
        begun = time.perf_counter()
        plan = self._plan(request.instruction, request.scene)
        return Reply(plan.to_json(), time.perf_counter() - begun)

    def _plan(self, instruction: str, scene: Scene) -> Plan:
        fault = InstructionError(f"{instruction!r} was not understood.", -1)
        for task in self.tasks:
            try:
                readings = task.read(instruction)
            except InstructionError as problem:
                fault = problem if problem.understood > fault.understood else fault
                continue
            for phrases in readings:
                try:
                    names = {role: _meant(task, role, p, scene) for role, p in phrases.items()}
                except InstructionError as problem:
                    fault = problem
                    continue
                return _with_hand(_worded(_laid_out(task, names), scene), scene)
        return Plan(feasible=False, reason=str(fault)[:MAX_TEXT])


def _meant(task: Task, role: str, phrase: NounPhrase, scene: Scene) -> tuple[str, ...]:
    """Names of the things that a phrase means.

    Raises:
        InstructionError: If there is none, or there are several where one is meant.
    """
    allowed = task.roles[role].kinds + task.roles[role].novel_kinds
    slots = [k for k in resolve(phrase, scene.seen()) if scene.things[k].kind in allowed]
    if not slots or (len(slots) > 1 and not phrase.every):
        count = "nothing" if not slots else f"{len(slots)} things"
        raise InstructionError(f"'{phrase}' is {count} on this table.", 3_000 + len(slots))
    return tuple(scene.things[k].name for k in slots)


def _laid_out(task: Task, names: RoleNames) -> Plan:
    used = roles_in(task.goal)
    spared = roles_in(task.keep) - used if task.keep is not None else set()
    avoid = tuple(n for role in task.roles if role in spared for n in names[role])
    return Plan(tuple(steps_for(task.goal, names)), avoid=avoid)


def _worded(plan: Plan, scene: Scene) -> Plan:
    """Say "in" of what holds things and "on" of what is flat."""
    steps = []
    for step in plan.steps:
        if step.skill == "place" and step.relation == "in":
            step = replace(step, relation=preposition_for(scene.find(step.target or "").kind))
        steps.append(step)
    return replace(plan, steps=tuple(steps))


def _with_hand(plan: Plan, scene: Scene) -> Plan:
    """Begin with what the hand holds: go on with it, or put it down where it is."""
    held, steps = scene.held, plan.steps
    if held is None or not steps:
        return plan
    if steps[0].object == held and steps[0].skill == "approach":
        steps = steps[2:] if len(steps) > 1 and steps[1].skill == "grasp" else steps
    else:
        steps = (Step("release", held), *steps)
    return Plan(steps, avoid=plan.avoid)


def roles_in(fact: Predicate) -> set[str]:
    """Names of the roles that a fact speaks of, without those it brings along itself."""
    found = {
        getattr(fact, f.name) for f in fields(fact)  # type: ignore[arg-type]
        if f.name in ("thing", "place", "base", "group")
    }  # fmt: skip
    parts = (fact.fact,) if isinstance(fact, Each) else fact.parts()
    for part in parts:
        found |= roles_in(part)
    return found - ({fact.member} if isinstance(fact, Each) else set())
