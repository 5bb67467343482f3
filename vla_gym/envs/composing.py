"""Tasks made of what a sentence means, at the moment it is said: `compose`.

Each thing of a meaning becomes a role, equal things the same one, in the order in which they are
named: per step first what is handled, then its target; last what is to be left alone. Each step
becomes a goal of `vla_gym.envs.asked_goals`.

Several steps are done in order: a step counts from the first control step at which its goal holds
after all steps before it have counted, and a step whose result lasts must not be done before its
turn. What a step has achieved must still hold at the end, unless a later step undoes it (put on the
plate, then in the box; open, then close). Reaching, lifting and pressing only have to happen.

What is to be left alone must not be touched or moved, beside every skill. If it fits the words of a
thing, as in "everything except the red cube", it is not meant by them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from vla_gym.envs.asked_goals import (
    HORIZONS,
    MEMBER,
    OBJECT_KINDS,
    SINGLE_BASES,
    TARGET_KINDS,
    StepGoal,
    Taken,
    opened_wide,
    step_goal,
    unsuitable,
    wording,
)
from vla_gym.envs.task import Role, Task
from vla_gym.errors import InstructionError
from vla_gym.language.referents import ANY_KIND, is_known_colour, is_known_kind
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.world.logic import After, Each, InOrder, Predicate
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import AnyMoved, Moved, Touched

MOST_STEPS = 6
"""Most steps of one sentence."""
_FAMILIES = {
    "reach": "Reach", "lift": "Pick", "put": "PickPlace", "sort": "Sort", "stack": "Stack",
    "beside": "Arrange", "push": "Push", "slide": "Slide", "upright": "Upright", "open": "Drawer",
    "close": "Drawer", "press": "Button",
}  # fmt: skip
"""Skill -> name of the task's family, as `info["task"]` has it."""
_TARGET_FAMILIES = {"drawer": "Drawer", "shelf": "Shelf"}
_GROUP_TIME = 2
"""Objects for which there is time if it is not said how many."""


@dataclass(frozen=True)
class Cast:
    """A thing of the meaning as a part to be played."""

    role: str
    thing: Thing
    kinds: tuple[str, ...]
    """Kinds of objects that can play it."""
    spared: bool = False
    """Whether it is to be left alone."""

    @property
    def many(self) -> bool:
        """Whether several objects can play it."""
        return self.thing.count != 1


@dataclass(frozen=True)
class Composition:
    """A task made of a meaning, and which thing of the meaning each of its roles is."""

    meaning: Understanding
    task: Task
    casts: tuple[Cast, ...]
    """In the order of the task's roles; without those that the table never has."""
    absent: tuple[Thing, ...] = ()
    """Things that the table never has; the task is then to say so."""

    def role_of(self, thing: Thing) -> str:
        """The role of a thing that plays one."""
        return next(cast.role for cast in self.casts if cast.thing == thing)


def compose(meaning: Understanding) -> Task:
    """Put a task together from what a sentence means.

    Args:
        meaning: With the answer "act".

    Raises:
        InstructionError: If it is not to be acted on, or cannot be done here; it says why.
    """
    return composition(meaning).task


@functools.lru_cache(maxsize=1024)
def composition(meaning: Understanding) -> Composition:
    """`compose`, with the things of the meaning by role; arguments and errors alike."""
    if meaning.answer != "act":
        raise InstructionError(
            getattr(meaning, "reason", "")
            or f"The sentence cannot be acted on (answer: {meaning.answer})."
        )
    if len(meaning.steps) > MOST_STEPS:
        raise InstructionError(
            f"{len(meaning.steps)} steps were asked for; at most {MOST_STEPS} are done in one go."
        )
    for thing in meaning.things():
        for colour in (thing.colour, thing.not_colour):
            if colour is not None and not is_known_colour(colour):
                raise InstructionError(f"The colour {colour!r} is not known.")
    absent = tuple(dict.fromkeys(t for t in meaning.things() if not is_known_kind(t.kind)))
    if absent:
        return _infeasible(meaning, absent)
    return _Composer(meaning).composed()


@functools.lru_cache(maxsize=256)
def missing(meaning: Understanding) -> Composition:
    """The task for a scene in which something of the meaning is not there: to say so."""
    return _infeasible(meaning, (), casts=False)


