"""Where the objects of a composed scene start: in, on and beside each other as the words say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.casting import CastList
from vla_gym.envs.composing import Composition
from vla_gym.errors import PlacementError
from vla_gym.geometry.rotations import quat_about, quat_to_mat
from vla_gym.language.understanding import SkillStep
from vla_gym.skills.striking import STRIKE_LINE
from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.placement import CLEARANCE, TALL, Scatter
from vla_gym.world.predicates import DIRECTIONS

Area = tuple[tuple[float, float], tuple[float, float]]
"""Centre and half sizes of a rectangle [m]."""
_TABLE: Area = ((0.50, 0.0), (0.125, 0.235))
_BY_CABINET: Area = ((0.50, 0.0), (0.13, 0.29))
_MIDDLE: Area = ((0.475, 0.0), (0.045, 0.18))
"""So that every side is within reach."""
_PUSHED: Area = ((0.51, 0.0), (0.075, 0.20))
"""So that the hand fits behind."""
_STRUCK: Area = ((0.42, 0.0), (0.025, 0.16))
_STRUCK_TO: Area = ((0.645, 0.0), (0.025, 0.14))
_FELL: Area = ((0.50, 0.0), (0.10, 0.20))
_REACH: Area = ((0.51, 0.0), (0.17, 0.29))
"""Where things beside others may start."""
_SIDES = {"left_of": "left", "right_of": "right", "in_front_of": "front", "behind": "behind"}
_TRIES = 60
"""Spots tried for one object beside another."""
_SINK = 0.003
"""Room below what starts in a container with a slanted wall [m]."""


def arrange(
    composed: Composition, drawn: CastList, specs: Sequence[ObjectSpec], rng: Generator,
    n_slots: int,
) -> tuple[NDArray, NDArray]:  # fmt: skip
    """Draw the poses of a scene's objects; they are in the order of the cast list.

    Args:
        composed: The task and its meaning.
        drawn: The objects.
        specs: The same as concrete objects.
        rng: Source of randomness.
        n_slots: Object slots; those without an object stay empty.

    Returns:
        Positions (n_slots, 3) [m] and quaternions (n_slots, 4).

    Raises:
        PlacementError: If no arrangement was found.
    """
    actors = drawn.actors
    free = [i for i, actor in enumerate(actors) if actor.at is None]
    pos, quat = np.zeros((n_slots, 3)), np.zeros((n_slots, 4))
    quat[:, 0] = 1.0
    scatter = _scatter(composed, drawn)
    pos[free], quat[free] = scatter.sample(rng, [specs[i] for i in free], len(free))
    for i in free:
        if actors[i].opened[1]:
            pos[i] += quat_to_mat(quat[i])[:, 0] * rng.uniform(*actors[i].opened)
    placed = list(free)
    waiting = [i for i in range(len(actors)) if i not in free]
    while waiting:
        i = next(i for i in waiting if _anchor(drawn, i)[1] in placed)
        waiting.remove(i)
        how, j = _anchor(drawn, i)
        if how in ("in", "on"):
            together = [k for k in range(len(actors)) if actors[k].at == actors[i].at]
            pos[i] = _within(specs, pos, quat, i, j, together.index(i), len(together))
            yaw = rng.uniform(-1, 1) * min(KINDS[specs[i].kind].yaw_range, np.pi / 8)
            # between the long sides of a drawer there is no room for the fingers
            yaw += np.pi / 2 * (specs[j].kind == "drawer")
            quat[i] = quat_about("z", yaw)
        else:
            _put_beside(rng, specs, pos, quat, i, j, how, placed)
        placed.append(i)
    _check_ways(composed.meaning.steps, drawn, specs, pos)
    return pos, quat


def _anchor(drawn: CastList, i: int) -> tuple[str, int]:
    at = drawn.actors[i].at
    assert at is not None
    return at


def _scatter(composed: Composition, drawn: CastList) -> Scatter:
    """Regions of kinds by what is done with them."""
    kinds = {actor.kind for actor in drawn.actors}
    default = _BY_CABINET if "cabinet" in kinds else _TABLE
    areas: dict[str, Area] = {"line": ((STRIKE_LINE, 0.0), (0.0, 0.0))} if "line" in kinds else {}
    gap = 0.03
    for step in composed.meaning.steps:
        things = {drawn.actors[i].kind for i in drawn.parts.get(step.object, [])}
        targets = (
            {drawn.actors[i].kind for i in drawn.parts.get(step.target, [])}
            if step.target
            else set()
        )
        if step.skill == "slide" and things == {"puck"}:
            areas |= dict.fromkeys(things, _STRUCK) | dict.fromkeys(targets, _STRUCK_TO)
            gap = 0.06
        elif step.skill in ("push", "slide"):
            areas = dict.fromkeys(things | targets, _PUSHED) | areas
            gap = max(gap, 0.05)
        elif step.skill == "beside":
            areas = dict.fromkeys(targets, _MIDDLE) | areas
        elif step.skill == "upright":
            areas = dict.fromkeys(things, _FELL) | areas
    lying = tuple({actor.kind for actor in drawn.actors if actor.lies})
    return Scatter(
        default[0], default[1], min_gap=gap, attempts=30, lying=lying,
        regions=tuple((kind, *area) for kind, area in areas.items()),
    )  # fmt: skip


def _within(
    specs: Sequence[ObjectSpec], pos: NDArray, quat: NDArray, i: int, j: int, k: int, n: int
) -> NDArray:
    """Position of object i in or on object j, as the k-th of n."""
    kind, scale = KINDS[specs[j].kind], specs[j].scale
    base = pos[j, 2] - specs[j].half_height
    base += kind.floor * scale if kind.container else 2 * specs[j].half_height
    spot = pos[j, :2].copy()
    if n > 1:
        inner = 0.5 * np.array(kind.inner) * scale
        offsets = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]]) * inner
        spot += quat_to_mat(quat[j])[:2, :2] @ offsets[k % 4]
    elif kind.name == "drawer":
        # where nothing is above the fingers
        spot += quat_to_mat(quat[j])[:2, 0] * 0.008
    slanted = kind.name in ("bowl", "plate", "mug")
    return np.array([*spot, base + specs[i].half_height + CLEARANCE + _SINK * slanted])


def _put_beside(
    rng: Generator, specs: Sequence[ObjectSpec], pos: NDArray, quat: NDArray, i: int, j: int,
    how: str, placed: Sequence[int],
) -> None:  # fmt: skip
    """Place object i next to object j, or on a side of it."""
    skipped = ("cabinet", "drawer") if specs[j].kind == "drawer" and how == "near" else ()
    others = [
        k for k in placed if not KINDS[specs[k].kind].mark and specs[k].kind not in skipped
    ]  # fmt: skip
    for _ in range(_TRIES):
        gap = rng.uniform(0.02, 0.07) + _tall(specs[i], specs[j]) * 0.02
        if how == "near":
            angle = rng.uniform(0, 2 * np.pi)
            way = np.array([np.cos(angle), np.sin(angle)])
        else:
            gap = rng.uniform(0.025, 0.10) + _tall(specs[i], specs[j]) * 0.02
            way = np.array(DIRECTIONS[_SIDES[how]])
            way = way + rng.uniform(-0.6, 0.6) * way[::-1]
            way /= np.linalg.norm(way)
        spot = pos[j, :2] + way * (specs[i].radius + specs[j].radius + gap)
        if specs[j].kind == "drawer" and how == "near":
            spot = _beside_cabinet(rng, specs, pos, i, j)
        if _in_area(spot, _REACH) and all(
            np.linalg.norm(spot - pos[k, :2]) > specs[i].radius + specs[k].radius
            + (0.02 if k == j else 0.03 + _tall(specs[i], specs[k]) * 0.02)
            for k in others
        ):  # fmt: skip
            yaw = rng.uniform(-1, 1) * KINDS[specs[i].kind].yaw_range
            pos[i] = [*spot, specs[i].half_height + CLEARANCE]
            quat[i] = quat_about("z", yaw)
            return
    raise PlacementError(f"There was no room for a {specs[i].kind} next to a {specs[j].kind}.")


def _beside_cabinet(
    rng: Generator, specs: Sequence[ObjectSpec], pos: NDArray, i: int, j: int
) -> NDArray:
    """A spot next to a drawer: on its own side of the cabinet, where it can still open."""
    k = next(k for k, spec in enumerate(specs) if spec.kind == "cabinet")
    half = KINDS["cabinet"].half_extents[1] * specs[k].scale
    side = 1.0 if pos[j, 1] > pos[k, 1] else -1.0
    y = pos[k, 1] + side * (half + specs[i].radius + rng.uniform(0.012, 0.02))
    return np.array([pos[j, 0] + rng.uniform(0.0, 0.04), y])


def _tall(*specs: ObjectSpec) -> bool:
    return any(2 * s.half_height > TALL for s in specs)


def _in_area(spot: NDArray, area: Area) -> bool:
    return bool((np.abs(spot - area[0]) <= area[1]).all())


def _check_ways(
    steps: Sequence[SkillStep], drawn: CastList, specs: Sequence[ObjectSpec], pos: NDArray
) -> None:
    """Whether things can be pushed to their targets, and put beside them.

    Raises:
        PlacementError: If something is in the way.
    """
    for step in steps:
        if step.target is None or step.target not in drawn.parts:
            continue
        i, j = drawn.parts[step.object][0], drawn.parts[step.target][0]
        others = [k for k in range(len(specs)) if k not in (i, j) and not KINDS[specs[k].kind].mark]
        if step.skill in ("push", "slide") and step.object.count == 1:
            way = pos[j, :2] - pos[i, :2]
            ahead = way / max(float(np.linalg.norm(way)), 1e-6)
            start = pos[i, :2] - ahead * (specs[i].radius + 0.05)
            away = [_distance(pos[k, :2], start, pos[j, :2]) - specs[k].radius for k in others]
            if min(away, default=1.0) < max(0.045, specs[i].radius + 0.015):
                raise PlacementError("Something is in the way of what is to be pushed.")
            if not _in_area(start, _REACH) or np.linalg.norm(way) < specs[i].radius + 0.06:
                raise PlacementError("What is to be pushed is too close to something.")
        elif step.skill == "beside" and step.side in DIRECTIONS and specs[j].kind != "drawer":
            side = np.array(DIRECTIONS[step.side])
            spot = pos[j, :2] + side * (specs[i].radius + specs[j].radius + 0.045)
            needed = [specs[i].radius + specs[k].radius + 0.025 for k in others]
            away = [float(np.linalg.norm(pos[k, :2] - spot)) for k in others]
            if any(a < b for a, b in zip(away, needed, strict=True)) or not _in_area(spot, _REACH):
                raise PlacementError("There is no room beside what something is to be put to.")


def _distance(point: NDArray, start: NDArray, end: NDArray) -> float:
    """From a point to a line segment [m]."""
    way = end - start
    share = float(np.clip((point - start) @ way / max(float(way @ way), 1e-9), 0.0, 1.0))
    return float(np.linalg.norm(point - start - share * way))
