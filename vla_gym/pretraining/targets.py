"""What heat maps and image tokens of a pretraining batch should show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.pretraining.queries import KIND_INDEX, NO_OBJECT
from vla_gym.pretraining.scene_sampler import MIN_PIXELS, Views
from vla_gym.pretraining.table_objects import lab_of
from vla_gym.vlm.roles import ROLES

_AIM_COVER = 0.2
"""Least share of a cell that an object must cover for the cell to point at its centre."""
_LABEL_COVER = 0.35
"""Least share for the cell to be labelled with its kind and colour."""


def role_targets(
    views: Views, slots: NDArray[np.int64]
) -> tuple[NDArray, NDArray[np.bool_], NDArray, NDArray, NDArray[np.bool_]]:
    """The maps of instructions' roles.

    Args:
        views: The images.
        slots: From `Queries`. Shape (n, k, len(ROLES)).

    Returns:
        Heat, the covered share of each cell over the object's best cell (n, k, r, gh * gw);
        whether the map counts at all, because the object is either clearly visible or absent
        (n, k, r); the point (n, k, r, 2); the shape (n, k, r, N_SHAPE); whether the object is
        clearly visible (n, k, r).
    """
    n, _, r = slots.shape
    assert r == len(ROLES)
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    best = np.maximum(cover.max(axis=-1, keepdims=True), 1e-6)
    relative = cover / best
    rows = np.arange(n)[:, None, None]
    pixels = np.where(slots >= 0, views.pixels[rows, slots], 0)
    seen = pixels >= MIN_PIXELS
    heat = relative[rows, slots] * seen[..., None]
    counts = seen | (pixels == 0)
    point, shape = views.point[rows, slots], views.shape[rows, slots]
    return heat.astype(np.float32), counts, point, shape, seen


def phrase_targets(
    views: Views, fit: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """The map of every phrase in every image.

    Args:
        views: The images.
        fit: From `fit_table`. Shape (n, n_slots, p).

    Returns:
        Heat (n, p, gh * gw); whether it counts, (n, p): exactly one object is meant and clearly
        visible, or none is meant; whether an object is clearly visible (n, p).
    """
    certain, possible = (fit == 1).sum(axis=1), (fit == 0.5).any(axis=1)
    slot = fit.argmax(axis=1)
    rows = np.arange(len(fit))[:, None]
    pixels = views.pixels[rows, slot]
    seen = (certain == 1) & ~possible & (pixels >= MIN_PIXELS)
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    relative = cover / np.maximum(cover.max(axis=-1, keepdims=True), 1e-6)
    heat = relative[rows, slot] * seen[..., None]
    absent = (certain == 0) & ~possible
    return heat.astype(np.float32), seen | absent, seen


def cell_labels(views: Views) -> NDArray[np.float32]:
    """Kind and Lab / 100 of what each cell shows, as in `Queries.claims`; nan where mixed.

    Args:
        views: The images.

    Returns:
        Shape (n, gh * gw, 4).
    """
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    slots = cover.shape[1]
    labels = np.full((len(cover), slots, 4), np.nan, np.float32)
    for i, objects in enumerate(views.objects):
        for j, o in enumerate(objects):
            labels[i, j] = [KIND_INDEX[o.kind], *(lab_of(o.rgb) / 100)]
    labels[:, -1, 0] = NO_OBJECT  # the hand
    found = labels[np.arange(len(cover))[:, None], cover.argmax(axis=1)]
    found[cover.max(axis=1) < _LABEL_COVER] = np.nan
    found[cover.sum(axis=1) == 0, 0] = NO_OBJECT
    return found


def cell_aims(views: Views) -> NDArray[np.float32]:
    """The aim point of the object that each cell shows most of; nan where there is none.

    Args:
        views: The images.

    Returns:
        u right, v down, [-1, 1]. Shape (n, gh * gw, 2).
    """
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    aims = views.point[np.arange(len(cover))[:, None], cover.argmax(axis=1)]
    aims[cover.max(axis=1) < _AIM_COVER] = np.nan
    return aims
