"""`GrammarPlanner`: plans without a language model, from what sentences are understood to mean."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import fields, replace

from vla_gym.envs.binding import Binding
from vla_gym.envs.composed_scenes import bind
from vla_gym.envs.composing import composition
from vla_gym.envs.grammar_reading import read_exactly
from vla_gym.envs.task import Task
from vla_gym.envs.tasks import MIXTURES
from vla_gym.errors import InstructionError
from vla_gym.language.noun_phrases import NounPhrase, resolve
from vla_gym.language.reading import understand
from vla_gym.language.relations import preposition_for
from vla_gym.planner.plan import MAX_TEXT, Plan
from vla_gym.planner.requests import PlanRequest, Reply
from vla_gym.planner.scene import Scene
from vla_gym.skills import Step, steps_for
from vla_gym.skills.plan_steps import RoleNames
from vla_gym.world.logic import Each, Predicate

GRAMMAR_TASKS: tuple[Task, ...] = tuple(
    t for t in MIXTURES["Tabletop"] if not any(r.absent for r in t.roles.values())
)
"""Tasks whose sentences are understood by default."""


class GrammarPlanner:
    """Parses the instruction, resolves its noun phrases, and lays the task's goal out as steps.

    Sentences that no task would write are read by `vla_gym.language.understand`.

    Args:
        tasks: Tasks whose own sentences it parses.
    """

    name = "grammar"
    tries = 1
    """It always gives the same answer."""

    def __init__(self, tasks: Sequence[Task] = GRAMMAR_TASKS) -> None:
        self.tasks = tuple(tasks)

    def plan(self, request: PlanRequest) -> Reply:
        """Plan; never fails, but may find that the instruction is not feasible."""
        start = time.perf_counter()
        plan = self._plan(request.instruction, request.scene)
        return Reply(plan.to_json(), time.perf_counter() - start)

    def _plan(self, instruction: str, scene: Scene) -> Plan:
        error = InstructionError(f"{instruction!r} was not understood.", -1)
        for task in self.tasks:
            try:
                readings = task.read(instruction)
            except InstructionError as new:
                error = new if new.understood > error.understood else error
                continue
            for phrases in readings:
                try:
                    names = {role: _resolve(task, role, p, scene) for role, p in phrases.items()}
                except InstructionError as new:
                    error = new
                    continue
                plan = _with_prepositions(_plan_for(task, names), scene)
                return _after_held_object(plan, scene)
        return _plan_in_own_words(instruction, scene) or Plan(
            feasible=False, reason=str(error)[:MAX_TEXT]
        )


def _plan_in_own_words(instruction: str, scene: Scene) -> Plan | None:
    """A plan for a sentence that no task would write; None if its words were understood by one."""
    if read_exactly(instruction):
        return None
    try:
        made = composition(understand(instruction))
        if made.absent:
            raise InstructionError(f"No {made.absent[0].kind} is ever on this table.")
        played = bind(made, scene.seen(), Binding((), (), {})).played
    except InstructionError as error:
        return Plan(feasible=False, reason=str(error)[:MAX_TEXT])
    names = {role: tuple(scene.objects[k].name for k in slots) for role, slots in played.items()}
    return _after_held_object(_with_prepositions(_plan_for(made.task, names), scene), scene)


def _resolve(task: Task, role: str, phrase: NounPhrase, scene: Scene) -> tuple[str, ...]:
    """Names of the objects that a noun phrase refers to.

    Raises:
        InstructionError: If there is none, or there are several where one is meant.
    """
    allowed = task.roles[role].kinds + task.roles[role].novel_kinds
    slots = [k for k in resolve(phrase, scene.seen()) if scene.objects[k].kind in allowed]
    if not slots or (len(slots) > 1 and not phrase.every):
        count = "nothing" if not slots else f"{len(slots)} things"
        raise InstructionError(f"'{phrase}' is {count} on this table.", 3_000 + len(slots))
    return tuple(scene.objects[k].name for k in slots)


def _plan_for(task: Task, names: RoleNames) -> Plan:
    used = roles_in(task.goal, task.roles)
    spared = roles_in(task.keep, task.roles) - used if task.keep is not None else set()
    avoid = tuple(n for role in task.roles if role in spared for n in names[role])
    return Plan(tuple(steps_for(task.goal, names)), avoid=avoid)


def _with_prepositions(plan: Plan, scene: Scene) -> Plan:
    """Put objects "in" what holds them and "on" what is flat."""
    steps = []
    for step in plan.steps:
        if step.relation == "in":
            step = replace(step, relation=preposition_for(scene.find(step.target or "").kind))
        steps.append(step)
    return replace(plan, steps=tuple(steps))


def _after_held_object(plan: Plan, scene: Scene) -> Plan:
    """Start with the object in the hand: go on with it, or put it down where it is."""
    held, steps = scene.held, plan.steps
    if held is None or not steps:
        return plan
    if steps[0].object == held and steps[0].skill == "approach":
        steps = steps[2:] if len(steps) > 1 and steps[1].skill == "grasp" else steps
    else:
        steps = (Step("release", held), *steps)
    return Plan(steps, avoid=plan.avoid)


def roles_in(fact: Predicate, roles: Collection[str]) -> set[str]:
    """Those of a task's roles that a predicate is about.

    Args:
        fact: The predicate.
        roles: Names of the task's roles.
    """
    values = [getattr(fact, f.name) for f in fields(fact)]  # type: ignore[arg-type]
    found = {value for value in values if isinstance(value, str) and value in roles}
    for part in (fact.fact,) if isinstance(fact, Each) else fact.parts():
        found |= roles_in(part, roles)
    return found