@dataclass
class _Composer:
    meaning: Understanding
    casts: list[Cast] = field(default_factory=list)

    def composed(self) -> Composition:
        steps = self.meaning.steps
        goals = []
        for k, step in enumerate(steps, 1):
            number = "" if k == 1 else str(k)
            thing = self._taken(step, step.object, ("object", "things"), number)
            target = None
            if step.target is not None:
                target = self._taken(step, step.target, ("target", "targets"), number)
                if target.role == thing.role:
                    raise InstructionError(f"The {step.object.kind} cannot be put to itself.")
            goal = step_goal(step, thing, target)
            if step.skill == "open" and not thing.many and len(steps) > k:
                large = any(
                    (s.skill == "close" and s.object == step.object) or s.object.ref == step.object
                    for s in steps[k:]
                )
                goal = opened_wide(goal, thing.role, large)
            goals.append(goal)
        for k, thing_spared in enumerate(self.meaning.avoid, 1):
            self._spare(thing_spared, "" if k == 1 else str(k))
        return Composition(self.meaning, self._task(goals), tuple(self.casts))

    def _taken(self, step: SkillStep, thing: Thing, names: tuple[str, str], number: str) -> Taken:
        allowed = _kinds_for(step, thing, names[0] == "target")
        for k, cast in enumerate(self.casts):
            if cast.thing == thing:
                kinds = tuple(kind for kind in cast.kinds if kind in allowed)
                if not kinds:
                    raise InstructionError(
                        f"Nothing on the table can be what all steps need ({thing.kind})."
                    )
                self.casts[k] = Cast(cast.role, thing, kinds)
                return Taken(cast.role, kinds, cast.many)
        role = names[thing.count != 1] + number
        self.casts.append(Cast(role, thing, allowed))
        return Taken(role, allowed, thing.count != 1)

    def _spare(self, thing: Thing, number: str) -> None:
        handled = [step.object for step in self.meaning.steps]
        if thing in handled:
            raise InstructionError(
                f"The {thing.kind} is to be handled and to be left alone; say which of the two."
            )
        if all(cast.thing != thing for cast in self.casts):
            kinds = (thing.kind,) if thing.kind != ANY_KIND else OBJECT_KINDS["reach"]
            name = "bystanders" if thing.count != 1 else "bystander"
            self.casts.append(Cast(name + number, thing, kinds, spared=True))

    def _task(self, goals: Sequence[StepGoal]) -> Task:
        steps = self.meaning.steps
        if len(goals) == 1:
            only = goals[0]
            goal, keep = only.fact, only.keep
            if only.alone is not None and not self._carries_others():
                goal &= only.alone
        else:
            goal = InOrder(
                tuple(g.fact for g in goals),
                tuple(None if self._undone(k) else g.lasting for k, g in enumerate(goals)),
            )
            keep = None
        for cast in self.casts:
            if cast.spared:
                keep = _spared(cast) if keep is None else keep & _spared(cast)
        words = [
            wording(s, self._role(s.object), self._role(s.target) if s.target else None)
            for s in steps
        ]
        return Task(
            name=self._name(),
            roles={c.role: Role(c.kinds, many=c.many) for c in self.casts},
            goal=goal,
            keep=keep,
            phrases=(", then ".join(words),),
            horizon=sum(HORIZONS[s.skill] * _how_many(s.object) for s in steps),
            summary="Put together from a sentence.",
        )

    def _role(self, thing: Thing) -> str:
        return next(cast.role for cast in self.casts if cast.thing == thing)

    def _name(self) -> str:
        step, *more = self.meaning.steps
        if more:
            return "Sequence"
        if any(cast.spared for cast in self.casts):
            return "Avoid"
        if step.skill in ("put", "sort") and step.target is not None:
            if step.object.count != 1:
                return "Sort"
            return _TARGET_FAMILIES.get(step.target.kind, "PickPlace")
        return _FAMILIES[step.skill]

    def _carries_others(self) -> bool:
        """Whether things lie in a drawer that is moved, so that they move with it."""
        return any(
            thing.pick == "in" and thing.ref is not None and thing.ref.kind in ("drawer", ANY_KIND)
            for thing in self.meaning.things()
        )

    def _undone(self, k: int) -> bool:
        """Whether a later step undoes what step k has achieved."""
        step, later = self.meaning.steps[k], self.meaning.steps[k + 1 :]
        moving = [s for s in later if s.skill not in ("reach", "press")]
        if any(_overlap(s.object, step.object) for s in moving):
            return True
        # what stands beside or on a thing that is taken away does so no longer
        leaves = step.skill in ("beside", "stack")
        return leaves and any(s.object == step.target for s in moving)


