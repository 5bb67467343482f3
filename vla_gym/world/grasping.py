"""How an object can be grasped: the turn of the hand, and its shape as vision estimates it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.objects import KINDS
from vla_gym.world.views import View

HOME_TOOL = np.pi / 2
"""Direction in which the fingers close in the home pose, from the x axis [rad]."""
N_SHAPE = 4
"""Numbers of `shape_of`."""
_GRASPABLE = np.array([kind.graspable for kind in KINDS.values()])
_SQUARE = np.array([kind.grip == "square" for kind in KINDS.values()])
_SIDE = np.array([kind.grip == "side" for kind in KINDS.values()])


def shape_of(thing: View) -> NDArray:
    """Numbers for grasping an object that can be estimated from an image.

    Returns:
        Vertical extent [dm]; cosine and sine of twice the turn from `HOME_TOOL` in which the
        fingers grasp it, nan for kinds that are not grasped; half its length along its longer side
        [dm]. Shape (n, N_SHAPE).
    """
    turn = np.where(_GRASPABLE[thing.kind], 2 * grasp_turn(thing, HOME_TOOL), np.nan)
    long = 10 * thing.half[:, :2].max(axis=1)
    return np.stack([20 * thing.vertical_half, np.cos(turn), np.sin(turn), long], axis=1)


def grasp_turn(thing: View, tool: NDArray | float) -> NDArray:
    """Turn of the hand after which the fingers close across flat sides, away from a handle.

    Args:
        thing: What is to be grasped.
        tool: Direction in which the fingers close now, from the x axis. Shape (n,), [rad].

    Returns:
        Shape (n,), [rad].
    """
    # the object's most horizontal axis
    column = np.argmin(np.abs(thing.mat[:, 2, :]), axis=1)
    axis = thing.mat[np.arange(len(thing.mat)), :, column]
    flat = np.arctan2(axis[:, 1], axis[:, 0])
    side = np.arctan2(thing.mat[:, 1, 1], thing.mat[:, 0, 1])
    quarter, half = np.pi / 2, np.pi
    square = (flat - tool + quarter / 2) % quarter - quarter / 2
    along = (side - tool + half / 2) % half - half / 2
    # round objects that lie are grasped across their axis
    axis = thing.mat[:, :, 2]
    lies = np.hypot(axis[:, 0], axis[:, 1]) > 0.7
    across = np.where(lies, np.arctan2(axis[:, 1], axis[:, 0]), 0.0)
    plain = (across + half / 2 - tool + half / 2) % half - half / 2
    return np.where(_SQUARE[thing.kind], square, np.where(_SIDE[thing.kind], along, plain))
