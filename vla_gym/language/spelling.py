"""Misspelt words, corrected by the words that instructions are made of."""

from __future__ import annotations

import functools
from collections.abc import Container, Sequence

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from vla_gym.language.lexicon import MORE_NOUNS, NOUNS, SIZES_SAID, plural
from vla_gym.language.vocabulary import all_colours

_VERBS = (
    "put", "place", "push", "slide", "stack", "press", "open", "close", "shut", "lift", "pick",
    "grab", "take", "move", "touch", "reach", "raise", "hold", "stand", "upright", "drop", "bring",
    "shove", "carry", "leave", "don't", "without", "touching", "everything", "please", "could",
)  # fmt: skip
_PLACES = (
    "left", "right", "behind", "front", "beside", "next", "near", "between", "onto", "into",
    "inside", "leftmost", "rightmost", "nearest", "farthest", "closest", "biggest", "smallest",
    "other", "except", "then", "after", "before", "first",
)  # fmt: skip
SHORTEST = 3
"""Letters of the shortest word that is corrected."""


@functools.cache
def known_words() -> tuple[str, ...]:
    """The words that misspelt ones are compared with."""
    nouns = [n for group in (NOUNS, MORE_NOUNS) for names in group.values() for n in names]
    words = [*nouns, *map(plural, nouns), *all_colours(), "grey", "gray", "colour", "color"]
    words += [w for names in SIZES_SAID.values() for w in names]
    return tuple(dict.fromkeys([*words, *_VERBS, *_PLACES]))


def corrected(words: Sequence[str], known: Container[str]) -> tuple[list[str], dict[str, str]]:
    """Words with the misspelt ones replaced.

    A word is replaced if it is not known and exactly one word of `known_words` is nearest to it:
    one letter added, left out, changed or swapped with its neighbour; two in long words.

    Args:
        words: Lower-case words.
        known: Words that are right as they are.

    Returns:
        The words, and what was replaced: as said, as corrected.
    """
    changed = {}
    for word in dict.fromkeys(words):
        if len(word) >= SHORTEST and word.isalpha() and word.isascii() and word not in known:
            best = nearest_words(word, 2)
            if best and best[0][1] and (len(best) < 2 or best[0][1] < best[1][1]):
                changed[word] = best[0][0]
    return [changed.get(word, word) for word in words], changed


def nearest_words(word: str, limit: int = 3) -> list[tuple[str, int]]:
    """The words of `known_words` nearest to a word, with their distance.

    Args:
        word: Lower case.
        limit: How many.
    """
    most = 1 if len(word) < 8 else 2
    found = extract(word, known_words(), scorer=OSA.distance, score_cutoff=most, limit=limit)
    return [(name, int(d)) for name, d, _ in found if d < 2 or name[0] == word[0]]
