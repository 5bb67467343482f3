"""Whether objects fit into, onto or under one another, from their sizes."""

from __future__ import annotations

from collections.abc import Sequence

from vla_gym.world.object_kind import SIZE_SCALES, SIZES
from vla_gym.world.objects import KINDS

_SLACK = 0.003
"""By how much an object may be wider than what counts as inside, because rims slant [m]."""
_CORNER = 0.006
"""The same for the corners of square objects in round containers [m]."""
_RIMLESS = ("shelf", "mat", "plate")
"""Containers without a wall that would keep an object out."""
_ROOF = 0.004
"""Thickness of a cabinet's top at its medium size [m]."""
_LOW = 0.001
"""Room left between an object and the top of a cabinet [m]."""
_AREA = 1.15
"""How much of a container's floor the squares around several objects may take."""

Sized = tuple[str, str]
"""Kind and named size."""


def fits_in(thing: Sized, place: Sized) -> bool:
    """Whether an object goes into a container, or onto a flat one."""
    long, short = sorted(_halves(thing), reverse=True)
    inner_long, inner_short = sorted(_inner(place), reverse=True)
    if place[0] in _RIMLESS:
        return short <= inner_short + _SLACK
    if KINDS[place[0]].round:
        reach = KINDS[thing[0]].radius * SIZE_SCALES[thing[1]]
        slack = _SLACK if KINDS[thing[0]].round else _CORNER
        return reach <= inner_long + slack
    return long <= inner_long + _SLACK and short <= inner_short + _SLACK


def all_fit_in(things: Sequence[Sized], place: Sized) -> bool:
    """Whether several objects go into a container side by side."""
    if len(things) == 1:
        return fits_in(things[0], place)
    inner = _inner(place)
    room = 4 * inner[0] * inner[1]
    needed = sum(4 * a * b for a, b in map(_halves, things))
    return all(fits_in(t, place) for t in things) and needed <= _AREA * room


def passes_under(thing: Sized, drawer: Sized, cabinet: Sized) -> bool:
    """Whether a drawer with the object in it can be shut."""
    height = 2 * KINDS[thing[0]].half_height * SIZE_SCALES[thing[1]]
    floor = KINDS[drawer[0]].floor * SIZE_SCALES[drawer[1]]
    roof = (2 * KINDS[cabinet[0]].half_height - _ROOF) * SIZE_SCALES[cabinet[1]]
    return height + floor + _LOW <= roof


def sizes_of(kind: str, size: str | None = None) -> tuple[str, ...]:
    """Named sizes that a kind comes in, or the given one."""
    return KINDS[kind].sizes if size is None else (size,)


def can_fit_in(thing: str, size: str | None, place: str, place_size: str | None) -> bool:
    """Whether some object of a kind goes into some container of another kind."""
    return any(
        fits_in((thing, a), (place, b))
        for a in sizes_of(thing, size)
        for b in sizes_of(place, place_size)
    )


def can_be_shut_in(thing: str, size: str | None) -> bool:
    """Whether some drawer can be shut with some object of a kind in it."""
    return any(
        passes_under((thing, a), ("drawer", b), ("cabinet", b))
        for a in sizes_of(thing, size)
        for b in SIZES
    )


def _halves(thing: Sized) -> tuple[float, float]:
    x, y, _ = KINDS[thing[0]].half_extents
    return x * SIZE_SCALES[thing[1]], y * SIZE_SCALES[thing[1]]


def _inner(place: Sized) -> tuple[float, float]:
    x, y = KINDS[place[0]].inner
    return x * SIZE_SCALES[place[1]], y * SIZE_SCALES[place[1]]
