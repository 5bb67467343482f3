"""Procedural patterns for table tops; no image files are needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZE = 128
"""Width and height of a pattern [px]."""
FAMILIAR = ("wood", "checks", "stripes")
"""Patterns in the training data of CLIP; the others are unseen."""


def _grid() -> tuple[NDArray, NDArray]:
    axis = np.arange(SIZE) / SIZE
    x, y = np.meshgrid(axis, axis)
    return x, y


def _noise(seed: int, cells: int) -> NDArray:
    """Smooth noise in 0 to 1 that repeats at its edges."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((cells, cells))
    at = np.arange(SIZE) * cells / SIZE
    low, part = at.astype(int), at % 1
    part = part * part * (3 - 2 * part)
    high = (low + 1) % cells
    rows = coarse[low] * (1 - part)[:, None] + coarse[high] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, high] * part


def _wood() -> NDArray:
    _, y = _grid()
    return 0.78 + 0.22 * np.sin(2 * np.pi * (6 * y + 0.5 * _noise(1, 4))) * _noise(2, 16)


def _checks() -> NDArray:
    x, y = _grid()
    return 0.72 + 0.28 * ((np.floor(4 * x) + np.floor(4 * y)) % 2)


def _stripes() -> NDArray:
    x, _ = _grid()
    return 0.72 + 0.28 * (np.floor(8 * x) % 2)


def _marble() -> NDArray:
    x, y = _grid()
    vein = np.abs(np.sin(2 * np.pi * (x + y + 0.6 * _noise(3, 4) + 0.25 * _noise(4, 12))))
    return 0.62 + 0.38 * vein**0.4


def _dots() -> NDArray:
    x, y = _grid()
    return 1.0 - 0.35 * ((8 * x % 1 - 0.5) ** 2 + (8 * y % 1 - 0.5) ** 2 < 0.07)


def _weave() -> NDArray:
    x, y = _grid()
    over = (np.floor(16 * x) + np.floor(16 * y)) % 2
    across = np.where(over == 1, np.sin(np.pi * (16 * y % 1)), np.sin(np.pi * (16 * x % 1)))
    return 0.6 + 0.4 * across


PATTERNS: dict[str, NDArray[np.uint8]] = {
    name: np.repeat((255 * np.clip(make(), 0, 1)).astype(np.uint8)[..., None], 3, axis=2)
    for name, make in {
        "wood": _wood, "checks": _checks, "stripes": _stripes,
        "marble": _marble, "dots": _dots, "weave": _weave,
    }.items()
}  # fmt: skip
"""Grey patterns, tinted by the table's colour. Shape (SIZE, SIZE, 3) each."""
