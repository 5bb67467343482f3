"""Named splits: streams of random numbers that share no seed."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator, SeedSequence

from vla_gym.errors import InvalidConfigError, UnknownNameError

SPLITS: tuple[str, ...] = ("train", "validation", "test")
"""Learn on the first, choose on the second, report on the third."""

_KEYS = {name: 1_000 + i for i, name in enumerate(SPLITS)}


def rng_for(split: str, seed: int) -> Generator:
    """Make the generator of one episode; the same seed differs from split to split.

    Args:
        split: One of `SPLITS`.
        seed: Seed of the episode, 0 or more.
    """
    if split not in _KEYS:
        raise UnknownNameError("split", split, SPLITS)
    if seed < 0:
        raise InvalidConfigError(f"A seed must be 0 or more, not {seed}.")
    return np.random.default_rng(SeedSequence([_KEYS[split], int(seed)]))
