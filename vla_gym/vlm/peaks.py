"""The peak of a heat map, to a fraction of a cell."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vla_gym.vlm.dense import cell_grid

WINDOW = 2
"""Cells on either side of a peak's centre that count."""
_AGREE = 1.0
"""Spread of the centres that cells of one object predict [cells]."""


def soft_argmax(
    heat: Tensor, shifts: Tensor | None = None, window: int = WINDOW, agree: float = _AGREE
) -> Tensor:
    """The centre of the peak: mean position under softmax, in a window that follows it.

    Args:
        heat: Logits. Shape (n, ..., gh, gw).
        shifts: Offset of each cell's object centre from the cell's own. Shape (n, gh * gw, 2),
            [cells].
        window: Cells on either side of the window's centre.
        agree: Spread of the centres that cells of one object predict [cells].

    Returns:
        u to the right and v down, [-1, 1]. Shape (..., 2).
    """
    return find_peak(heat, shifts, window, agree)[0]


def find_peak(
    heat: Tensor, shifts: Tensor | None = None, window: int = WINDOW, agree: float = _AGREE
) -> tuple[Tensor, Tensor]:
    """`soft_argmax`, and the weights of the cells behind it.

    With shifts, cells count as far as they predict the same centre as the highest cell, so that
    cells of an adjacent object do not.

    Args:
        heat: Logits. Shape (n, ..., gh, gw).
        shifts: As in `soft_argmax`.
        window: As in `soft_argmax`.
        agree: As in `soft_argmax`.

    Returns:
        u and v, shape (..., 2), and weights, shape (n or 1, all in between, gh * gw).
    """
    gh, gw = heat.shape[-2:]
    cell = cell_grid(gh, gw, heat.device)
    spread = math.inf if shifts is None else agree
    votes = cell[None] if shifts is None else cell + shifts
    flat = heat.reshape(len(votes), -1, gh * gw)
    best = flat.argmax(dim=-1)[..., None].expand(-1, -1, 2)
    centre, weight = votes.gather(1, best), flat
    for _ in range(2):
        away = torch.cdist(centre.round(), cell, p=math.inf)
        off = torch.cdist(centre, votes, compute_mode="donot_use_mm_for_euclid_dist")
        near = flat.masked_fill(away > window, float("-inf"))
        weight = (near - off.square() / (2 * spread**2)).softmax(dim=-1)
        centre = weight @ votes
    size = torch.tensor([gw, gh], device=heat.device, dtype=centre.dtype)
    return ((centre + 0.5) / size * 2 - 1).view(*heat.shape[:-2], 2), weight
