"""A text as words, and a meaning as tokens over them: what a learnt reader reads and writes.

A meaning is a sequence of names, such as ``skill:put``, ``kind:cube``, ``colour:red``, and of
numbers, each of which copies the word at that place of the text. Copied are nouns of objects that
the table never has and rare colours, so that a reader can name what it has never met.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InstructionError
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.language.vocabulary import COLOURS
from vla_gym.world.objects import KINDS

MeaningToken: TypeAlias = "str | int"

MAX_WORDS = 256
"""Words of a text that are read; what follows is left out."""
N_NGRAMS = 32
"""Pieces of one word that are looked at."""
COPIED = {"": "=", "s": "-s", "es": "-es"}
"""Plural ending that the copied word has beyond the noun -> value of its token."""
_CJK = "\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f"
_WORD = re.compile(rf"[{_CJK}]|[^\W\d_{_CJK}]+(?:'[^\W\d_{_CJK}]+)?|\d+|[^\w\s]")
_IS_CJK = re.compile(f"[{_CJK}]")
_NAMED = {"kind": frozenset((*KINDS, "any")), "colour": frozenset((*COLOURS, "grey"))}
"""Field -> values with a token of their own wherever they are said."""
_PLAIN_FIELDS = ("size", "count", "pick", "not_colour")


def split_text(text: str) -> list[str]:
    """Lower-case words, numbers, punctuation marks and single Chinese and Japanese characters.

    At most `MAX_WORDS`; compatible forms are unified (Unicode NFKC), curly apostrophes straight.
    """
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower()
    return [match.group() for match, _ in zip(_WORD.finditer(text), range(MAX_WORDS), strict=False)]


def ngram_ids(words: Sequence[str], n_ids: int) -> NDArray[np.int64]:
    """Hashed pieces of each word: the word, and its runs of 2 to 5 characters.

    A Chinese or Japanese character has itself and its pairs and triple with its neighbours.

    Args:
        words: From `split_text`. n in number.
        n_ids: Number of ids; 0 means no piece.

    Returns:
        Shape (n, `N_NGRAMS`), padded with 0.
    """
    out = np.zeros((len(words), N_NGRAMS), np.int64)
    for i, word in enumerate(words):
        pieces = _character_pieces(words, i) if _IS_CJK.match(word) else _word_pieces(word)
        ids = [zlib.crc32(p.encode()) % (n_ids - 1) + 1 for p in pieces[:N_NGRAMS]]
        out[i, : len(ids)] = ids
    return out


def to_tokens(meaning: Understanding, words: Sequence[str]) -> list[MeaningToken]:
    """A meaning as tokens over the words of its text."""
    tokens: list[MeaningToken] = [f"lang:{meaning.lang}", f"answer:{meaning.answer}"]
    for step in meaning.steps:
        tokens += [f"skill:{step.skill}", *_thing_tokens(step.object, words)]
        tokens += ["target", *_thing_tokens(step.target, words)] if step.target else []
        tokens += [f"side:{step.side}"] if step.side else []
    for thing in meaning.avoid:
        tokens += ["avoid", *_thing_tokens(thing, words)]
    return tokens


def from_tokens(tokens: Sequence[MeaningToken], words: Sequence[str]) -> Understanding:
    """The meaning of tokens over the words of a text.

    Raises:
        InstructionError: If the tokens are not in the order in which `to_tokens` writes them, or
            copy a word that is not there.
        InvalidConfigError: If a value does not exist, or an answer does not go with its steps.
    """
    reading = _Tokens(tokens, words)
    lang, answer = reading.value("lang"), reading.value("answer")
    steps = []
    while (skill := reading.maybe("skill")) is not None:
        thing = reading.thing()
        target = reading.thing() if reading.mark("target") else None
        steps.append(SkillStep(skill, thing, target, reading.maybe("side")))
    avoid = []
    while reading.mark("avoid"):
        avoid.append(reading.thing())
    reading.end()
    return Understanding(answer, tuple(steps), tuple(avoid), lang)


class _Tokens:
    """Reads tokens from left to right."""

    def __init__(self, tokens: Sequence[MeaningToken], words: Sequence[str]) -> None:
        self._tokens, self._words, self._at = tokens, words, 0

    def _next(self) -> MeaningToken:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def mark(self, name: str) -> bool:
        """Whether the next token is this one; it is then passed."""
        found = self._next() == name
        self._at += found
        return found

    def maybe(self, field: str) -> str | None:
        """The value of the next token if it is of this field."""
        token = self._next()
        if not isinstance(token, str) or not token.startswith(f"{field}:"):
            return None
        self._at += 1
        return token.partition(":")[2]

    def value(self, field: str) -> str:
        """The value of the next token, which has to be of this field."""
        value = self.maybe(field)
        if value is None:
            raise InstructionError(f"Token {self._at} is {self._next()!r}; needed: {field}.")
        return value

    def thing(self) -> Thing:
        """The next thing, and those that it refers to."""
        thing = Thing(self._named("kind", self.value("kind")))
        colour = self.maybe("colour")
        if colour is not None:
            thing = replace(thing, colour=self._named("colour", colour))
        for field in _PLAIN_FIELDS:
            value = self.maybe(field)
            if value is not None:
                thing = replace(thing, **{field: int(value) if value.isdecimal() else value})
        return replace(thing, ref=self.thing()) if self.mark("ref") else thing

    def _named(self, field: str, value: str) -> str:
        """A value, or the words that follow and are to be copied."""
        ending = next((e for e, name in COPIED.items() if name == value), None)
        if ending is None:
            return value
        copied = []
        while isinstance(place := self._next(), int):
            if not 0 <= place < len(self._words):
                raise InstructionError(f"Token {self._at} copies word {place}, which is not there.")
            copied.append(self._words[place])
            self._at += 1
        return " ".join(copied).removesuffix(ending)

    def end(self) -> None:
        """Check that nothing is left."""
        if self._at < len(self._tokens):
            raise InstructionError(f"Token {self._at}, {self._next()!r}, is out of order.")


def _thing_tokens(thing: Thing, words: Sequence[str]) -> list[MeaningToken]:
    tokens = _named_tokens("kind", thing.kind, words)
    tokens += _named_tokens("colour", thing.colour, words) if thing.colour else []
    for field in _PLAIN_FIELDS:
        value = getattr(thing, field)
        if value is not None and (field, value) != ("count", 1):
            tokens.append(f"{field}:{value}")
    return tokens + (["ref", *_thing_tokens(thing.ref, words)] if thing.ref else [])


def _named_tokens(field: str, value: str, words: Sequence[str]) -> list[MeaningToken]:
    """One token for a value that has one or is not in the text, otherwise the words to copy."""
    if value not in _NAMED[field]:
        for ending, name in COPIED.items():
            said = split_text(value + ending)
            for i in range(len(words) - len(said) + 1):
                if list(words[i : i + len(said)]) == said and " ".join(said) == value + ending:
                    return [f"{field}:{name}", *range(i, i + len(said))]
    return [f"{field}:{value}"]


def _word_pieces(word: str) -> list[str]:
    word = f"<{word}>"
    runs = (word[i : i + n] for n in (2, 3, 4, 5) for i in range(len(word) - n + 1))
    return [word, *runs]


def _character_pieces(words: Sequence[str], i: int) -> list[str]:
    before = words[i - 1] if i and _IS_CJK.match(words[i - 1]) else ""
    after = words[i + 1] if i + 1 < len(words) and _IS_CJK.match(words[i + 1]) else ""
    pieces = (words[i], before + words[i], words[i] + after, before + words[i] + after)
    return list(dict.fromkeys(pieces))
