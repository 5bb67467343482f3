"""`Step`, one step of a plan, and `StepKind`, what its name means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.world.logic import Predicate
from vla_gym.world.predicates import Static, Touched

RoleNames = Mapping[str, tuple[str, ...]]
"""Role -> names of the objects that play it."""
Hand = Literal["free", "holding"]
"""State of the hand: empty, or around the step's object."""
LET_GO = ~Touched("object") & Static("object")
"""The step's object lies still, out of the hand."""


@dataclass(frozen=True)
class Step:
    """One step of a plan, with its arguments by name."""

    skill: str
    """Name of its `StepKind`."""
    object: str
    target: str | None = None
    relation: str | None = None
    """One of `vla_gym.language.relations.RELATIONS`, for steps that put an object to another."""

    def __str__(self) -> str:
        words = [self.skill.replace("_", " "), f"the {self.object}"]
        if self.target is not None:
            kind = _KINDS.get(self.skill)
            words += [self.relation or (kind.link if kind else "to"), f"the {self.target}"]
        return " ".join(words)


def _always_suits(step: Step, object_kind: str, target_kind: str | None) -> str:
    return ""


def _only_variant(relation: str | None, target_kind: str, shared: bool) -> str:
    return ""


@dataclass(frozen=True)
class StepKind:
    """What a plan can ask for in one step, and what has to be true before and after it."""

    name: str
    description: str
    """What it does, for language models and people; one clause."""
    goals: Mapping[str, Predicate]
    """Variant -> what it brings about, about the roles "object" and "target", and "only", a group
    of nothing but the object. Most kinds have one variant, ""."""
    seconds: float
    """Time limit [s]."""
    hand: Hand
    """What the hand has to be before it."""
    hand_after: Hand | None = None
    """What the hand is after it; None for as before."""
    arguments: Literal["object", "target", "relation"] = "object"
    """An object alone, with a target, or with a relation and a target."""
    takes: bool = False
    """Whether the gripper has to be able to take and carry the object."""
    changes_table: bool = False
    """Whether it changes what lies where, rather than only the hand."""
    hand_reaches_target: bool = True
    """Whether the hand goes to the target, which then has to be within reach."""
    link: str = "to"
    """Word between object and target in a text."""
    verb: str = ""
    """Verb whose task's sentences ask for it; by default the verb of its goal."""
    whole: str = ""
    """Kind that stands for the manipulation which this step ends, release included."""
    planned: bool = True
    """Whether plans are made of it; others only stand for whole manipulations."""
    misuse: Callable[[Step, str, str | None], str] = _always_suits
    """From a step and the kinds of its object and target to why it cannot be done; "" if it can."""
    variant: Callable[[str | None, str, bool], str] = _only_variant
    """From relation, kind of the target, and whether more objects come to the same target, to a key
    of `goals`."""

    def __post_init__(self) -> None:
        if not self.goals or self.seconds <= 0:
            raise InvalidConfigError(
                f"The plan step {self.name!r} needs at least one goal and a time limit above 0 s, "
                f"got {len(self.goals)} and {self.seconds}."
            )


_KINDS: dict[str, StepKind] = {}


def add_step_kinds(kinds: Iterable[StepKind]) -> None:
    """Make plan steps known; `vla_gym.skills.register` calls it.

    Raises:
        InvalidConfigError: If a name is taken.
    """
    for kind in kinds:
        if kind.name in _KINDS:
            raise InvalidConfigError(
                f"There is a plan step {kind.name!r} already; rename this one."
            )
        _KINDS[kind.name] = kind


def remove_step_kinds(kinds: Iterable[StepKind]) -> None:
    """Forget plan steps."""
    for kind in kinds:
        _KINDS.pop(kind.name, None)


def step_kinds() -> tuple[StepKind, ...]:
    """The kinds that plans are made of, in the order in which they were registered."""
    return tuple(kind for kind in _KINDS.values() if kind.planned)


def step_kind(name: str) -> StepKind:
    """The kind of that name.

    Raises:
        UnknownNameError: If there is none.
    """
    if name not in _KINDS:
        raise UnknownNameError("plan step", name, tuple(_KINDS))
    return _KINDS[name]
