"""The kinds of objects by name, and what one concrete object is."""

from __future__ import annotations

from dataclasses import dataclass

from vla_gym.world.object_kind import RGB, SIZE_SCALES, Kind
from vla_gym.world.object_shapes import SHAPES

KINDS: dict[str, Kind] = {kind.name: kind for kind in (make() for make in SHAPES)}
"""Every kind by name; the order is that of `World.kind_id`."""


@dataclass(frozen=True)
class ObjectSpec:
    """One concrete object: kind, size, colour, mass."""

    kind: str
    size: str = "medium"
    rgb: RGB = (0.5, 0.5, 0.5)
    mass_scale: float = 1.0
    """Factor on the kind's mass."""

    @property
    def scale(self) -> float:
        """Linear scale of the named size."""
        return SIZE_SCALES[self.size]

    @property
    def radius(self) -> float:
        """Radius of the circle around the footprint [m]."""
        return KINDS[self.kind].radius * self.scale

    @property
    def half_height(self) -> float:
        """Height of the origin above the table at rest [m]."""
        return KINDS[self.kind].half_height * self.scale