def _kinds_for(step: SkillStep, thing: Thing, plays_target: bool) -> tuple[str, ...]:
    """Kinds that a thing can be of in a step.

    Raises:
        InstructionError: If the step cannot be done with it.
    """
    if plays_target and thing.count != 1:
        raise InstructionError("Things are brought to one place at a time; name one target.")
    base, grasped = step.target, OBJECT_KINDS[step.skill] == OBJECT_KINDS["lift"]
    one_on_top = base is not None and step.skill != "beside" and base.kind in SINGLE_BASES
    if not plays_target and thing.count != 1 and one_on_top:
        raise InstructionError("Things are stacked one at a time; name each of them.")
    in_mug = thing.pick == "in" and thing.ref is not None and thing.ref.kind == "mug"
    if in_mug and grasped and not plays_target:
        raise InstructionError("That cannot be done: the gripper does not fit in a mug.")
    if step.skill in ("push", "slide") and thing.count != 1 and not plays_target:
        if thing.kind not in (ANY_KIND, *OBJECT_KINDS["lift"]):
            raise InstructionError(f"Only one {thing.kind} at a time fits on a mat.")
        return OBJECT_KINDS["lift"] if thing.kind == ANY_KIND else (thing.kind,)
    if thing.kind != ANY_KIND:
        problem = unsuitable(step.skill, thing.kind, plays_target)
        if problem:
            raise InstructionError(f"That cannot be done: {problem}.")
        return (thing.kind,)
    if plays_target and step.skill == "put":
        return TARGET_KINDS["sort"]
    return (TARGET_KINDS if plays_target else OBJECT_KINDS)[step.skill]


def _overlap(a: Thing, b: Thing) -> bool:
    """Whether two things can be the same object: equal, or one of them out of a group."""
    if a == b:
        return True
    if a.count == 1 and b.count == 1:
        return False
    kinds = a.kind == b.kind or ANY_KIND in (a.kind, b.kind)
    return kinds and (a.colour == b.colour or None in (a.colour, b.colour))


def _how_many(thing: Thing) -> int:
    return thing.count if isinstance(thing.count, int) else _GROUP_TIME + 1


def _spared(cast: Cast) -> Predicate:
    role = MEMBER if cast.many else cast.role
    alone = ~Moved(role, 0.02) & ~Touched(role)
    return Each(cast.role, MEMBER, alone) if cast.many else alone


def _infeasible(
    meaning: Understanding, absent: tuple[Thing, ...], casts: bool = True
) -> Composition:
    """Like the shipped tasks of that name: wait for a second, then end the episode."""
    present = list(_present_parts(meaning)) if casts else []
    roles = {c.role: Role(c.kinds, many=c.many) for c in present}
    roles |= {f"absent{k}": Role((), absent=True) for k, _ in enumerate(absent)}
    task = Task(
        name="Infeasible", roles=roles, goal=~AnyMoved() & After(1.0), phrases=(), terminate=True,
        horizon=40, summary="Put together from a sentence about something that is not there.",
    )  # fmt: skip
    return Composition(meaning, task, tuple(present), absent)


def _present_parts(meaning: Understanding) -> Iterator[Cast]:
    """The things of a meaning that can be there, though others cannot."""
    done: list[Thing] = []
    things = [t for s in meaning.steps for t in (s.object, s.target) if t is not None]
    for thing in things:
        if thing not in done and all(is_known_kind(t.kind) for t in thing.chain()):
            done.append(thing)
            kinds = tuple(KINDS) if thing.kind == ANY_KIND else (thing.kind,)
            many = thing.count != 1
            number = str(len(done)) if len(done) > 1 else ""
            yield Cast(("things" if many else "object") + number, thing, kinds)
