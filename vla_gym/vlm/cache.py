"""What has been computed from a text, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
LIMIT = 20_000
"""Texts that are remembered; beyond that all are forgotten."""


class TextCache(Generic[T]):
    """Remembers the value of each distinct text.

    Args:
        compute: From texts not seen before to their values, in their order.
    """

    def __init__(self, compute: Callable[[list[str]], Iterable[T]]) -> None:
        self._compute = compute
        self._known: dict[str, T] = {}

    def __call__(self, texts: Sequence[str]) -> list[T]:
        """One value per text."""
        new = [t for t in dict.fromkeys(texts) if t not in self._known]
        if new and len(self._known) + len(new) > LIMIT:
            self._known.clear()
            new = list(dict.fromkeys(texts))
        if new:
            self._known.update(zip(new, self._compute(new), strict=True))
        return [self._known[t] for t in texts]
