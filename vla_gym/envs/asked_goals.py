"""What one step of a meaning asks for, as predicates; and which things can take part in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vla_gym.language.canonical import step_words
from vla_gym.language.understanding import SkillStep
from vla_gym.skills.striking import STRIKE_LINE
from vla_gym.world.logic import Each, Predicate
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import (
    ANY_SIDE,
    AnyMoved,
    Beside,
    Closed,
    Free,
    HandBehind,
    Held,
    Inside,
    Lifted,
    Near,
    On,
    Opened,
    Over,
    Pressed,
    SlidOver,
    Standing,
    Static,
    Touched,
)

_WIDE, _WIDER = 0.075, 0.085
"""How far a drawer has to be open for things to be put in, and one that is large because it is to
be shut with them [m]."""
MEMBER = "it"
"""Role name of one object of a group in goals."""
_ALL = tuple(name for name in KINDS if name != "line")
_TAKEN = tuple(name for name, kind in KINDS.items() if kind.graspable)
_PLACES = tuple(
    name for name, kind in KINDS.items() if kind.container and name not in ("drawer", "cabinet")
)
SINGLE_BASES = ("cube", "cylinder", "brick", "can", "puck", "stone", "star")
"""Kinds on which one thing can be put."""
_FLAT = tuple(name for name, kind in KINDS.items() if kind.mark and kind.container)
_FIXED = ("shelf", "button", "mat", "drawer", "cabinet", "line")

OBJECT_KINDS: dict[str, tuple[str, ...]] = {
    "reach": _ALL, "lift": _TAKEN, "put": _TAKEN, "sort": _TAKEN, "stack": _TAKEN,
    "beside": _TAKEN, "push": tuple(name for name in KINDS if name not in _FIXED),
    "slide": tuple(name for name in KINDS if name not in _FIXED),
    "upright": ("bottle", "can", "cylinder", "mug", "cone"), "open": ("drawer",),
    "close": ("drawer",), "press": ("button",),
}  # fmt: skip
"""Skill -> kinds of objects that it can be done with."""
TARGET_KINDS: dict[str, tuple[str, ...]] = {
    "put": (*_PLACES, "drawer", *SINGLE_BASES), "sort": (*_PLACES, "drawer"),
    "stack": (*SINGLE_BASES, *_PLACES), "beside": _ALL, "push": _FLAT, "slide": _FLAT,
}  # fmt: skip
"""Skill -> kinds of targets that it can be done to."""
TRANSIENT = ("reach", "lift", "press")
"""Skills whose goal only has to be reached."""
HORIZONS = {
    "reach": 45, "lift": 50, "put": 70, "sort": 70, "stack": 80, "beside": 80, "push": 110,
    "slide": 110, "upright": 90, "open": 60, "close": 60, "press": 45,
}  # fmt: skip
"""Control steps at 10 Hz that one step may take, for each object."""
_DOING = {
    "reach": "reached", "lift": "lifted", "put": "picked up", "sort": "picked up",
    "stack": "picked up", "beside": "picked up", "push": "pushed", "slide": "slid",
    "upright": "stood up", "open": "opened", "close": "closed", "press": "pressed",
}  # fmt: skip


@dataclass(frozen=True)
class StepGoal:
    """What one step asks for."""

    fact: Predicate
    """What it brings about."""
    lasting: Predicate | None
    """What of it is to last; None if it only has to be reached."""
    keep: Predicate | None = None
    """What must stay true meanwhile, if it is the only step."""
    alone: Predicate | None = None
    """What has to hold besides, if it is the only step."""


@dataclass(frozen=True)
class Taken:
    """What plays a part in a step: a role's name and what can play it."""

    role: str
    kinds: tuple[str, ...]
    many: bool = False
    """Whether several objects play the role."""


