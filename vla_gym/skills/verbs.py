"""Which skill a goal asks for: what the verb of a sentence says, apart from what it is done to."""

from __future__ import annotations

from collections.abc import Iterator

from vla_gym.world.logic import Each, Predicate, Then
from vla_gym.world.predicates import (
    Beside,
    Closed,
    Inside,
    Lifted,
    Near,
    On,
    Opened,
    Over,
    Pressed,
    SlidOver,
    Standing,
)

SKILLS: dict[str, str] = {
    "reach": "reach for the thing",
    "lift": "pick up the thing",
    "put": "put the thing in the other thing",
    "stack": "stack the thing on the other thing",
    "put left": "put the thing to the left of the other thing",
    "put right": "put the thing to the right of the other thing",
    "put front": "put the thing in front of the other thing",
    "put behind": "put the thing behind the other thing",
    "push": "push the thing onto the other thing",
    "strike": "slide the thing over to the other thing",
    "press": "press the thing",
    "stand up": "stand the thing up",
    "open": "open the thing",
    "close": "close the thing",
    "several": "put the things in the other thing, one after the other",
}
"""Name -> a plain sentence that asks for it."""
_BY_PREDICATE: dict[type, str] = {
    Near: "reach", Lifted: "lift", Inside: "put", On: "stack", Over: "push", SlidOver: "strike",
    Pressed: "press", Standing: "stand up", Opened: "open", Closed: "close", Each: "several",
    Then: "several",
}  # fmt: skip


def skill_of(goal: Predicate) -> str | None:
    """The skill that brings a goal about, out of `SKILLS`; None if no part of it needs one.

    Args:
        goal: A task's.
    """
    for fact in _facts(goal):
        if isinstance(fact, Beside):
            return f"put {fact.side}"
        if type(fact) in _BY_PREDICATE:
            return _BY_PREDICATE[type(fact)]
    return None


def _facts(goal: Predicate) -> Iterator[Predicate]:
    yield goal
    if type(goal) not in _BY_PREDICATE:
        for part in goal.parts():
            yield from _facts(part)
