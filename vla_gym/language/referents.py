"""What the things of a meaning are in a scene: `resolve_thing`, for all that a `Thing` can say.

Left and right, in front and behind are as the fixed camera sees them, which faces the robot.
"nearest" and "farthest" without a thing to refer to count from the robot's base.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vla_gym.language.noun_phrases import SceneObjects, is_called
from vla_gym.language.understanding import Thing
from vla_gym.language.vocabulary import COLOURS, all_colours, colour_name, finer_colours
from vla_gym.world.object_kind import SIZE_SCALES
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import DIRECTIONS

ANY_KIND = "any"
"""The kind of a `Thing` that does not say one."""
NEXT_TO = 0.08
"""Widest gap between the footprints of things that are next to each other [m]."""
_SIDES = {"left_of": "left", "right_of": "right", "in_front_of": "front", "behind": "behind"}
_APART = 0.03
"""Least difference between the first and the second in an order of places [m]."""
_BIGGER = 1.25
"""Least ratio of volumes by which one thing is bigger than another."""
_SPELT = {"gray": "grey"}
Known = Mapping[Thing, Sequence[int]]
"""Things whose slots are settled already."""


def is_known_kind(noun: str) -> bool:
    """Whether a kind of a `Thing` can be on the table."""
    return noun == ANY_KIND or noun in KINDS


def is_known_colour(word: str) -> bool:
    """Whether a colour word of a `Thing` is known."""
    word = spelt(word)
    # grey is one of the finer colours, whose table is slow to load
    return word == "grey" or word in all_colours() or word in finer_colours()


def spelt(word: str) -> str:
    """A colour word in the spelling of `vla_gym.language.vocabulary`."""
    return _SPELT.get(word, word)


def resolve_thing(
    thing: Thing,
    scene: SceneObjects,
    kinds: Collection[str] | None = None,
    but: Collection[int] = (),
    known: Known | None = None,
) -> list[int]:
    """Find the slots that a thing can be.

    Args:
        thing: What was said.
        scene: The scene.
        kinds: Kinds that come into question; None for all.
        but: Slots that do not.
        known: Things whose slots are settled; references to them are not resolved again.

    Returns:
        Slots in order: for a thing that is one of its kind, one slot. More mean that the words do
        not tell which, fewer that it is not there. A number ("two cubes") is not checked.
    """
    known = {} if known is None else known
    slots = [
        i
        for i, kind in enumerate(scene.kinds)
        if kind is not None and i not in but and thing.kind in (ANY_KIND, kind)
        and (kinds is None or kind in kinds)
    ]  # fmt: skip
    if thing.colour is not None:
        slots = _of_colour(spelt(thing.colour), slots, scene)
    if thing.not_colour is not None:
        barred = _of_colour(spelt(thing.not_colour), slots, scene)
        slots = [i for i in slots if i not in barred]
    if thing.size is not None:
        slots = [i for i in slots if scene.sizes[i] == thing.size]
    if thing.pick is None or not slots:
        return slots
    if thing.ref is None:
        return _by_order(thing, slots, scene)
    ref = list(known[thing.ref]) if thing.ref in known else resolve_thing(
        thing.ref, scene, known=known
    )  # fmt: skip
    if thing.pick == "other":
        return [i for i in slots if i not in ref]
    if len(ref) != 1:
        return []
    return _relative(thing, ref[0], [i for i in slots if i != ref[0]], scene)


def describe(scene: SceneObjects, slots: Iterable[int]) -> str:
    """Objects of a scene in words, for messages: "small red cube, large white bowl"."""
    return ", ".join(
        f"{scene.sizes[i]} {scene.colours[i]} {scene.kinds[i]}"
        for i in slots
        if scene.kinds[i] is not None
    )


def lies_in(scene: SceneObjects, i: int, j: int) -> bool:
    """Whether the object in slot i is in or on the one in slot j."""
    kind, scale = KINDS[str(scene.kinds[j])], SIZE_SCALES[scene.sizes[j]]
    reach = min(kind.inner if kind.container else kind.half_extents[:2]) * scale
    away = float(np.linalg.norm(scene.xy[i] - scene.xy[j]))
    if scene.z is None:
        return away < reach
    above = scene.z[i] - _half(scene, i)[2] - (scene.z[j] - _half(scene, j)[2])
    return away < reach and bool(above > (0.0008 if kind.mark else 0.003))


def _of_colour(word: str, slots: Sequence[int], scene: SceneObjects) -> list[int]:
    """Those of a colour: of exactly that word, else of what the word can be taken for."""
    exact = [i for i in slots if scene.colours[i] == word]
    if exact:
        return exact
    called = [i for i in slots if is_called(word, scene, i)]
    if called or word in COLOURS:
        return called
    rgb = all_colours().get(word) or finer_colours().get(word)
    basic = None if rgb is None else colour_name(rgb)
    return [i for i in slots if scene.colours[i] == basic]


def _by_order(thing: Thing, slots: list[int], scene: SceneObjects) -> list[int]:
    """The first ones in an order of place or size; all that could be, if it is not clear."""
    if thing.pick == "other":
        return slots
    wanted = thing.count if isinstance(thing.count, int) else 1
    score, need = _score(str(thing.pick), slots, scene)
    return _first(slots, score, need, wanted)


def _first(slots: list[int], score: NDArray, need: float, wanted: int) -> list[int]:
    """The slots with the highest scores; more if the next one is not clearly lower."""
    order = np.argsort(-score, kind="stable")
    if len(slots) > wanted:
        least = score[order[wanted - 1]]
        if least - score[order[wanted]] < need:
            return [i for i, s in zip(slots, score, strict=True) if least - s < need]
    return sorted(slots[k] for k in order[:wanted])


def _score(pick: str, slots: list[int], scene: SceneObjects) -> tuple[NDArray, float]:
    xy = scene.xy[slots]
    if pick in ("leftmost", "rightmost"):
        return (xy[:, 1] if pick == "rightmost" else -xy[:, 1]), _APART
    if pick in ("biggest", "smallest"):
        volume = np.log([float(np.prod(_half(scene, i))) for i in slots])
        return (volume if pick == "biggest" else -volume), float(np.log(_BIGGER))
    away = np.linalg.norm(xy, axis=1)
    return (away if pick == "farthest" else -away), _APART


def _relative(thing: Thing, ref: int, slots: list[int], scene: SceneObjects) -> list[int]:
    pick, away = str(thing.pick), scene.xy[slots] - scene.xy[ref]
    far = np.linalg.norm(away, axis=1)
    if pick == "same_colour_as":
        return [i for i in slots if scene.colours[i] == scene.colours[ref]]
    if pick in ("nearest", "farthest") and slots:
        wanted = thing.count if isinstance(thing.count, int) else 1
        return _first(slots, far if pick == "farthest" else -far, _APART, wanted)
    if pick in ("in", "on"):
        return [i for i in slots if lies_in(scene, i, ref)]
    if pick == "near":
        room = [far[k] - _radius(scene, i) - _radius(scene, ref) for k, i in enumerate(slots)]
        return [
            i for k, i in enumerate(slots)
            if room[k] < NEXT_TO and not lies_in(scene, i, ref) and not lies_in(scene, ref, i)
        ]  # fmt: skip
    if pick in _SIDES:
        direction = np.array(DIRECTIONS[_SIDES[pick]])
        along, across = away @ direction, np.abs(away @ direction[::-1])
        return [i for k, i in enumerate(slots) if along[k] > max(0.02, float(across[k]))]
    return slots  # an order of places or sizes does not need what it refers to


def _half(scene: SceneObjects, i: int) -> NDArray:
    return np.array(KINDS[str(scene.kinds[i])].half_extents) * SIZE_SCALES[scene.sizes[i]]


def _radius(scene: SceneObjects, i: int) -> float:
    return KINDS[str(scene.kinds[i])].radius * SIZE_SCALES[scene.sizes[i]]
