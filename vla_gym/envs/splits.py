"""Named splits: streams of random numbers that share no seed."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator, SeedSequence

from vla_gym.errors import InvalidConfigError, UnknownNameError

SPLITS: tuple[str, ...] = ("train", "validation", "test")
"""Train on the first, select on the second, report on the third."""

_SPAWNED = 2_000
_KEYS = {name: 1_000 + i for i, name in enumerate(SPLITS)}


def rng_for(split: str, seed: int) -> Generator:
    """The random stream of a seed; one seed gives a different stream in each split.

    Args:
        split: One of `SPLITS`.
        seed: 0 or more.

    Raises:
        UnknownNameError: If there is no such split.
        InvalidConfigError: If the seed is negative.
    """
    if split not in _KEYS:
        raise UnknownNameError("split", split, SPLITS)
    if seed < 0:
        raise InvalidConfigError(f"A seed must be 0 or more, not {seed}.")
    return np.random.default_rng(SeedSequence([_KEYS[split], int(seed)]))


def spawned_seeds(seed: int, n: int) -> list[int]:
    """Seeds for n sub-environments that those of another seed have nothing in common with.

    With seed, seed + 1, ... two neighbouring seeds would share all but one of them.

    Args:
        seed: 0 or more.
        n: How many.

    Raises:
        InvalidConfigError: If the seed is negative.
    """
    if seed < 0:
        raise InvalidConfigError(f"A seed must be 0 or more, not {seed}.")
    words = SeedSequence([_SPAWNED, int(seed)]).generate_state(n, np.uint64)
    return [int(word) for word in words]
