"""Phrases that name exactly one object of a pretraining table, or none, and what they claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.language.noun_phrases import kinds_of
from vla_gym.language.vocabulary import HAND_NAMES, KIND_NOUNS, SIZE_WORDS
from vla_gym.pretraining.table_objects import (
    COLOUR_WORDS,
    OTHER_COLOUR,
    SAME_COLOUR,
    TableObject,
    colour_gap,
    draw_colour_word,
    lab_of,
)
from vla_gym.world.objects import KINDS

HAND = frozenset({"hand"})
"""The "kind" that phrases for the robot's hand name."""
GENERAL_NOUNS = ("object", "thing", "one", "item")
"""Nouns for every kind, in pretraining."""
_KIND_NAMES = tuple(KINDS)


@dataclass(frozen=True)
class LabelledPhrase:
    """A phrase, and what it claims about the object that it names."""

    text: str
    word: str | None
    """Colour word."""
    kinds: frozenset[str]
    size: str | None

    def fits(self, thing: TableObject) -> float:
        """1 if the phrase names the object, 0 if not, 0.5 if people might not agree."""
        if thing.kind not in self.kinds or (self.size is not None and thing.size != self.size):
            return 0.0
        if self.word is None or self.word == thing.word:
            return 1.0
        gap = colour_gap(thing.rgb, COLOUR_WORDS[self.word])
        return 1.0 if gap < SAME_COLOUR else 0.5 if gap < OTHER_COLOUR else 0.0


def describe(
    rng: Generator, thing: TableObject, objects: Sequence[TableObject]
) -> LabelledPhrase | None:
    """Draw a phrase that names `thing` and nothing else among `objects`; None after four tries."""
    for _ in range(4):
        phrase = _draw_phrase(rng, thing.word, thing.kind, thing.size)
        if all(phrase.fits(o) == (o is thing) for o in objects):
            return phrase
    return None


def describe_absent(rng: Generator, objects: Sequence[TableObject]) -> LabelledPhrase | None:
    """Draw a phrase that names none of `objects`, often closely; None after six tries."""
    for _ in range(6):
        like = objects[int(rng.integers(len(objects)))]
        word, kind = draw_colour_word(rng), _KIND_NAMES[int(rng.integers(len(_KIND_NAMES)))]
        style = rng.random()
        if style < 0.45:
            kind = like.kind
        elif style < 0.85:
            word = like.word
        phrase = _draw_phrase(rng, word, kind, like.size)
        if all(phrase.fits(o) == 0.0 for o in objects):
            return phrase
    return None


def describe_anything(rng: Generator) -> LabelledPhrase:
    """Draw a phrase about any object at all."""
    word = draw_colour_word(rng)
    return _draw_phrase(rng, word, _KIND_NAMES[int(rng.integers(len(_KIND_NAMES)))], "medium")


def describe_hand(rng: Generator) -> LabelledPhrase:
    """Draw a phrase for the robot's hand."""
    text = HAND_NAMES[0] if rng.random() < 0.6 else str(rng.choice(HAND_NAMES))
    return LabelledPhrase(text, None, HAND, None)


def fit_table(
    phrases: Sequence[LabelledPhrase], scenes: Sequence[Sequence[TableObject]], slots: int
) -> NDArray:
    """`LabelledPhrase.fits` of every phrase for every object of every scene.

    Args:
        phrases: The phrases.
        scenes: Objects, slot by slot.
        slots: Slots of a scene; empty ones fit nothing, the last one is the hand.

    Returns:
        0, 0.5 or 1. Shape (len(scenes), slots, len(phrases)).
    """
    kinds = list(KINDS)
    flat = [(i, j, o) for i, row in enumerate(scenes) for j, o in enumerate(row)]
    colour = np.array([lab_of(o.rgb) for _, _, o in flat])
    named = np.array([lab_of(COLOUR_WORDS[p.word]) if p.word else np.zeros(3) for p in phrases])
    gap = np.linalg.norm(colour[:, None] - named, axis=-1)
    fit = np.where(gap < SAME_COLOUR, 1.0, np.where(gap < OTHER_COLOUR, 0.5, 0.0))
    words = np.array([[o.word] for _, _, o in flat])
    asked = np.array([p.word or "" for p in phrases])
    fit[(words == asked) | (asked == "")] = 1.0
    wanted = np.array([[k in p.kinds for p in phrases] for k in kinds])
    fit *= wanted[[kinds.index(o.kind) for _, _, o in flat]]
    sizes = np.array([[o.size] for _, _, o in flat])
    asked = np.array([p.size or "" for p in phrases])
    fit *= (sizes == asked) | (asked == "")
    table = np.zeros((len(scenes), slots, len(phrases)))
    table[[i for i, _, _ in flat], [j for _, j, _ in flat]] = fit
    table[:, -1] = [p.kinds == HAND for p in phrases]
    return table


def _draw_phrase(rng: Generator, word: str, kind: str, size: str) -> LabelledPhrase:
    nouns = KIND_NOUNS[kind]
    noun = nouns[0] if rng.random() < 0.6 else nouns[int(rng.integers(len(nouns)))]
    kinds = frozenset(kinds_of(noun))
    article = str(rng.choice(["the", "a", "that", ""], p=[0.8, 0.08, 0.04, 0.08]))
    style = rng.random()
    size_words = SIZE_WORDS.get(size, ()) if size != "medium" else ()
    words, claimed_size, claimed_word = [word, noun], None, word
    if style < 0.1 and size_words:
        words, claimed_size = [str(rng.choice(size_words)), word, noun], size
    elif style < 0.18:
        words, claimed_word = [noun], None
    elif style < 0.24:
        words, kinds = [word, str(rng.choice(GENERAL_NOUNS))], frozenset(KINDS)
    return LabelledPhrase(" ".join([article, *words]).strip(), claimed_word, kinds, claimed_size)
