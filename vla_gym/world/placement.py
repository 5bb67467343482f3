"""Start poses of objects: bounded rejection sampling on the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.errors import PlacementError
from vla_gym.geometry.rotations import quat_about, quat_multiply
from vla_gym.world.objects import KINDS, ObjectSpec

CLEARANCE = 0.0005
"""Height above the table at which objects are released [m]."""
TALL, ROOM = 0.070, 0.045
"""Height from which an object obstructs the hand, and the extra room left around it [m]."""
_LEAN = 0.6
"""Largest angle between the top of a lying object and the direction to the robot [rad]."""
_CABINET_X, _CABINET_Y, _CABINET_YAW = 0.365, 0.08, 0.05
"""Pose of cabinets: x, and the ranges of y and yaw around 0 [m, m, rad]."""
_OPENING = 0.125
"""Room in front of a cabinet for an open drawer and its handle [m]."""


@dataclass(frozen=True)
class Scatter:
    """Objects anywhere in a rectangle of the table, apart from each other.

    Cabinets stand close to the robot with their drawers in them; nothing else is placed in front.
    """

    center: tuple[float, float] = (0.50, 0.0)
    """Centre of the rectangle [m]."""
    half: tuple[float, float] = (0.125, 0.235)
    """Half sizes of the rectangle that object origins stay in [m]."""
    min_gap: float = 0.03
    """Least distance between the circles around two footprints [m]."""
    attempts: int = 200
    """Whole arrangements tried before giving up."""
    grow: float = 0.0
    """Distance by which objects may lie outside the rectangle [m]."""
    rim: float = 0.0
    """Least share of objects outside the rectangle."""
    lying: tuple[str, ...] = ()
    """Kinds that lie on their side, their top towards the robot."""
    opened: tuple[float, float] = (0.0, 0.0)
    """Range of how far drawers are open [m]."""
    regions: tuple[tuple[str, tuple[float, float], tuple[float, float]], ...] = ()
    """Kinds with a rectangle of their own: name, centre, half sizes [m]."""

    def sample(
        self, rng: Generator, specs: Sequence[ObjectSpec], n_slots: int
    ) -> tuple[NDArray, NDArray]:
        """Draw one arrangement.

        Args:
            rng: Source of randomness.
            specs: Objects, slot by slot.
            n_slots: Slots of a sub-environment; those without an object stay empty.

        Returns:
            Positions (n_slots, 3) [m] and quaternions (n_slots, 4).

        Raises:
            PlacementError: If no arrangement was found within `attempts`, or there are more drawers
                than a cabinet has room for.
        """
        pos, quat = np.zeros((n_slots, 3)), np.zeros((n_slots, 4))
        quat[:, 0] = 1.0
        furniture = [i for i, s in enumerate(specs) if KINDS[s.kind].bays or s.kind == "drawer"]
        keep_out = self._furnish(rng, specs, furniture, pos, quat) if furniture else None
        loose = [i for i in range(len(specs)) if i not in furniture]
        # the hand is wider than the fingers and needs room beside tall objects
        radii = np.array([self._radius(specs[i]) for i in loose])
        areas = np.array([self.area(specs[i].kind) for i in loose]).reshape(-1, 2, 2)
        # large objects first: they are hardest to place
        order = np.argsort(-radii, kind="stable")
        for _ in range(self.attempts):
            spots = self._try(rng, radii, areas, order, keep_out)
            if spots is not None:
                for i, spot in zip(loose, spots, strict=True):
                    pos[i], quat[i] = self._pose(rng, specs[i], spot)
                return pos, quat
        raise PlacementError(
            f"{len(specs)} objects with radii {np.round(radii, 3).tolist()} m did not fit a region"
            f" of half size {self.half} m with gaps of {self.min_gap} m in {self.attempts} tries."
            " Use fewer or smaller objects, a larger region, or a smaller min_gap."
        )

    def area(self, kind: str) -> tuple[tuple[float, float], tuple[float, float]]:
        """Centre and half sizes of the rectangle in which a kind starts [m]."""
        own = {name: (center, half) for name, center, half in self.regions}
        return own.get(kind, (self.center, self.half))

    def _radius(self, spec: ObjectSpec) -> float:
        if spec.kind in self.lying:
            return max(spec.radius, spec.half_height)
        if spec.kind == "line":
            return -1.0  # objects may lie on it
        return spec.radius + (ROOM if 2 * spec.half_height > TALL else 0.0)

    def _try(
        self, rng: Generator, radii: NDArray, areas: NDArray, order: NDArray,
        keep_out: _Rectangle | None,
    ) -> NDArray | None:  # fmt: skip
        spots = np.full((len(radii), 2), np.inf)
        room = [float(radius) for radius in radii]
        placed: list[tuple[float, float, float]] = []
        # plain numbers: numpy is slower for so few objects
        for i in order:
            (x, y), half = areas[i]
            reach_x, reach_y = (float(h + self.grow * (h > 0)) for h in half)
            for _ in range(20):
                to_x, to_y = rng.uniform(-1, 1, 2)
                spot_x, spot_y = x + reach_x * to_x, y + reach_y * to_y
                gaps = (
                    math.hypot(spot_x - other_x, spot_y - other_y) - radius - room[i]
                    for other_x, other_y, radius in placed
                )
                if any(gap < self.min_gap for gap in gaps):
                    continue
                spot = np.array([spot_x, spot_y])
                if keep_out is None or not keep_out.meets(spot, room[i] + self.min_gap):
                    spots[i] = spot
                    placed.append((spot_x, spot_y, room[i]))
                    break
            else:
                return None
        outside = (np.abs(spots - areas[:, 0]) > areas[:, 1]).any(axis=1)
        return spots if not len(spots) or outside.mean() >= self.rim else None

    def _pose(self, rng: Generator, spec: ObjectSpec, spot: NDArray) -> tuple[NDArray, NDArray]:
        yaw = rng.uniform(-1, 1) * KINDS[spec.kind].yaw_range
        if spec.kind not in self.lying:
            return np.array([*spot, spec.half_height + CLEARANCE]), quat_about("z", yaw)
        height = KINDS[spec.kind].half_extents[0] * spec.scale
        down = quat_multiply(quat_about("y", -np.pi / 2), quat_about("z", yaw))
        turned = quat_multiply(quat_about("z", rng.uniform(-_LEAN, _LEAN)), down)
        return np.array([*spot, height + CLEARANCE]), turned

    def _furnish(
        self, rng: Generator, specs: Sequence[ObjectSpec], furniture: Sequence[int],
        pos: NDArray, quat: NDArray,
    ) -> _Rectangle:  # fmt: skip
        """Place a cabinet and its drawers; returns the area that stays empty."""
        cabinet = next((i for i in furniture if KINDS[specs[i].kind].bays), None)
        drawers = [i for i in furniture if i != cabinet]
        if cabinet is None or len(drawers) > len(KINDS[specs[cabinet].kind].bays):
            raise PlacementError(
                f"{len(drawers)} drawers need one cabinet with room for them among the objects."
            )
        spec = specs[cabinet]
        kind = KINDS[spec.kind]
        yaw = rng.uniform(-1, 1) * _CABINET_YAW
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        middle = np.array([_CABINET_X, rng.uniform(-1, 1) * _CABINET_Y])
        pos[cabinet], quat[cabinet] = [*middle, spec.half_height + CLEARANCE], quat_about("z", yaw)
        for i, bay in zip(drawers, kind.bays, strict=False):
            local = np.add(bay, (rng.uniform(*self.opened), 0.0)) * spec.scale
            pos[i] = [*(middle + turn @ local), specs[i].half_height + CLEARANCE]
            quat[i] = quat_about("z", yaw)
        half = np.array(kind.half_extents[:2]) * spec.scale + (_OPENING / 2, 0.0)
        return _Rectangle(middle + turn @ (_OPENING / 2, 0.0), turn, half)


@dataclass(frozen=True)
class _Rectangle:
    center: NDArray
    turn: NDArray
    """Rotation matrix, shape (2, 2)."""
    half: NDArray

    def meets(self, spot: NDArray, radius: float) -> bool:
        """Whether a disc overlaps it."""
        beyond = np.abs(self.turn.T @ (spot - self.center)) - self.half
        return float(np.linalg.norm(np.maximum(beyond, 0.0))) < radius
