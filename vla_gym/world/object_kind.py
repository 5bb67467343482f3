"""What a kind of object is: primitives, sizes, and how it can be used, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_GEOMS = 12
"""Primitives of every object slot; no kind has more."""

SIZE_SCALES: dict[str, float] = {"small": 0.85, "medium": 1.0, "large": 1.2}
"""Linear scale of each named size."""

SIZES = tuple(SIZE_SCALES)
"""Named sizes."""

RGB = tuple[float, float, float]
"""Colour, 0 to 1."""


@dataclass(frozen=True)
class Geom:
    """One primitive of an object, in the object's frame.

    The frame's origin is at half the object's height, so that an object at rest has its origin at
    `Kind.half_height` above the table.
    """

    shape: str
    """``"box"``, ``"cylinder"``, ``"sphere"``, ``"capsule"`` or ``"ellipsoid"``."""
    size: tuple[float, ...]
    """MuJoCo's half sizes of that shape [m]."""
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre [m]."""
    quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """Orientation, wxyz."""
    shade: float = 1.0
    """Factor on the object's colour, so that inner and outer faces differ."""


@dataclass(frozen=True)
class Kind:
    """A kind of object at its medium size."""

    name: str
    geoms: tuple[Geom, ...]
    half_extents: tuple[float, float, float]
    """Half sizes of the bounding box in the object's frame [m]."""
    density: float = 400.0
    """Mass per volume of the primitives [kg/m^3]."""
    graspable: bool = False
    """Whether the gripper can close around it."""
    container: bool = False
    """Whether objects can be put in or on it."""
    inner: tuple[float, float] = (0.0, 0.0)
    """Half extents (or twice the radius) of the region that counts as inside [m]."""
    floor: float = 0.0
    """Thickness of a container's floor [m]."""
    round: bool = True
    """Whether the footprint is a disc (else a rectangle)."""
    rolls: bool = False
    """Whether it needs rolling friction to come to rest."""
    slippery: bool = False
    """Whether it slides easily on the table."""
    mark: bool = False
    """Whether it is only a mark on the table: it collides with nothing and does not move."""
    grip: str = "any"
    """How the fingers can close: in any direction ("any"), across flat sides ("square"), or only
    along the object's y axis ("side")."""
    yaw_range: float = math.pi
    """Start yaws are drawn from [-yaw_range, yaw_range] [rad]."""
    sizes: tuple[str, ...] = SIZES
    """Named sizes it comes in."""
    handle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the gripper grasps it, object frame [m]."""
    bays: tuple[tuple[float, float], ...] = ()
    """Positions of a cabinet's closed drawers; they open along its x axis [m]."""

    @property
    def half_height(self) -> float:
        """Height of the origin above the table at rest [m]."""
        return self.half_extents[2]

    @property
    def radius(self) -> float:
        """Radius of the circle around the footprint [m]."""
        x, y, _ = self.half_extents
        return max(x, y) if self.round else math.hypot(x, y)
