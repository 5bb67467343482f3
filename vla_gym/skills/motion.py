"""`Motion`: what the arm does next, in every sub-environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vla_gym.geometry.rotations import DOWN_AXIS
from vla_gym.world.views import View
from vla_gym.world.world import World


@dataclass
class Motion:
    """The next motion of the arm, as what is left to do rather than as an action.

    Attributes:
        delta: TCP displacement left to go, world frame. Shape (n, 3), [m].
        yaw: Turn about the vertical left to go. Shape (n,), [rad].
        grip: +1 open, -1 closed. Shape (n,).
        axis: Wanted direction of the tool's z axis, world frame. Shape (n, 3).
    """

    delta: NDArray
    yaw: NDArray
    grip: NDArray
    axis: NDArray = field(default_factory=DOWN_AXIS.copy)

    def __post_init__(self) -> None:
        self.axis = np.broadcast_to(self.axis, self.delta.shape)

    @classmethod
    def choose(cls, choice: NDArray, motions: Sequence[Motion]) -> Motion:
        """One of several motions in each sub-environment.

        Args:
            choice: Index into `motions`. Shape (n,).
            motions: Each of all sub-environments.
        """
        rows = np.arange(len(choice))
        return cls(
            np.stack([m.delta for m in motions])[choice, rows],
            np.stack([m.yaw for m in motions])[choice, rows],
            np.stack([m.grip for m in motions])[choice, rows],
            np.stack([m.axis for m in motions])[choice, rows],
        )

    @classmethod
    def rest(cls, n: int) -> Motion:
        """Stay, fingers open."""
        return cls(np.zeros((n, 3)), np.zeros(n), np.ones(n))


def highest_other(world: World, thing: View) -> NDArray:
    """Height of the highest object other than `thing`. Shape (n,), [m]."""
    top = world.top
    top[np.arange(world.n), thing.slot] = 0.0
    return top.max(axis=1)


def lateral_scale(vertical: NDArray, full_below: float = 0.03) -> NDArray:
    """Factor on lateral motion, so that the hand changes its height before it goes sideways.

    Args:
        vertical: Vertical distance left to go. Shape (n,), [m].
        full_below: Distance below which the factor is 1; it is 0 from 0.05 m more on [m].

    Returns:
        Shape (n,), in [0, 1].
    """
    return np.clip(1.0 - (vertical - full_below) / 0.05, 0.0, 1.0)
