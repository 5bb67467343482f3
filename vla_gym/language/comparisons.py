"""Instructions without their comparisons: "the leftmost cube" becomes "the cube"."""

from __future__ import annotations

from dataclasses import dataclass

from vla_gym.language.noun_phrases import NounPhrase, read_phrase
from vla_gym.language.words import words_of


@dataclass(frozen=True)
class PlainInstruction:
    """An instruction without comparisons, and its noun phrases with them."""

    text: str
    """The instruction with plain phrases; as it was, if nothing is compared."""
    phrases: tuple[NounPhrase, ...] = ()
    """Its noun phrases in order; none if nothing is compared."""


def without_comparisons(text: str) -> PlainInstruction:
    """Take superlatives, exclusions and likenesses out of an instruction.

    Args:
        text: The instruction.
    """
    parts = _parts(text)
    phrases = [part for part in parts if isinstance(part, NounPhrase) and not part.every]
    if not any(phrase.compares for phrase in phrases):
        return PlainInstruction(text)
    plain = [p.plain() if isinstance(p, NounPhrase) else p for p in parts]
    return PlainInstruction(" ".join(map(str, plain)), tuple(phrases))


def phrases_in(text: str) -> list[NounPhrase]:
    """Every noun phrase of an instruction, in order; of any other text, too.

    Args:
        text: The instruction.
    """
    return [part for part in _parts(text) if isinstance(part, NounPhrase)]


def _parts(text: str) -> list[str | NounPhrase]:
    """Noun phrases where they are understood, single words elsewhere."""
    words = words_of(text)
    parts: list[str | NounPhrase] = []
    at = 0
    while at < len(words):
        after, phrase, _ = read_phrase(words, at)
        parts.append(words[at] if phrase is None else phrase)
        at = at + 1 if phrase is None else after
    return parts
