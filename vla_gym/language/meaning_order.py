"""Which tokens may follow in a meaning, so that a reader can only write what can be read."""

from __future__ import annotations

from collections.abc import Sequence

from vla_gym.language.meaning_tokens import COPIED, MeaningToken
from vla_gym.language.understanding import TWO_THING_SKILLS

COPY = "copy"
"""Stands for every copy of a word."""
END = "end"
"""Last token of a meaning."""
_FIELDS = ("kind", "colour", "size", "count", "pick", "not_colour", "ref")
"""Of a thing, in the order in which they are written."""
RELATIVE = frozenset(
    ("same_colour_as", "near", "left_of", "right_of", "in_front_of", "behind", "in", "on")
)
"""Picks that mean nothing without another thing."""
_COPYING = frozenset(f"{field}:{form}" for field in ("kind", "colour") for form in COPIED.values())


class MeaningOrder:
    """The tokens that may come next; advanced token by token.

    Allowed are fields such as "kind" (any ``kind:...``), marks such as "target", `COPY` and `END`.
    """

    def __init__(self) -> None:
        self.allowed: frozenset[str] = frozenset(("lang",))
        self.next_copy: int | None = None
        """The only word that may be copied next; None if any."""
        self._field = -1  # index into `_FIELDS` of the last one
        self._pick_open = False  # whether a pick still waits for its other thing
        self._part = ""  # "object", "target" or "avoid"
        self._skill = ""

    def copy(self) -> MeaningOrder:
        """An independent one at the same place."""
        twin = MeaningOrder.__new__(MeaningOrder)
        twin.__dict__.update(self.__dict__)
        return twin

    def advance(self, token: MeaningToken) -> None:
        """Go past a token that is allowed."""
        if isinstance(token, int):
            self.next_copy = token + 1
            self.allowed = self._in_thing() | {COPY}
            return
        self.next_copy = None
        field, _, value = token.partition(":")
        if field == "lang":
            self.allowed = frozenset(("answer",))
        elif field == "answer":
            self.allowed = frozenset(("skill",) if value == "act" else (END,))
        elif field == "skill":
            self._start_thing("object", value)
        elif field in ("target", "avoid"):
            self._start_thing(field, self._skill)
        elif field == "ref":
            self._field, self._pick_open = -1, False
            self.allowed = frozenset(("kind",))
        elif field == "side":
            self.allowed = frozenset(("skill", "avoid", END))
        else:
            self._field = _FIELDS.index(field)
            if field == "pick":
                self._pick_open = value in RELATIVE
            self.allowed = frozenset((COPY,)) if token in _COPYING else self._in_thing()

    def _start_thing(self, part: str, skill: str) -> None:
        self._part, self._skill, self._field, self._pick_open = part, skill, -1, False
        self.allowed = frozenset(("kind",))

    def _in_thing(self) -> frozenset[str]:
        """What may follow inside a thing, or after it if it may end here."""
        more = set(_FIELDS[self._field + 1 :])
        if self._pick_open:
            return frozenset(more & {"not_colour", "ref"})
        if self._part == "avoid":
            return frozenset(more | {"avoid", END})
        if self._part == "object" and self._skill in TWO_THING_SKILLS:
            return frozenset(more | {"target"})
        return frozenset(more | {"side", "skill", "avoid", END})


def is_ordered(tokens: Sequence[MeaningToken]) -> bool:
    """Whether tokens are a whole meaning in the right order."""
    order = MeaningOrder()
    for token in (*tokens, END):
        name = COPY if isinstance(token, int) else token.partition(":")[0]
        if name not in order.allowed or (
            isinstance(token, int) and order.next_copy not in (None, token)
        ):
            return False
        if name != END:
            order.advance(token)
    return True
