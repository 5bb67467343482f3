"""What a sentence asks for: steps, what to avoid, and whether to act, refuse or ask back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.world.object_kind import SIZES

ANSWERS = ("act", "refuse", "ask")
"""Refuse: impossible, unsafe, or nothing to do. Ask: ambiguous without more information."""
ONE_THING_SKILLS = ("reach", "lift", "upright", "open", "close", "press")
"""Skills with an object and no target."""
TWO_THING_SKILLS = ("put", "push", "slide", "stack", "beside", "sort")
"""Skills that bring an object to a target."""
SIDES = ("left", "right", "front", "behind", "near")
PICKS = (
    "leftmost", "rightmost", "nearest", "farthest", "biggest", "smallest", "other",
    "same_colour_as", "near", "left_of", "right_of", "in_front_of", "behind", "in", "on",
)  # fmt: skip
"""How one thing is told from others of its kind, by itself or relative to another one."""
MAX_DEPTH = 6
"""Longest chain of things that refer to one another."""


@dataclass(frozen=True)
class Thing:
    """One noun phrase by its meaning."""

    kind: str
    """Kind of object; "any"; or another noun, for an object that the table never has."""
    colour: str | None = None
    """A basic colour word, or a rarer one as it was said."""
    size: str | None = None
    """One of `vla_gym.world.object_kind.SIZES`."""
    count: int | str = 1
    """How many, or "all" of them."""
    pick: str | None = None
    """One of `PICKS`."""
    ref: Thing | None = None
    """The thing that `pick` is relative to."""
    not_colour: str | None = None
    """The colour that it must not have."""

    def __post_init__(self) -> None:
        if not self.kind:
            raise InvalidConfigError("Thing.kind is empty; pass a noun, or 'any'.")
        if self.size is not None and self.size not in SIZES:
            raise UnknownNameError("size", self.size, SIZES)
        if self.pick is not None and self.pick not in PICKS:
            raise UnknownNameError("pick", self.pick, PICKS)
        if self.count != "all" and (isinstance(self.count, str) or self.count < 1):
            raise InvalidConfigError(f"A count must be 1 or more, or 'all', not {self.count!r}.")
        if sum(1 for _ in self.chain()) > MAX_DEPTH:
            raise InvalidConfigError(f"A thing refers to more than {MAX_DEPTH - 1} others.")

    def chain(self) -> Iterator[Thing]:
        """This thing, the one that it refers to, and so on."""
        yield self
        if self.ref is not None:
            yield from self.ref.chain()


@dataclass(frozen=True)
class SkillStep:
    """One thing to do."""

    skill: str
    """One of `ONE_THING_SKILLS` or `TWO_THING_SKILLS`."""
    object: Thing
    target: Thing | None = None
    """Where the object goes; None for `ONE_THING_SKILLS`."""
    side: str | None = None
    """One of `SIDES`: on which side of the target."""

    def __post_init__(self) -> None:
        if self.skill not in ONE_THING_SKILLS + TWO_THING_SKILLS:
            raise UnknownNameError("skill", self.skill, ONE_THING_SKILLS + TWO_THING_SKILLS)
        if (self.target is not None) != (self.skill in TWO_THING_SKILLS):
            wants = "needs a" if self.target is None else "takes no"
            raise InvalidConfigError(f"Skill {self.skill!r} {wants} target.")
        if self.side is not None and self.side not in SIDES:
            raise UnknownNameError("side", self.side, SIDES)


@dataclass(frozen=True)
class Understanding:
    """A sentence by its meaning."""

    answer: str
    """One of `ANSWERS`."""
    steps: tuple[SkillStep, ...] = ()
    """In order; empty unless the answer is "act"."""
    avoid: tuple[Thing, ...] = ()
    """What must not be touched."""
    lang: str = "en"
    """ISO 639-1 code of the sentence's language."""
    confidence: float = field(default=1.0, compare=False)
    """Probability that all of this is what was meant."""
    reason: str = field(default="", compare=False)
    """Why it is not acted on; empty if the answer is "act"."""
    corrections: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """Words that were taken for others: as said, as understood."""
    found: tuple[tuple[Thing, tuple[int, ...]], ...] = field(default=(), compare=False)
    """Each thing with the slots of its objects, if a scene was given."""

    def __post_init__(self) -> None:
        if self.answer not in ANSWERS:
            raise UnknownNameError("answer", self.answer, ANSWERS)
        if (self.answer == "act") != bool(self.steps):
            raise InvalidConfigError("The answer 'act' needs steps, and no other answer has any.")

    def things(self) -> Iterator[Thing]:
        """Every thing that it is about, each followed by those that it refers to."""
        for step in self.steps:
            yield from step.object.chain()
            yield from step.target.chain() if step.target else ()
        for thing in self.avoid:
            yield from thing.chain()

    def to_json(self) -> dict[str, Any]:
        """As plain dictionaries, lists and strings."""
        return {**asdict(self), "steps": [asdict(step) for step in self.steps],
                "avoid": [asdict(thing) for thing in self.avoid]}  # fmt: skip

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Understanding:
        """What `to_json` has written, without `found`; fields left out have their defaults.

        Raises:
            InvalidConfigError: If it is not of that form.
            UnknownNameError: If a skill, size, pick or side is unknown.
        """
        plain = ("answer", "lang", "confidence", "reason")
        try:
            return cls(
                steps=tuple(map(_step_of, row.get("steps") or ())),
                avoid=tuple(map(_thing_of, row.get("avoid") or ())),
                corrections=tuple(map(tuple, row.get("corrections") or ())),
                **{name: row[name] for name in plain if name in row},
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise InvalidConfigError(f"This is no meaning of a sentence: {error}.") from error


def _step_of(row: Mapping[str, Any]) -> SkillStep:
    target = row.get("target")
    return SkillStep(
        row["skill"], _thing_of(row["object"]), _thing_of(target) if target else None,
        row.get("side"),
    )  # fmt: skip


def _thing_of(row: Mapping[str, Any]) -> Thing:
    ref = row.get("ref")
    return Thing(**{**row, "count": row.get("count") or 1, "ref": _thing_of(ref) if ref else None})
