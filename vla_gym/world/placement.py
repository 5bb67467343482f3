"""Where objects start: bounded rejection sampling on the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.errors import PlacementError
from vla_gym.world.objects import KINDS, ObjectSpec

CLEARANCE = 0.0005
"""Height above the table at which objects are let go [m]."""


TALL, ROOM = 0.070, 0.045
"""Height from which a thing is in the hand's way, and how much more room is left around it [m]."""


@dataclass(frozen=True)
class Scatter:
    """Objects anywhere in a rectangle of the table, apart from each other."""

    center: tuple[float, float] = (0.50, 0.0)
    """Middle of the rectangle [m]."""
    half: tuple[float, float] = (0.125, 0.235)
    """Half sizes of the rectangle that object origins stay in [m]."""
    min_gap: float = 0.03
    """Least distance between the circles around two footprints [m]."""
    attempts: int = 200
    """Whole arrangements tried before giving up."""

    def sample(
        self, rng: Generator, specs: Sequence[ObjectSpec], n_slots: int
    ) -> tuple[NDArray, NDArray]:
        """Draw one arrangement.

        Args:
            rng: Source of randomness.
            specs: Objects, slot by slot.
            n_slots: Slots of a world; the rest stays empty.

        Returns:
            Positions (n_slots, 3) [m] and quaternions (n_slots, 4).

        Raises:
            PlacementError: If no arrangement was found within `attempts`.
        """
        # the hand is wider than the fingers: beside tall things it needs room
        tall = np.array([2 * spec.half_height > TALL for spec in specs])
        radii = np.array([spec.radius for spec in specs]) + np.where(tall, ROOM, 0.0)
        # large things first: they are the hard ones
        order = np.argsort(-radii, kind="stable")
        for _ in range(self.attempts):
            spots = self._try(rng, radii, order)
            if spots is not None:
                return self._poses(rng, specs, spots, n_slots)
        raise PlacementError(
            f"{len(specs)} objects with radii {np.round(radii, 3).tolist()} m did not fit a region"
            f" of half size {self.half} m with gaps of {self.min_gap} m in {self.attempts} tries."
            " Use fewer or smaller objects, a larger region, or a smaller min_gap."
        )

    def _try(self, rng: Generator, radii: NDArray, order: NDArray) -> NDArray | None:
        spots = np.full((len(radii), 2), np.inf)
        for i in order:
            for _ in range(20):
                spot = np.add(self.center, np.multiply(self.half, rng.uniform(-1, 1, 2)))
                apart = np.linalg.norm(spots - spot, axis=1) - radii - radii[i]
                if (apart >= self.min_gap).all():
                    spots[i] = spot
                    break
            else:
                return None
        return spots

    @staticmethod
    def _poses(
        rng: Generator, specs: Sequence[ObjectSpec], spots: NDArray, n_slots: int
    ) -> tuple[NDArray, NDArray]:
        pos, quat = np.zeros((n_slots, 3)), np.zeros((n_slots, 4))
        quat[:, 0] = 1.0
        for i, spec in enumerate(specs):
            pos[i] = (*spots[i], spec.half_height + CLEARANCE)
            yaw = rng.uniform(-1, 1) * KINDS[spec.kind].yaw_range
            quat[i] = (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))
        return pos, quat


@dataclass(frozen=True)
class Rim(Scatter):
    """The same, but the rectangle is larger and most things lie outside the usual one."""

    grow: float = 0.03
    """How much further than the usual rectangle things may lie [m]."""
    share: float = 0.6
    """Least share of things outside the usual rectangle."""

    def _try(self, rng: Generator, radii: NDArray, order: NDArray) -> NDArray | None:
        usual = np.array(self.half)
        spots = Scatter(
            self.center, (self.half[0] + self.grow, self.half[1] + self.grow), self.min_gap
        )._try(rng, radii, order)
        if spots is None:
            return None
        outside = (np.abs(spots - self.center) > usual).any(axis=1)
        return spots if outside.mean() >= self.share else None