def step_goal(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    """The goal of one step.

    Args:
        step: The step.
        thing: Who plays its object.
        target: Who plays its target.
    """
    role = MEMBER if thing.many else thing.role
    one = _ONE[step.skill](step, Taken(role, thing.kinds, thing.many), target)
    if not thing.many:
        return one
    once = one.lasting is None
    keep = None if one.keep is None else Each(thing.role, MEMBER, one.keep)
    return StepGoal(
        Each(thing.role, MEMBER, one.fact, once),
        None if one.lasting is None else Each(thing.role, MEMBER, one.lasting),
        keep, None if once else Free(),
    )  # fmt: skip


def wording(step: SkillStep, thing: str, target: str | None) -> str:
    """A template of the step's words, with the names of roles in braces."""
    if step.skill == "lift":
        return f"lift {{{thing}}}"  # the plainest verb; said to policies it is "pick up"
    return step_words(step, f"{{{thing}}}", f"{{{target}}}")


def unsuitable(skill: str, kind: str, plays_target: bool) -> str:
    """Why a kind cannot take part in a skill, or "" if it can."""
    if kind in (TARGET_KINDS if plays_target else OBJECT_KINDS)[skill]:
        return ""
    if plays_target:
        if skill in ("push", "slide"):
            return f"things are pushed onto a mat, and a {kind} is none"
        return f"nothing stays on a {kind}" if skill == "stack" else f"nothing fits in a {kind}"
    if skill in ("lift", "put", "sort", "stack", "beside"):
        return f"the gripper cannot take hold of a {kind}"
    return f"a {kind} cannot be {_DOING[skill]}"


def _reach(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    enclosed = all(KINDS[kind].graspable for kind in thing.kinds)
    return StepGoal(Near(thing.role, 0.025, surface=not enclosed), None)


def _lift(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    return StepGoal(Lifted(thing.role, 0.06) & Held(thing.role), None)


def _released(thing: Taken, fact: Predicate) -> StepGoal:
    # of a group, those that were put down first may roll when others are added
    loose = fact & ~Touched(thing.role)
    return StepGoal(loose if thing.many else loose & Static(thing.role), fact)


def _put(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    assert target is not None
    if all(kind in SINGLE_BASES for kind in target.kinds):
        return _released(thing, On(thing.role, target.role))
    return _released(thing, Inside(thing.role, target.role))


def _stack(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    assert target is not None
    if all(kind in _PLACES for kind in target.kinds):
        return _put(step, thing, target)
    return _released(thing, On(thing.role, target.role))


def _beside(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    assert target is not None
    return _released(thing, Beside(thing.role, target.role, step.side or ANY_SIDE))


def _push(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    assert target is not None
    if thing.many:
        return _put(step, thing, target)  # one at a time would push the others off again
    over = Over(thing.role, target.role)
    settled = over & ~Touched(thing.role) & Static(thing.role)
    return StepGoal(settled, over, ~Lifted(thing.role, 0.02), Free())


def _slide(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    assert target is not None
    if thing.many or not all(KINDS[kind].slippery for kind in thing.kinds):
        return _push(step, thing, target)
    slid = SlidOver(thing.role, target.role, STRIKE_LINE) & Static(thing.role)
    keep = HandBehind(STRIKE_LINE) & ~Lifted(thing.role, 0.02)
    return StepGoal(slid, Over(thing.role, target.role), keep)


def _upright(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    return _released(thing, Standing(thing.role))


def _open(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    return _moved(thing, Opened(thing.role))


def opened_wide(goal: StepGoal, role: str, wider: bool) -> StepGoal:
    """The same with the drawer so far open that things can be put in and taken out.

    Args:
        goal: Of a step that opens a drawer.
        role: Who plays the drawer.
        wider: Whether it is a large one: shut later with things in it, or emptied.
    """
    wide = Opened(role, _WIDER if wider else _WIDE) & ~Touched(role) & Static(role)
    return replace(goal, fact=wide)


def _close(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    return _moved(thing, Closed(thing.role))


def _moved(drawer: Taken, fact: Predicate) -> StepGoal:
    others = None if drawer.many else Free() & ~AnyMoved(0.03, but=(drawer.role,))
    return StepGoal(fact & ~Touched(drawer.role) & Static(drawer.role), fact, None, others)


def _press(step: SkillStep, thing: Taken, target: Taken | None) -> StepGoal:
    return StepGoal(Pressed(thing.role), None)


_ONE: dict[str, Callable[[SkillStep, Taken, Taken | None], StepGoal]] = {
    "reach": _reach, "lift": _lift, "put": _put, "sort": _put, "stack": _stack, "beside": _beside,
    "push": _push, "slide": _slide, "upright": _upright, "open": _open, "close": _close,
    "press": _press,
}  # fmt: skip
