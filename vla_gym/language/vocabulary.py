"""Words for colours, kinds and sizes, and distances between colours."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.errors import UnknownNameError
from vla_gym.world.object_kind import RGB

COLOURS: dict[str, RGB] = {
    "red": (0.85, 0.08, 0.08),
    "green": (0.10, 0.60, 0.15),
    "blue": (0.10, 0.22, 0.85),
    "yellow": (0.96, 0.86, 0.10),
    "orange": (0.97, 0.48, 0.04),
    "purple": (0.48, 0.12, 0.62),
    "pink": (0.97, 0.55, 0.72),
    "brown": (0.42, 0.24, 0.10),
    "black": (0.12, 0.12, 0.13),
    "white": (0.96, 0.96, 0.96),
    "cyan": (0.10, 0.82, 0.88),
}
"""Basic colour words of robot episodes; sRGB in 0 to 1."""

COLOUR_SYNONYMS: dict[str, RGB] = {
    "crimson": (0.76, 0.06, 0.20),
    "scarlet": (0.93, 0.12, 0.05),
    "ruby": (0.72, 0.05, 0.28),
    "maroon": (0.45, 0.03, 0.10),
    "burgundy": (0.40, 0.02, 0.16),
    "coral": (0.98, 0.46, 0.38),
    "salmon": (0.98, 0.58, 0.50),
    "tangerine": (0.98, 0.55, 0.10),
    "amber": (0.98, 0.72, 0.05),
    "gold": (0.90, 0.70, 0.15),
    "mustard": (0.80, 0.64, 0.12),
    "lemon": (0.98, 0.94, 0.30),
    "beige": (0.88, 0.82, 0.66),
    "tan": (0.80, 0.66, 0.46),
    "chocolate": (0.34, 0.17, 0.07),
    "olive": (0.46, 0.46, 0.08),
    "lime": (0.60, 0.92, 0.12),
    "mint": (0.58, 0.93, 0.72),
    "emerald": (0.05, 0.62, 0.36),
    "teal": (0.03, 0.46, 0.46),
    "turquoise": (0.15, 0.80, 0.74),
    "azure": (0.15, 0.55, 0.95),
    "navy": (0.04, 0.07, 0.36),
    "indigo": (0.26, 0.08, 0.55),
    "violet": (0.55, 0.22, 0.88),
    "lavender": (0.74, 0.66, 0.92),
    "plum": (0.50, 0.16, 0.42),
    "magenta": (0.88, 0.08, 0.72),
    "fuchsia": (0.95, 0.15, 0.60),
    "charcoal": (0.22, 0.23, 0.25),
}
"""Colour words of CLIP's pretraining that training episodes never use; sRGB in 0 to 1."""

_VULGAR = re.compile(r"\b(poo|poop|shit|puke|barf|vomit|snot|boogers?|piss|diarrhea)\b")

KIND_NOUNS: dict[str, tuple[str, ...]] = {
    "cube": ("cube", "block"),
    "cylinder": ("cylinder", "tube"),
    "ball": ("ball", "sphere", "orb"),
    "mug": ("mug", "cup"),
    "bowl": ("bowl", "basin"),
    "plate": ("plate", "dish", "saucer"),
    "tray": ("tray", "platter"),
    "brick": ("brick", "bar"),
    "stone": ("stone", "rock", "pebble"),
    "star": ("star", "asterisk"),
    "bottle": ("bottle", "flask"),
    "can": ("can", "tin"),
    "puck": ("puck", "disc"),
    "cone": ("cone", "pyramid"),
    "box": ("box", "crate"),
    "shelf": ("shelf", "rack"),
    "button": ("button", "buzzer"),
    "mat": ("mat", "zone"),
    "drawer": ("drawer", "compartment"),
    "line": ("line", "stripe"),
    "cabinet": ("cabinet", "cupboard"),
}
"""Kind of object -> nouns, canonical first; the others belong to the novelty axis "nouns"."""

ANYTHING: tuple[str, ...] = ("thing", "object", "one")
"""Nouns that fit every kind."""

SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "medium": ("medium",),
    "large": ("large", "big"),
}
"""Size -> words, canonical first."""

