"""The kinds of things that can lie on the table, as pure data made of primitives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

MAX_GEOMS = 12
"""Primitives that every object slot owns; a kind uses at most so many."""

SIZE_SCALES: dict[str, float] = {"small": 0.85, "medium": 1.0, "large": 1.2}
"""Linear scale of each named size."""

SIZES = tuple(SIZE_SCALES)

RGB = tuple[float, float, float]


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
    """Factor on the object's colour, so that an inside can be told from an outside."""


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
    """Whether things can be put in or on it."""
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
    """Whether it is only a mark on the table, that touches nothing and stays where it is."""
    grip: str = "any"
    """Where the fingers can close: "any" way round, across flat sides ("square"), or only along
    the object's y axis ("side")."""
    yaw_range: float = math.pi
    """Start yaws are drawn from plus or minus so much [rad]."""
    sizes: tuple[str, ...] = SIZES
    """Named sizes it comes in."""
    handle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the gripper takes it [m]."""
    bays: tuple[tuple[float, float], ...] = ()
    """Where the drawers of a cabinet stand when closed; they open along its x axis [m]."""

    @property
    def half_height(self) -> float:
        """Height of the origin above the table at rest [m]."""
        return self.half_extents[2]

    @property
    def radius(self) -> float:
        """Radius of the circle around the footprint [m]."""
        x, y, _ = self.half_extents
        return max(x, y) if self.round else math.hypot(x, y)


@dataclass(frozen=True)
class ObjectSpec:
    """One concrete object: what it is, how large, which colour, how heavy."""

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


def _ring(
    n: int,
    radius: float,
    half: tuple[float, float, float],
    z: float,
    tilt: float,
    shade: float = 1.0,
) -> list[Geom]:
    """A ring of `n` boxes whose outward faces lean by `tilt` [rad] from the vertical."""
    geoms = []
    for i in range(n):
        a = 2 * math.pi * i / n
        ca, sa, ct, st = math.cos(a / 2), math.sin(a / 2), math.cos(tilt / 2), math.sin(tilt / 2)
        # yaw by a, then pitch by tilt about the box's own y axis
        quat = (ca * ct, -sa * st, ca * st, sa * ct)
        pos = (radius * math.cos(a), radius * math.sin(a), z)
        geoms.append(Geom("box", half, pos, quat, shade))
    return geoms


_CLEAR = 0.001
"""Half the gap that walls keep to the ground, so that an upright container rests on its base."""


def _cube() -> Kind:
    h = 0.021
    return Kind("cube", (Geom("box", (h, h, h)),), (h, h, h), graspable=True, round=False,
                grip="square")  # fmt: skip


def _cylinder() -> Kind:
    r, h = 0.021, 0.024
    return Kind("cylinder", (Geom("cylinder", (r, h)),), (r, r, h), graspable=True)


def _ball() -> Kind:
    r = 0.022
    return Kind("ball", (Geom("sphere", (r,)),), (r, r, r), graspable=True, rolls=True)


def _mug() -> Kind:
    r, h, t = 0.027, 0.026, 0.0025
    half_chord = (r + t) * math.tan(math.pi / 8)
    geoms = [Geom("cylinder", (r, 0.003), (0.0, 0.0, -h + 0.003), shade=0.75)]
    geoms += _ring(8, r - t, (t, half_chord, h - _CLEAR), _CLEAR, 0.0)
    geoms += [
        Geom("box", (0.008, 0.004, 0.0035), (r + 0.007, 0.0, 0.015)),
        Geom("box", (0.008, 0.004, 0.0035), (r + 0.007, 0.0, -0.011)),
        Geom("box", (0.0035, 0.004, 0.0165), (r + 0.0155, 0.0, 0.002)),
    ]
    # the handle stays off the line on which the fingers close (the y axis of the table)
    return Kind(
        "mug", tuple(geoms), (r, r, h), density=500.0, graspable=True, container=True,
        inner=(r - 2 * t, r - 2 * t), floor=0.006, grip="side", yaw_range=math.pi / 4,
    )  # fmt: skip


def _bowl() -> Kind:
    r0, r1, h, t, n = 0.036, 0.060, 0.021, 0.003, 10
    tilt = math.atan2(r1 - r0, 2 * h)
    mid = (r0 + r1) / 2
    half_chord = (r1 + t) * math.tan(math.pi / n)
    slant = math.hypot(r1 - r0, 2 * h) / 2 - 1.5 * _CLEAR
    geoms = [Geom("cylinder", (r0 + t, 0.003), (0.0, 0.0, -h + 0.003), shade=0.75)]
    geoms += _ring(n, mid, (t, half_chord, slant), 2.5 * _CLEAR, tilt)
    return Kind("bowl", tuple(geoms), (r1 + t, r1 + t, h), density=700.0, container=True,
                inner=(r1 - 0.008, r1 - 0.008), floor=0.006)  # fmt: skip


def _plate() -> Kind:
    r0, r1, h, t, n = 0.050, 0.066, 0.007, 0.003, 10
    tilt = math.atan2(r1 - r0, 2 * h)
    mid = (r0 + r1) / 2
    half_chord = (r1 + t) * math.tan(math.pi / n)
    slant = math.hypot(r1 - r0, 2 * h) / 2 - 1.5 * _CLEAR
    geoms = [Geom("cylinder", (r0 + t, 0.003), (0.0, 0.0, -h + 0.003), shade=0.85)]
    geoms += _ring(n, mid, (t, half_chord, slant), 2.5 * _CLEAR, tilt)
    return Kind("plate", tuple(geoms), (r1 + t, r1 + t, h), density=900.0, container=True,
                inner=(r1 - 0.008, r1 - 0.008), floor=0.006)  # fmt: skip


def _tray() -> Kind:
    x, y, h, t = 0.052, 0.070, 0.011, 0.003
    geoms = (
        Geom("box", (x, y, t), (0.0, 0.0, -h + t), shade=0.8),
        Geom("box", (t, y, h - _CLEAR), (x, 0.0, _CLEAR)),
        Geom("box", (t, y, h - _CLEAR), (-x, 0.0, _CLEAR)),
        Geom("box", (x, t, h - _CLEAR), (0.0, y, _CLEAR)),
        Geom("box", (x, t, h - _CLEAR), (0.0, -y, _CLEAR)),
    )
    return Kind("tray", geoms, (x + t, y + t, h), density=600.0, container=True,
                inner=(x - t, y - t), floor=2 * t, round=False)  # fmt: skip


def _brick() -> Kind:
    x, y, z = 0.034, 0.019, 0.017
    return Kind("brick", (Geom("box", (x, y, z)),), (x, y, z), graspable=True, round=False,
                grip="side")  # fmt: skip


def _stone() -> Kind:
    x, y, z = 0.035, 0.020, 0.015
    lumps = (
        Geom("ellipsoid", (0.027, y, z)),
        Geom("ellipsoid", (0.016, 0.014, 0.012), (0.018, -0.003, 0.001), shade=0.9),
        Geom("ellipsoid", (0.015, 0.016, 0.013), (-0.019, 0.003, 0.001), shade=0.8),
        Geom("ellipsoid", (0.012, 0.011, 0.010), (-0.004, 0.001, 0.010), shade=0.95),
    )
    return Kind("stone", lumps, (x, y, z), density=700.0, graspable=True, grip="side")


def _star() -> Kind:
    """Six points: three bars through one middle."""
    arm, half, h = 0.030, 0.0065, 0.012
    bars = []
    for i in range(3):
        a = math.pi * i / 3 / 2
        bars.append(Geom("box", (half, arm, h), quat=(math.cos(a), 0.0, 0.0, math.sin(a))))
    return Kind("star", tuple(bars), (arm, arm, h), graspable=True, grip="side")


def _bottle() -> Kind:
    r, body, neck, h = 0.019, 0.028, 0.010, 0.046
    geoms = (
        Geom("cylinder", (r, body), (0.0, 0.0, -h + body)),
        Geom("cylinder", (0.014, 0.005), (0.0, 0.0, -h + 2 * body + 0.004), shade=0.95),
        Geom("cylinder", (0.008, neck), (0.0, 0.0, h - neck - 0.002)),
        Geom("cylinder", (0.0095, 0.005), (0.0, 0.0, h - 0.005), shade=0.5),
    )
    return Kind("bottle", geoms, (r, r, h), graspable=True)


def _can() -> Kind:
    r, h = 0.021, 0.033
    geoms = (
        Geom("cylinder", (r, h - 0.003)),
        Geom("cylinder", (r - 0.002, 0.0025), (0.0, 0.0, h - 0.0025), shade=0.45),
        Geom("cylinder", (r - 0.002, 0.0025), (0.0, 0.0, -h + 0.0025), shade=0.45),
    )
    return Kind("can", geoms, (r, r, h), graspable=True)


def _puck() -> Kind:
    r, h = 0.030, 0.011
    geoms = (
        Geom("cylinder", (r, h)),
        Geom("cylinder", (0.014, 0.001), (0.0, 0.0, h), shade=0.6),
    )
    return Kind("puck", geoms, (r, r, h), graspable=True, slippery=True)


def _cone() -> Kind:
    """Stacked discs that get smaller; the fingers hold its foot."""
    h, steps, r = 0.026, 6, 0.024
    geoms = []
    for i in range(steps):
        half = h / steps
        geoms.append(Geom("cylinder", (r * (1 - i / steps), half), (0, 0, -h + half * (2 * i + 1))))
    return Kind("cone", tuple(geoms), (r, r, h), graspable=True)


def _box() -> Kind:
    x, y, h, t = 0.048, 0.048, 0.028, 0.003
    geoms = (
        Geom("box", (x, y, t), (0.0, 0.0, -h + t), shade=0.6),
        Geom("box", (t, y, h - _CLEAR), (x, 0.0, _CLEAR)),
        Geom("box", (t, y, h - _CLEAR), (-x, 0.0, _CLEAR)),
        Geom("box", (x, t, h - _CLEAR), (0.0, y, _CLEAR), shade=0.9),
        Geom("box", (x, t, h - _CLEAR), (0.0, -y, _CLEAR), shade=0.9),
    )
    return Kind("box", geoms, (x + t, y + t, h), density=500.0, container=True,
                inner=(x - t, y - t), floor=2 * t, round=False)  # fmt: skip


def _shelf() -> Kind:
    x, y, h, t = 0.055, 0.065, 0.040, 0.004
    legs = [(x - 0.006, y - 0.006), (x - 0.006, -y + 0.006), (-x + 0.006, y - 0.006),
            (-x + 0.006, -y + 0.006)]  # fmt: skip
    geoms = [Geom("box", (x, y, t), (0.0, 0.0, h - t))]
    geoms += [Geom("box", (0.006, 0.006, h - t), (a, b, -t), shade=0.6) for a, b in legs]
    return Kind("shelf", tuple(geoms), (x, y, h), density=4000.0, container=True,
                inner=(x - 0.008, y - 0.008), floor=2 * h, round=False,
                yaw_range=math.pi / 8)  # fmt: skip


def _button() -> Kind:
    r, h = 0.036, 0.014
    geoms = (
        Geom("cylinder", (r, 0.006), (0.0, 0.0, -h + 0.006), shade=0.35),
        Geom("cylinder", (0.022, 0.008), (0.0, 0.0, h - 0.008)),
    )
    return Kind("button", geoms, (r, r, h), density=6000.0)


def _drawer() -> Kind:
    """It slides on the table, between the walls of a cabinet."""
    x, y, h, t = 0.050, 0.040, 0.017, 0.003
    geoms = (
        Geom("box", (x, y, t), (0.0, 0.0, -h + t), shade=0.6),
        Geom("box", (t, y, h - _CLEAR), (x, 0.0, _CLEAR)),
        Geom("box", (t, y, h - _CLEAR), (-x, 0.0, _CLEAR), shade=0.8),
        Geom("box", (x, t, h - _CLEAR), (0.0, y - t, _CLEAR), shade=0.8),
        Geom("box", (x, t, h - _CLEAR), (0.0, -y + t, _CLEAR), shade=0.8),
        Geom("box", (0.014, 0.007, 0.010), (x + t + 0.014, 0.0, 0.004), shade=0.45),
    )
    return Kind(
        "drawer", geoms, (x + t, y, h), density=600.0, container=True, inner=(x - t, y - 2 * t),
        floor=2 * t, round=False, slippery=True, grip="side", yaw_range=0.0,
        sizes=("medium",), handle=(x + t + 0.015, 0.0, 0.004),
    )  # fmt: skip


def _cabinet() -> Kind:
    """Walls and a top around two drawers, open to the front."""
    x, bay, h, t = 0.055, 0.0415, 0.021, 0.004
    side = 2 * bay + 3 * t / 2
    geoms = [Geom("box", (x, side + t / 2, t / 2), (0.0, 0.0, h - t / 2))]
    geoms += [Geom("box", (x, t / 2, h - t / 2), (0.0, w, -t / 2), shade=0.8)
              for w in (-side, 0.0, side)]  # fmt: skip
    geoms += [Geom("box", (t / 2, side, h - t / 2), (-x + t / 2, 0.0, -t / 2), shade=0.8)]
    middle = bay + 3 * t / 4
    return Kind(
        "cabinet", tuple(geoms), (x, side + t / 2, h), density=12_000.0, round=False,
        yaw_range=0.0, sizes=("medium",), bays=((0.005, -middle), (0.005, middle)),
    )  # fmt: skip


def _line() -> Kind:
    """A line across the table."""
    return Kind("line", (Geom("box", (0.004, 0.45, 0.0006)),), (0.004, 0.45, 0.0006), mark=True,
                round=False, yaw_range=0.0, sizes=("medium",))  # fmt: skip


def _mat() -> Kind:
    r, h = 0.055, 0.0008
    geoms = (
        Geom("cylinder", (r, h)),
        Geom("cylinder", (r - 0.010, h), (0.0, 0.0, 0.0004), shade=0.75),
    )
    return Kind("mat", geoms, (r, r, h), container=True, inner=(r - 0.010, r - 0.010), mark=True)


_MAKERS: tuple[Callable[[], Kind], ...] = (
    _cube, _cylinder, _ball, _mug, _bowl, _plate, _tray,
    _brick, _stone, _star, _bottle, _can, _puck, _cone, _box, _shelf, _button, _mat,
    _drawer, _cabinet, _line,
)  # fmt: skip

KINDS: dict[str, Kind] = {kind.name: kind for kind in (make() for make in _MAKERS)}
"""Every kind by name; the order gives `World.kind_id`."""
