"""A cache of values computed from texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

_T = TypeVar("_T")
_LIMIT = 20_000
"""Texts that are kept; with more, the cache is cleared."""


class TextCache(Generic[_T]):
    """Computes the value of each distinct text once.

    Args:
        compute: From new texts to their values, in order.
    """

    def __init__(self, compute: Callable[[list[str]], Iterable[_T]]) -> None:
        self._compute = compute
        self._known: dict[str, _T] = {}

    def __call__(self, texts: Sequence[str]) -> list[_T]:
        """One value per text."""
        new = [t for t in dict.fromkeys(texts) if t not in self._known]
        if new and len(self._known) + len(new) > _LIMIT:
            self._known.clear()
            new = list(dict.fromkeys(texts))
        if new:
            self._known.update(zip(new, self._compute(new), strict=True))
        return [self._known[t] for t in texts]
