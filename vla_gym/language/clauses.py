"""A sentence as the things to be done, one after the other."""

from __future__ import annotations

import re
from functools import lru_cache

_NEXT = re.compile(r",?\s+(?:and\s+)?then\s+")
_ASIDE = re.compile(r",?\s+(?:but|without)\s+")


@lru_cache(maxsize=4096)
def clauses(sentence: str) -> tuple[str, ...]:
    """Cut a sentence at "then", and off what follows "but" or "without".

    What is to be left alone is nobody's object or target; who looks for those should not read it.

    Args:
        sentence: An instruction.

    Returns:
        At least one clause, in the order in which they are to be followed.
    """
    return tuple(_ASIDE.split(part, maxsplit=1)[0] for part in _NEXT.split(sentence))
