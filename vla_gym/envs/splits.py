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


AXES: dict[str, str] = {
    "colours": "colour words that no training episode uses (crimson, teal, mustard ...)",
    "nouns": "other nouns for known kinds (rock, crate, cup ...)",
    "kinds": "kinds of things that no training episode uses",
    "combinations": "pairs of colour and kind that no training episode uses",
    "phrasings": "verbs and sentences that no training episode uses",
    "layouts": "things at the rim of the table, more of them",
    "backgrounds": "tables and floors of other colours",
    "lights": "light from other sides, brighter and darker",
    "cameras": "the fixed camera moved",
    "moved": "a thing is moved in the middle of the episode",
    "reasoning": "superlatives, exclusions, likeness (the leftmost cube, the mug that is not red, "
    "the ball of the same colour as the plate)",
}
"""Ways of being new, for `novelty` of `gymnasium.make`; each alone or several together."""


def held_out(colour_index: int, kind_index: int) -> bool:
    """Whether a pair of a basic colour and a kind is kept out of training episodes."""
    return (3 * colour_index + kind_index) % 7 == 0
