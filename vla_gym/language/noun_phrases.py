"""Noun phrases: "the small red cube", "the leftmost bowl", "the mug that is not red"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.language.vocabulary import (
    ANYTHING,
    COLOURS,
    KIND_NOUNS,
    SIZE_WORDS,
    all_colours,
    colour_name,
    finer_colours,
)

SUPERLATIVES: dict[str, tuple[str, int]] = {
    "leftmost": ("y", -1),
    "rightmost": ("y", 1),
    "frontmost": ("x", 1),
    "hindmost": ("x", -1),
    "biggest": ("size", 1),
    "smallest": ("size", -1),
}
"""Word -> what is compared, and whether the largest (1) or the smallest (-1) value is meant. Left
and front are as seen by the fixed camera."""
_SIZE_ORDER = {size: i for i, size in enumerate(SIZE_WORDS)}
_EVERY = ("everything", "all")
_LIKE = ("of", "the", "same", "colour", "as", "the")


@dataclass(frozen=True)
class NounPhrase:
    """The content of a noun phrase; its text is ``str(phrase)``."""

    noun: str = ANYTHING[0]
    """Singular."""
    colour: str | None = None
    """Colour word."""
    size: str | None = None
    """Size word."""
    superlative: str | None = None
    """One of `SUPERLATIVES`."""
    other_than: str | None = None
    """Colour word that it must not have."""
    like: str | None = None
    """Noun of the one object whose colour it has."""
    every: bool = False
    """Whether all objects that fit are meant, not one."""

    def __str__(self) -> str:
        if self.every:
            return f"everything {self.colour}" if self.colour else f"all the {self.noun}s"
        words = ["the", self.superlative, self.size, self.colour, self.noun]
        if self.other_than:
            words += ["that is not", self.other_than]
        if self.like:
            words += [*_LIKE, self.like]
        return " ".join(w for w in words if w)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds that the noun can stand for."""
        return kinds_of(self.noun)

    @property
    def compares(self) -> bool:
        """Whether it holds a superlative, an exclusion or a likeness."""
        return bool(self.superlative or self.other_than or self.like)

    def plain(self) -> NounPhrase:
        """The phrase without superlative, exclusion and likeness."""
        return replace(self, superlative=None, other_than=None, like=None)


@dataclass(frozen=True)
class SceneObjects:
    """The objects of a scene, slot by slot, as far as phrases depend on them."""

    kinds: Sequence[str | None]
    """None marks an empty slot."""
    sizes: Sequence[str]
    colours: Sequence[str]
    """Colour word that each object's colour was drawn from."""
    rgb: Sequence[tuple[float, float, float]]
    xy: NDArray
    """Shape (slots, 2), [m]."""
    z: NDArray | None = None
    """Heights of their centres, for what is in or on something. Shape (slots,), [m]."""


def kinds_of(noun: str) -> tuple[str, ...]:
    """Kinds that a noun can stand for."""
    if noun in ANYTHING:
        return tuple(KIND_NOUNS)
    return tuple(kind for kind, nouns in KIND_NOUNS.items() if noun in nouns)


def size_of(word: str) -> str:
    """The named size that a size word means."""
    return next(size for size, words in SIZE_WORDS.items() if word in words)


def resolve(
    phrase: NounPhrase, scene: SceneObjects, among: Sequence[int] | None = None
) -> list[int]:
    """Find the slots that a phrase can mean.

    Args:
        phrase: The phrase.
        scene: The scene.
        among: Slots to consider; None for all.

    Returns:
        Slots in order; one if the phrase names one object.
    """
    kinds = phrase.kinds
    slots = [i for i, k in enumerate(scene.kinds) if k in kinds and (among is None or i in among)]
    if phrase.colour:
        slots = [i for i in slots if is_called(phrase.colour, scene, i)]
    if phrase.other_than:
        slots = [i for i in slots if not is_called(phrase.other_than, scene, i)]
    if phrase.like:
        model = [i for i, k in enumerate(scene.kinds) if k in kinds_of(phrase.like)]
        if len(model) != 1:
            return []
        slots = [i for i in slots if i != model[0] and scene.colours[i] == scene.colours[model[0]]]
    if phrase.size:
        slots = [i for i in slots if scene.sizes[i] == size_of(phrase.size)]
    if phrase.superlative and slots:
        what, sign = SUPERLATIVES[phrase.superlative]
        if what == "size":
            score = np.array([sign * _SIZE_ORDER[scene.sizes[i]] for i in slots], float)
            need = 1.0
        else:
            score = sign * scene.xy[slots, "xy".index(what)]
            need = 0.03
        order = np.argsort(-score)
        if len(slots) > 1 and score[order[0]] - score[order[1]] < need:
            return [i for i, s in zip(slots, score, strict=True) if score[order[0]] - s < need]
        slots = [slots[order[0]]]
    return slots


