"""The nearest twist that keeps to half-spaces: a small quadratic program for n worlds at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SWEEPS = 40
"""Most corrections of one twist; the dual ascent has settled long before unless constraints are
nearly parallel."""
_TOLERANCE = 1e-4


def nearest(wanted: NDArray, normals: NDArray, least: NDArray) -> NDArray:
    """The point nearest to `wanted` with ``normals @ x >= least``, world by world.

    Hildreth's dual coordinate ascent (1957) on ``min |x - wanted|^2``, always at the constraint
    whose correction is largest. What is still violated after it is scaled down towards rest, which
    keeps to every constraint whose `least` is not positive: the braking side of a barrier.

    Args:
        wanted: Shape (n, d).
        normals: One row per constraint; a row of zeros is none. Shape (n, m, d).
        least: Shape (n, m).

    Returns:
        Shape (n, d).
    """
    x = wanted.copy()
    square = (normals**2).sum(axis=2)
    usable = square > 1e-12
    least = np.where(usable, least, -np.inf)
    if not (_short(x, normals, least) > _TOLERANCE).any():
        return x
    square = np.where(usable, square, 1.0)
    force, rows = np.zeros(least.shape), np.arange(len(x))
    for _ in range(_SWEEPS):
        step = np.maximum(_short(x, normals, least) / square, -force)
        size = np.abs(step) * np.sqrt(square)
        pick = size.argmax(axis=1)
        # worlds that have settled rest, so that none depends on its neighbours
        step = np.where(size[rows, pick] < _TOLERANCE, 0.0, step[rows, pick])
        if not step.any():
            break
        x += normals[rows, pick] * step[:, None]
        force[rows, pick] += step
    return x * _share(x, normals, least)[:, None]


def _short(x: NDArray, normals: NDArray, least: NDArray) -> NDArray:
    """By how much each constraint is missed; negative where it is kept. Shape (n, m)."""
    return np.where(np.isinf(least), -1.0, least - np.einsum("nmd,nd->nm", normals, x))


def _share(x: NDArray, normals: NDArray, least: NDArray) -> NDArray:
    """The largest share of x, at most 1, that keeps to the constraints that rest keeps to. (n,)."""
    reach = np.einsum("nmd,nd->nm", normals, x)
    missed = (reach < least - 1e-9) & (least <= 0.0) & (reach < 0.0)
    share = np.where(missed, least / np.where(missed, reach, -1.0), 1.0)
    return share.clip(0.0, 1.0).min(axis=1)
