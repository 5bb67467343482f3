"""Things on a pretraining table and the phrases that name exactly one of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.language.vocabulary import (
    COLOUR_SYNONYMS,
    COLOURS,
    HAND_NAMES,
    KIND_NOUNS,
    SIZE_WORDS,
    finer_colours,
    jitter,
    lab,
)
from vla_gym.world.objects import KINDS, RGB, SIZES, ObjectSpec

UNHEARD: dict[str, RGB] = {w: finer_colours()[w] for w in sorted(finer_colours())[::12]}
"""Colour names that are kept out even of pretraining, to see what unknown words do."""
FINER: dict[str, RGB] = {w: rgb for w, rgb in finer_colours().items() if w not in UNHEARD}
"""Rare colour names of pretraining."""
WORDS: dict[str, RGB] = {**COLOURS, **COLOUR_SYNONYMS, **FINER}
"""Every colour name of pretraining."""
SAME_COLOUR, OTHER_COLOUR = 16.0, 26.0
"""Distances in Lab below which a colour word fits, and above which it does not."""
_POOLS, _SHARES = tuple(map(tuple, (COLOURS, COLOUR_SYNONYMS, FINER))), (0.5, 0.25, 0.25)
_NAMES = tuple(KINDS)
_FURNITURE = ("cabinet", "drawer")
"""Kinds that stand together or not at all."""


@dataclass(frozen=True)
class Thing:
    """One object and the colour word that it was made from."""

    word: str
    kind: str
    size: str
    rgb: RGB

    @property
    def scale(self) -> float:
        """Linear scale."""
        return ObjectSpec(self.kind, self.size).scale

    @property
    def half_height(self) -> float:
        """Height of the origin at rest [m]."""
        return ObjectSpec(self.kind, self.size).half_height


HAND = frozenset({"hand"})
"""What a phrase names that speaks of the robot's hand."""


@dataclass(frozen=True)
class Phrase:
    """Words for a thing, and what they claim about it."""

    text: str
    word: str | None
    kinds: frozenset[str]
    size: str | None

    def fits(self, thing: Thing) -> float:
        """1 if the phrase names the thing, 0 if not, 0.5 if people might not agree."""
        if thing.kind not in self.kinds or (self.size is not None and thing.size != self.size):
            return 0.0
        if self.word is None or self.word == thing.word:
            return 1.0
        gap = colour_gap(thing.rgb, WORDS[self.word])
        return 1.0 if gap < SAME_COLOUR else 0.5 if gap < OTHER_COLOUR else 0.0


@lru_cache(maxsize=4096)
def _lab(rgb: RGB) -> NDArray:
    return lab(rgb)


def colour_gap(a: RGB, b: RGB) -> float:
    """Distance of two colours in Lab."""
    return float(np.sqrt(np.square(_lab(a) - _lab(b)).sum()))


def draw_things(rng: Generator, furnished: bool = False) -> list[Thing]:
    """Three to six things, often alike in kind or colour, no two of which share all their words.

    Args:
        rng: Source of randomness.
        furnished: Whether the first three are a cabinet and two drawers.
    """
    things: list[Thing] = []
    if furnished:
        for kind in ("cabinet", "drawer", "drawer"):
            new = _draw(rng, [])
            while any(colour_gap(new.rgb, t.rgb) < OTHER_COLOUR for t in things):
                new = _draw(rng, [])
            things.append(replace(new, kind=kind, size="medium"))
    count = int(rng.integers(4 if furnished else 3, 7))
    for _ in range(40):
        if len(things) == count:
            break
        new = _draw(rng, things)
        clash = any(
            t.kind == new.kind
            and (t.size == new.size or "medium" in (t.size, new.size))
            and colour_gap(t.rgb, new.rgb) < OTHER_COLOUR
            for t in things
        )
        if not clash:
            things.append(new)
    return things


def _draw(rng: Generator, things: list[Thing]) -> Thing:
    rare = ("line",) if rng.random() < 0.7 else ()
    names = [k for k in KINDS if k not in (*_FURNITURE, *rare)]
    kind = names[int(rng.integers(len(names)))]
    word = _word(rng)
    if things:
        twin = things[int(rng.integers(len(things)))]
        style = rng.random()
        same = kind if twin.kind in _FURNITURE else twin.kind
        if style < 0.3:
            kind = same
        elif style < 0.55:
            word = twin.word
        elif style < 0.6:
            kind, word = same, twin.word
    size = KINDS[kind].sizes[int(rng.integers(len(KINDS[kind].sizes)))]
    return Thing(word, kind, size, jitter(rng, word, 1.3))


