"""Projection of twists onto half-spaces: a small quadratic program for a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SWEEPS = 40
"""Most corrections of one twist; the dual ascent converges in far fewer unless constraints are
nearly parallel."""
_TOLERANCE = 1e-4
"""Violation, and size of a correction, that are taken for zero."""


def nearest(wanted: NDArray, normals: NDArray, least: NDArray) -> NDArray:
    """The points nearest to `wanted` with ``normals @ x >= least``, row by row.

    Hildreth's dual coordinate ascent (1957) on ``min |x - wanted|^2``, each time at the constraint
    with the largest correction. If constraints are still violated after that, the point is scaled
    towards zero, which satisfies every constraint whose `least` is not positive: braking is always
    allowed.

    Args:
        wanted: Shape (n, d).
        normals: One row per constraint; a row of zeros is ignored. Shape (n, m, d).
        least: Shape (n, m).

    Returns:
        Shape (n, d).
    """
    x = wanted.copy()
    square = (normals**2).sum(axis=2)
    usable = square > 1e-12
    least = np.where(usable, least, -np.inf)
    if not (_violation(x, normals, least) > _TOLERANCE).any():
        return x
    square = np.where(usable, square, 1.0)
    force, rows = np.zeros(least.shape), np.arange(len(x))
    for _ in range(_SWEEPS):
        step = np.maximum(_violation(x, normals, least) / square, -force)
        size = np.abs(step) * np.sqrt(square)
        pick = size.argmax(axis=1)
        # converged rows stay as they are, so that no result depends on the rest of the batch
        step = np.where(size[rows, pick] < _TOLERANCE, 0.0, step[rows, pick])
        if not step.any():
            break
        x += normals[rows, pick] * step[:, None]
        force[rows, pick] += step
    return x * _share(x, normals, least)[:, None]


def _violation(x: NDArray, normals: NDArray, least: NDArray) -> NDArray:
    """Violation of each constraint; negative where it is satisfied. Shape (n, m)."""
    return np.where(np.isinf(least), -1.0, least - np.einsum("nmd,nd->nm", normals, x))


def _share(x: NDArray, normals: NDArray, least: NDArray) -> NDArray:
    """Largest factor up to 1 on x that satisfies every constraint that zero does. Shape (n,)."""
    reach = np.einsum("nmd,nd->nm", normals, x)
    violated = (reach < least - 1e-9) & (least <= 0.0) & (reach < 0.0)
    share = np.where(violated, least / np.where(violated, reach, -1.0), 1.0)
    return share.clip(0.0, 1.0).min(axis=1)
