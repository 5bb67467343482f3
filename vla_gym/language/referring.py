"""Phrases that name exactly one object of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from numpy.random import Generator

from vla_gym.errors import InstructionError
from vla_gym.language.vocabulary import KIND_NOUNS, SIZE_WORDS, colour_name


class Described(Protocol):
    """What has to be known of an object to name it."""

    @property
    def kind(self) -> str:
        """Kind of object."""
        ...

    @property
    def size(self) -> str:
        """Named size."""
        ...

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Colour, sRGB in 0 to 1."""
        ...


def refer(
    specs: Sequence[Described | None],
    index: int,
    rng: Generator | None = None,
    colours: Sequence[str | None] | None = None,
    synonyms: bool = False,
) -> str:
    """Name one object by colour and kind, and by size where those two do not suffice.

    Args:
        specs: The scene's objects; None marks an empty slot.
        index: Which one to name.
        rng: Chooses among nouns when `synonyms` is set.
        colours: Colour word of each object; nearest basic words by default.
        synonyms: Use any noun of the kind rather than the canonical one.

    Returns:
        For example "the red cube".

    Raises:
        InstructionError: No such phrase is unique in the scene.
    """
    if not 0 <= index < len(specs) or specs[index] is None:
        raise InstructionError(f"There is no object in slot {index} to name.")
    words = [
        None if s is None else (colours[i] if colours and colours[i] else colour_name(s.rgb))
        for i, s in enumerate(specs)
    ]
    spec = specs[index]
    assert spec is not None
    rivals = [
        s for i, s in enumerate(specs)
        if s is not None and i != index and s.kind == spec.kind and words[i] == words[index]
    ]  # fmt: skip
    nouns = KIND_NOUNS[spec.kind]
    noun = nouns[int(rng.integers(len(nouns)))] if synonyms and rng is not None else nouns[0]
    if not rivals:
        return f"the {words[index]} {noun}"
    if all(s.size != spec.size for s in rivals):
        return f"the {SIZE_WORDS[spec.size][0]} {words[index]} {noun}"
    raise InstructionError(
        f"Slot {index} is one of several {spec.size} {words[index]} {spec.kind} objects: no phrase "
        "of size, colour and kind names it alone. Give one of them another colour, kind or size."
    )