def describe(rng: Generator, thing: Thing, things: list[Thing]) -> Phrase | None:
    """A phrase that names `thing` and nothing else among `things`, or None after a few tries."""
    for _ in range(4):
        phrase = _phrase(rng, thing.word, thing.kind, thing.size)
        if all(phrase.fits(t) == (t is thing) for t in things):
            return phrase
    return None


def deny(rng: Generator, things: list[Thing]) -> Phrase | None:
    """A phrase that names none of `things`, though it is often close to one, or None."""
    for _ in range(6):
        like = things[int(rng.integers(len(things)))]
        word, kind = _word(rng), _NAMES[int(rng.integers(len(_NAMES)))]
        style = rng.random()
        if style < 0.45:
            kind = like.kind
        elif style < 0.85:
            word = like.word
        phrase = _phrase(rng, word, kind, like.size)
        if all(phrase.fits(t) == 0.0 for t in things):
            return phrase
    return None


def stray(rng: Generator) -> Phrase:
    """A phrase about anything at all."""
    return _phrase(rng, _word(rng), _NAMES[int(rng.integers(len(_NAMES)))], "medium")


def hand(rng: Generator) -> Phrase:
    """A phrase for the robot's hand."""
    text = HAND_NAMES[0] if rng.random() < 0.6 else str(rng.choice(HAND_NAMES))
    return Phrase(text, None, HAND, None)


def _word(rng: Generator) -> str:
    pool = _POOLS[int(rng.choice(len(_POOLS), p=_SHARES))]
    return pool[int(rng.integers(len(pool)))]


def kinds_of(noun: str) -> frozenset[str]:
    """Kinds that a noun can stand for."""
    return frozenset(k for k, nouns in KIND_NOUNS.items() if k in KINDS and noun in nouns)


def fit_table(phrases: Sequence[Phrase], scenes: Sequence[Sequence[Thing]], slots: int) -> NDArray:
    """`Phrase.fits` of every phrase for every thing of every scene.

    Args:
        phrases: What is said.
        scenes: Things, slot by slot.
        slots: Slots of a scene; empty ones fit nothing, the last one is the hand.

    Returns:
        0, 0.5 or 1. Shape (len(scenes), slots, len(phrases)).
    """
    kinds = list(KINDS)
    flat = [(i, j, t) for i, row in enumerate(scenes) for j, t in enumerate(row)]
    colour = np.array([_lab(t.rgb) for _, _, t in flat])
    said = np.array([_lab(WORDS[p.word]) if p.word else np.zeros(3) for p in phrases])
    gap = np.linalg.norm(colour[:, None] - said, axis=-1)
    fit = np.where(gap < SAME_COLOUR, 1.0, np.where(gap < OTHER_COLOUR, 0.5, 0.0))
    words = np.array([[t.word] for _, _, t in flat])
    asked = np.array([p.word or "" for p in phrases])
    fit[(words == asked) | (asked == "")] = 1.0
    wanted = np.array([[k in p.kinds for p in phrases] for k in kinds])
    fit *= wanted[[kinds.index(t.kind) for _, _, t in flat]]
    sizes = np.array([[t.size] for _, _, t in flat])
    asked = np.array([p.size or "" for p in phrases])
    fit *= (sizes == asked) | (asked == "")
    table = np.zeros((len(scenes), slots, len(phrases)))
    table[[i for i, _, _ in flat], [j for _, j, _ in flat]] = fit
    table[:, -1] = [p.kinds == HAND for p in phrases]
    return table


_SIZE_WORDS: dict[str, tuple[str, ...]] = {
    s: ((w,) if isinstance(w, str) else tuple(w)) for s, w in SIZE_WORDS.items() if w and s in SIZES
}
_THINGS = ("object", "thing", "one", "item")


def _phrase(rng: Generator, word: str, kind: str, size: str) -> Phrase:
    nouns = KIND_NOUNS[kind]
    noun = nouns[0] if rng.random() < 0.6 else nouns[int(rng.integers(len(nouns)))]
    kinds = kinds_of(noun)
    article = str(rng.choice(["the", "a", "that", ""], p=[0.8, 0.08, 0.04, 0.08]))
    style = rng.random()
    size_words = _SIZE_WORDS.get(size, ()) if size != "medium" else ()
    words, said, told = [word, noun], None, word
    if style < 0.1 and size_words:
        words, said = [str(rng.choice(size_words)), word, noun], size
    elif style < 0.18:
        words, told = [noun], None
    elif style < 0.24:
        words, kinds = [word, str(rng.choice(_THINGS))], frozenset(KINDS)
    return Phrase(" ".join([article, *words]).strip(), told, kinds, said)