def is_called(word: str, scene: SceneObjects, i: int) -> bool:
    """Whether a colour word names the colour of slot i: its own, or the basic one of a rarer."""
    own = scene.colours[i]
    return word == own or (
        word in COLOURS and own not in COLOURS and colour_name(scene.rgb[i]) == word
    )


def _colour(words: Sequence[str], at: int, nouns: Sequence[str]) -> str:
    """The colour word or words before the next noun; "" if there is none, as in "the stone"."""
    end = next((i for i in range(at + 1, min(at + 5, len(words))) if words[i] in nouns), at)
    name = " ".join(words[at:end])
    if name in all_colours() or (name and name in finer_colours()):
        return name
    return words[at] if at < len(words) and words[at] in all_colours() else ""


Reading = tuple[int, NounPhrase | None, list[str]]
"""What `read_phrase` returns."""


def read_phrase(words: Sequence[str], at: int) -> Reading:
    """Read a noun phrase.

    Args:
        words: Words of the instruction, lower case.
        at: Index of the phrase's first word.

    Returns:
        Index of the first word that was not read; the phrase, or None if it was not understood;
        and in that case the words that could have followed.
    """
    word = words[at] if at < len(words) else None
    if word in _EVERY:
        return _read_group(words, at)
    if word not in ("the", "a", "an", "that"):
        return at, None, ["the", *_EVERY]
    at += 1
    nouns, sizes, colours = _nouns(), _size_words(), list(all_colours())
    found: dict[str, Any] = {}
    groups = {"superlative": list(SUPERLATIVES), "size": sizes, "colour": colours}
    allowed = [*SUPERLATIVES, *sizes, *colours, *nouns]
    for name, group in groups.items():
        rare = _colour(words, at, nouns) if name == "colour" else ""
        word = rare or (words[at] if at < len(words) else "")
        if rare or word in group:
            found[name] = word
            at += len(word.split())
            allowed = allowed[allowed.index(group[-1]) + 1 :]
    if at >= len(words) or words[at] not in nouns:
        return at, None, allowed
    return _read_ending(words, at + 1, {"noun": words[at], **found})


def _nouns() -> list[str]:
    return [*(w for group in KIND_NOUNS.values() for w in group), *ANYTHING]


def _size_words() -> list[str]:
    return [w for group in SIZE_WORDS.values() for w in group]


def _read_group(words: Sequence[str], at: int) -> Reading:
    """Read "everything red" or "all the cubes"."""
    after = words[at + 1] if at + 1 < len(words) else ""
    if words[at] == "everything":
        if after in all_colours():
            return at + 2, NounPhrase(colour=after, every=True), []
        return at + 1, None, list(all_colours())
    if after != "the":
        return at + 1, None, ["the"]
    plural, nouns = words[at + 2] if at + 2 < len(words) else "", _nouns()
    if plural.endswith("s") and plural[:-1] in nouns:
        return at + 3, NounPhrase(noun=plural[:-1], every=True), []
    return at + 2, None, [f"{noun}s" for noun in nouns]


def _read_ending(words: Sequence[str], at: int, found: dict[str, Any]) -> Reading:
    """Read what may follow the noun: an exclusion, a comparison of colours, or nothing."""
    if list(words[at : at + 3]) == ["that", "is", "not"]:
        if at + 3 >= len(words) or words[at + 3] not in all_colours():
            return at + 3, None, list(all_colours())
        return at + 4, NounPhrase(other_than=words[at + 3], **found), []
    if tuple(words[at : at + 3]) != _LIKE[:3]:  # nothing else starts so
        return at, NounPhrase(**found), []
    for word in _LIKE:
        if at >= len(words) or words[at] != word:
            return at, None, [word]
        at += 1
    if at >= len(words) or words[at] not in _nouns():
        return at, None, _nouns()
    return at + 1, NounPhrase(like=words[at], **found), []
