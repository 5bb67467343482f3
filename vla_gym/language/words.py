"""Instructions as words: lower case, one spelling, without punctuation and politeness."""

from __future__ import annotations

import re
from dataclasses import dataclass

POLITE_WORDS = ("please", "now", "robot", "can", "could", "would", "will", "you")
"""Words that mean nothing at the start of an instruction."""
SPELLINGS = {"color": "colour"}
"""Other spelling -> the one of `vla_gym.language.vocabulary`."""
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Token:
    """One word of a text and where it stands there."""

    word: str
    """Lower case, in the spelling of the vocabulary."""
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Every word of a text, with its place in it."""
    return [
        Token(SPELLINGS.get(m.group(), m.group()), m.start(), m.end())
        for m in _WORD.finditer(text.lower())
    ]


def words_of(text: str) -> list[str]:
    """The words of an instruction without politeness at its start and "please" at its end."""
    words = [token.word for token in tokens_of(text)]
    while words and words[0] in POLITE_WORDS:
        words = words[1:]
    return words[:-1] if words[-1:] == ["please"] else words
