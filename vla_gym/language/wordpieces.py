"""Words as pieces of a fixed vocabulary, the longest first, as BERT cuts them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

WORD_PIECES = 6
"""Pieces of one word that are read."""
FIRST_PIECE, LAST_PIECE, UNKNOWN_PIECE = "[CLS]", "[SEP]", "[UNK]"
_PARTS = re.compile(r"\w+|[^\w\s]")


class WordPieces:
    """Cuts lower-case words into known pieces (Schuster and Nakajima 2012).

    Args:
        pieces: The vocabulary; its order gives the ids. Pieces that continue a word start with
            "##"; it has to have `FIRST_PIECE`, `LAST_PIECE` and `UNKNOWN_PIECE`.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self._ids = {piece: i for i, piece in enumerate(pieces)}
        self.start, self.end, self.unknown = (
            self._ids[p] for p in (FIRST_PIECE, LAST_PIECE, UNKNOWN_PIECE)
        )
        self._known: dict[str, list[int]] = {}

    @classmethod
    def load(cls, path: Path) -> WordPieces:
        """Read a vocabulary, one piece a line."""
        return cls(path.read_text(encoding="utf-8").rstrip("\n").split("\n"))

    def __contains__(self, word: str) -> bool:
        """Whether a word is one piece of the vocabulary."""
        return _plain(word) in self._ids

    def ids(self, word: str) -> list[int]:
        """Ids of a word's pieces, at least one and at most `WORD_PIECES`."""
        if word not in self._known:
            if len(self._known) > 20_000:  # bounded: texts may be anything
                self._known.clear()
            found = [i for part in _PARTS.findall(_plain(word)[:100]) for i in self._cut(part)]
            self._known[word] = found[:WORD_PIECES] or [self.unknown]
        return self._known[word]

    def _cut(self, part: str) -> list[int]:
        at, found = 0, []
        while at < len(part):
            for end in range(len(part), at, -1):
                piece = self._ids.get(("##" if at else "") + part[at:end])
                if piece is not None:
                    break
            else:
                return [self.unknown]
            found.append(piece)
            at = end
        return found


def _plain(word: str) -> str:
    """Without accents."""
    letters = unicodedata.normalize("NFD", word)
    return "".join(c for c in letters if unicodedata.category(c) != "Mn")
