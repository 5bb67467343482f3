"""The shape of each kind of object, made of primitives."""

from __future__ import annotations

import math
from collections.abc import Callable

from vla_gym.world.object_kind import Geom, Kind


def _ring(
    n: int,
    radius: float,
    half: tuple[float, float, float],
    z: float,
    tilt: float,
    shade: float = 1.0,
) -> list[Geom]:
    """A ring of `n` boxes whose outer faces tilt by `tilt` [rad] from the vertical."""
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
"""Half the gap between walls and table, so that an upright container rests on its base [m]."""


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


def _round_dish(name: str, r0: float, r1: float, h: float, shade: float, density: float) -> Kind:
    """A round container with a slanted wall.

    Args:
        name: Name of the kind.
        r0: Radius of the floor [m].
        r1: Radius of the rim [m].
        h: Half the height [m].
        shade: Brightness of the floor relative to the wall.
        density: [kg/m³].
    """
    t, n = 0.003, 10
    tilt = math.atan2(r1 - r0, 2 * h)
    mid = (r0 + r1) / 2
    half_chord = (r1 + t) * math.tan(math.pi / n)
    slant = math.hypot(r1 - r0, 2 * h) / 2 - 1.5 * _CLEAR
    geoms = [Geom("cylinder", (r0 + t, 0.003), (0.0, 0.0, -h + 0.003), shade=shade)]
    geoms += _ring(n, mid, (t, half_chord, slant), 2.5 * _CLEAR, tilt)
    return Kind(name, tuple(geoms), (r1 + t, r1 + t, h), density=density, container=True,
                inner=(r1 - 0.008, r1 - 0.008), floor=0.006)  # fmt: skip


def _bowl() -> Kind:
    return _round_dish("bowl", 0.036, 0.060, 0.021, shade=0.75, density=700.0)


def _plate() -> Kind:
    return _round_dish("plate", 0.050, 0.066, 0.007, shade=0.85, density=900.0)


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
    """Six points: three bars that cross at the centre."""
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
    """Stacked discs that get smaller; the fingers hold the lowest."""
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
    """Slides on the table between the walls of a cabinet."""
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


SHAPES: tuple[Callable[[], Kind], ...] = (
    _cube, _cylinder, _ball, _mug, _bowl, _plate, _tray,
    _brick, _stone, _star, _bottle, _can, _puck, _cone, _box, _shelf, _button, _mat,
    _drawer, _cabinet, _line,
)  # fmt: skip
"""Makes each kind; the order is that of kind indices."""
