"""Phrases that name exactly one object of a scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from numpy.random import Generator

from vla_gym.errors import InstructionError
from vla_gym.language.noun_phrases import SUPERLATIVES, NounPhrase, SceneObjects, resolve
from vla_gym.language.vocabulary import ANYTHING, KIND_NOUNS, SIZE_WORDS

_T = TypeVar("_T")


def refer(
    scene: SceneObjects,
    index: int,
    rng: Generator | None = None,
    synonyms: bool = False,
    reasoning: bool = False,
    among: Sequence[int] | None = None,
) -> NounPhrase:
    """Find a phrase that names one object: by colour and kind, and by size where that is needed.

    Args:
        scene: The scene.
        index: Slot of the object.
        rng: Chooses among phrases; None takes the plainest.
        synonyms: Use another noun of the kind than the usual one.
        reasoning: Use a superlative, an exclusion or a likeness instead of the object's colour, if
            one is unique.
        among: Slots to tell it apart from; None for all.

    Raises:
        InstructionError: No such phrase is unique in the scene.
    """
    if not 0 <= index < len(scene.kinds) or scene.kinds[index] is None:
        raise InstructionError(f"There is no object in slot {index} to name.")
    for phrase in _candidates(scene, index, rng, synonyms, reasoning):
        if resolve(phrase, scene, among) == [index]:
            return phrase
    kind, colour, size = scene.kinds[index], scene.colours[index], scene.sizes[index]
    raise InstructionError(
        f"Slot {index} is one of several {size} {colour} {kind} objects: no phrase of size, colour "
        "and kind names it alone. Give one of them another colour, kind or size."
    )


def _candidates(
    scene: SceneObjects, index: int, rng: Generator | None, synonyms: bool, reasoning: bool
) -> Iterator[NounPhrase]:
    kind, colour = scene.kinds[index], scene.colours[index]
    assert kind is not None
    nouns = KIND_NOUNS[kind]
    noun = nouns[0]
    if synonyms and len(nouns) > 1:
        noun = nouns[1 if rng is None else 1 + int(rng.integers(len(nouns) - 1))]
    if reasoning:
        yield from _reasoned(scene, noun, colour, rng)
    yield NounPhrase(noun, colour)
    sizes = SIZE_WORDS[scene.sizes[index]]
    size = sizes[0 if rng is None or not synonyms else int(rng.integers(len(sizes)))]
    yield NounPhrase(noun, colour, size)


def _reasoned(
    scene: SceneObjects, noun: str, colour: str, rng: Generator | None
) -> Iterator[NounPhrase]:
    others = sorted({c for c, k in zip(scene.colours, scene.kinds, strict=True) if k} - {colour})
    alike = [k for k, c in zip(scene.kinds, scene.colours, strict=True) if k and c == colour]
    groups = [
        [NounPhrase(noun, superlative=word) for word in SUPERLATIVES],
        [NounPhrase(ANYTHING[0], colour, superlative=word) for word in SUPERLATIVES],
        [NounPhrase(noun, other_than=word) for word in others],
        [NounPhrase(noun, like=KIND_NOUNS[k][0]) for k in alike],
    ]
    for options in _shuffled(groups, rng):
        yield from _shuffled(options, rng)


def _shuffled(items: Sequence[_T], rng: Generator | None) -> list[_T]:
    order = range(len(items)) if rng is None else rng.permutation(len(items))
    return [items[i] for i in order]