HAND_NAMES = ("the gripper", "the robot hand", "the robot gripper", "the fingers", "your hand")
"""Phrases for the robot's hand; CLIP is asked for the first one."""

# IEC 61966-2-1: linear sRGB to XYZ under D65, and the white point
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)
_TO_RATIO = (_TO_XYZ / _WHITE[:, None]).tolist()


def all_colours() -> dict[str, RGB]:
    """`COLOURS` and `COLOUR_SYNONYMS` together."""
    return {**COLOURS, **COLOUR_SYNONYMS}


@functools.cache
def finer_colours() -> dict[str, RGB]:
    """Names of XKCD's colour survey that are not in `all_colours`, some of several words.

    Randall Munroe, "Color Survey Results", 2010, in the public domain, as matplotlib ships them;
    without the vulgar ones and those with punctuation.
    """
    from matplotlib.colors import XKCD_COLORS, to_rgb  # slow to import, and rarely needed

    names = {name.removeprefix("xkcd:"): code for name, code in XKCD_COLORS.items()}
    known = all_colours()
    return {
        name: to_rgb(code)
        for name, code in names.items()
        if name not in known and re.fullmatch("[a-z ]+", name) and not _VULGAR.search(name)
    }


def lab(rgb: Sequence[float] | NDArray) -> NDArray:
    """Convert sRGB to CIELAB (CIE 15, D65).

    Args:
        rgb: Colours in 0 to 1. Shape (..., 3).

    Returns:
        L*, a*, b*. Shape (..., 3).
    """
    c = np.asarray(rgb, float)
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def colour_distance(a: Sequence[float] | NDArray, b: Sequence[float] | NDArray) -> NDArray:
    """CIE76 difference of sRGB colours; about 2 is just noticeable. Shape (...)."""
    return np.linalg.norm(lab(a) - lab(b), axis=-1)


def colour_name(rgb: Sequence[float] | NDArray, words: dict[str, RGB] | None = None) -> str:
    """Find the nearest colour word.

    Args:
        rgb: Colour in 0 to 1. Shape (3,).
        words: Words to choose from; the basic ones by default.
    """
    words = COLOURS if words is None else words
    away = np.linalg.norm(_labs(tuple(words.values())) - lab(rgb), axis=-1)
    return list(words)[int(away.argmin())]


def _basic_name(r: float, g: float, b: float) -> str:
    """`colour_name` among the basic words, without NumPy, because scenes call it often."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (r, g, b)]
    x, y, z = (
        ratio ** (1 / 3) if ratio > (6 / 29) ** 3 else ratio / (3 * (6 / 29) ** 2) + 4 / 29
        for ratio in (sum(m * c for m, c in zip(row, linear, strict=True)) for row in _TO_RATIO)
    )
    here = (116 * y - 16, 500 * (x - y), 200 * (y - z))
    return min(_basic_labs(), key=lambda pair: math.dist(pair[1], here))[0]


@functools.cache
def _basic_labs() -> list[tuple[str, list[float]]]:
    return list(zip(COLOURS, _labs(tuple(COLOURS.values())).tolist(), strict=True))


@functools.cache
def _labs(colours: tuple[RGB, ...]) -> NDArray:
    return lab(np.array(colours))


def colour_rgb(word: str) -> RGB:
    """Look up the sRGB of a colour word.

    Raises:
        UnknownNameError: If it is neither in `all_colours` nor in `finer_colours`.
    """
    words = all_colours()
    if word in words:
        return words[word]
    if word in finer_colours():
        return finer_colours()[word]
    raise UnknownNameError("colour word", word, words)


def jitter(rng: Generator, word: str, strength: float = 1.0) -> RGB:
    """Draw a shade that is still nearest to its colour word.

    Args:
        rng: Source of randomness.
        word: A colour word.
        strength: 0 gives the word's own colour.
    """
    base = np.array(colour_rgb(word))
    for _ in range(20):
        gain = 1 + strength * rng.uniform(-0.10, 0.06)
        shade = np.clip(base * gain + strength * rng.normal(0, 0.015, 3), 0.0, 1.0)
        r, g, b = shade.tolist()
        if word not in COLOURS or _basic_name(r, g, b) == word:
            return r, g, b
    return colour_rgb(word)
