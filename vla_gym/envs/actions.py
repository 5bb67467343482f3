"""The action space, and the check of actions against it."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.errors import InvalidActionError

ACTION_NAMES = ("dx", "dy", "dz", "rx", "ry", "rz", "gripper", "terminate")
"""Names of the numbers of an action; the last one exists only with the terminate action."""
_SLACK = 1e-6
"""Rounding that is no violation of the bounds."""


def action_space(terminate: bool) -> spaces.Box:
    """The space of one sub-environment's action.

    Args:
        terminate: Whether an eighth number can end the episode.
    """
    return spaces.Box(-1.0, 1.0, (8 if terminate else 7,), np.float32)


def checked_actions(
    actions: NDArray, n: int, terminate: bool, resting: NDArray[np.bool_] | None = None,
    clip: bool = False,
) -> NDArray[np.float64]:  # fmt: skip
    """Actions as float64, not necessarily a copy.

    Args:
        actions: Shape (n, 7), or (n, 8) with the terminate action.
        n: Number of sub-environments.
        terminate: Whether there is a terminate action.
        resting: Sub-environments whose action does not count; it becomes zero. Shape (n,).
        clip: Whether finite numbers outside [-1, 1] are moved to its ends, instead of refused.

    Raises:
        InvalidActionError: If the shape is wrong, or a number is not finite or not in [-1, 1].
    """
    actions, shape = np.asarray(actions, np.float64), (n, 8 if terminate else 7)
    if actions.shape != shape:
        raise InvalidActionError(f"Actions must have shape {shape}, got {actions.shape}.")
    if resting is not None and resting.any():
        actions = np.where(resting[:, None], 0.0, actions)
    if clip:  # infinite and undefined numbers are faults all the same
        actions = np.where(np.isfinite(actions), np.clip(actions, -1.0, 1.0), actions)
    bad = ~(np.abs(actions) <= 1.0 + _SLACK)  # also catches nan
    if bad.any():
        i, k = np.argwhere(bad)[0]
        raise InvalidActionError(
            f"Action number {k} ({ACTION_NAMES[k]}) of sub-environment {i} is {actions[i, k]}. All"
            " must be finite and lie in [-1, 1]; make the environment with out_of_range='clip', or"
            " look for nan in the policy."
        )
    return actions


def flipped_gripper(actions: NDArray) -> NDArray:
    """A copy with the sign of the gripper's number changed. Shape (n, 7) or (n, 8)."""
    flipped = actions.copy()
    flipped[:, 6] *= -1.0
    return flipped
