"""Scenes in which a meaning makes sense, and what it means in a scene that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.arranging import arrange
from vla_gym.envs.binding import Binding
from vla_gym.envs.casting import CastList, cast_scene
from vla_gym.envs.composing import Cast, Composition
from vla_gym.errors import InstructionError, PlacementError
from vla_gym.language.in_scene import misfit
from vla_gym.language.noun_phrases import SceneObjects
from vla_gym.language.referents import resolve_thing
from vla_gym.language.understanding import Thing
from vla_gym.language.vocabulary import jitter
from vla_gym.world.objects import ObjectSpec

_ATTEMPTS = 200
"""Draws of a scene before its last error is raised."""
_HOPELESS = 12
"""Draws after which a cast list that never fits is given up."""


def draw_composed(
    composed: Composition, rng: Generator, n_slots: int
) -> tuple[Binding, NDArray, NDArray]:
    """Draw a scene in which each thing of a meaning is exactly what its words say.

    Args:
        composed: The task and its meaning.
        rng: Source of randomness.
        n_slots: Object slots.

    Returns:
        Objects and roles; positions (n_slots, 3) [m]; quaternions (n_slots, 4).

    Raises:
        InstructionError: If no scene was found, because there is no room or something does not fit.
    """
    error: Exception | None = None
    refused = 0
    for _ in range(_ATTEMPTS):
        try:
            drawn = cast_scene(composed, rng, n_slots)
        except InstructionError as exc:
            error, refused = exc, refused + 1
            if refused >= _HOPELESS:
                raise
            continue
        specs = [
            ObjectSpec(
                a.kind, a.size or "medium", jitter(rng, a.colour),
                float(rng.uniform(*composed.task.mass_scale)),
            )
            for a in drawn.actors
        ]  # fmt: skip
        try:
            pos, quat = arrange(composed, drawn, specs, rng, n_slots)
        except PlacementError as exc:
            error = exc
            continue
        # a random order, so that slots carry no hint of the roles
        order = rng.permutation(len(specs))
        slot = np.argsort(order)
        whole = [*order, *range(len(specs), n_slots)]
        pos, quat = pos[whole], quat[whole]
        colours = tuple(drawn.actors[i].colour for i in order)
        binding = _bound(composed, drawn, slot, tuple(specs[i] for i in order), colours)
        if _makes_sense(composed, drawn, slot, binding.seen(pos)):
            return binding, pos, quat
        error = InstructionError("No scene was found in which each thing is what the words say.")
    raise InstructionError(f"No scene for this sentence was found: {error}")


def bind(composed: Composition, scene: SceneObjects, old: Binding) -> Binding:
    """The roles as a meaning has them in a scene that is there.

    Args:
        composed: The task and its meaning.
        scene: The scene.
        old: Its objects.

    Raises:
        InstructionError: If a thing is not there (`NotThere`), or could be several.
    """
    known: dict[Thing, list[int]] = {}
    spared: list[int] = []
    roles: dict[str, int] = {}
    groups: dict[str, tuple[int, ...]] = {}
    others = _of_several(composed.casts)
    for cast in sorted(composed.casts, key=lambda cast: not cast.spared):
        thing = cast.thing
        slots = resolve_thing(thing, scene, cast.kinds, () if cast.spared else spared, known)
        slots = slots[:1] if thing in others else slots
        _check_number(thing, slots, scene)
        known[thing] = slots
        if cast.spared:
            spared += slots
        if cast.many:
            groups[cast.role] = tuple(slots)
        else:
            roles[cast.role] = slots[0]
    ordered = {c.role: roles[c.role] for c in composed.casts if c.role in roles}
    return Binding(old.specs, old.colours, ordered, groups)


class NotThere(InstructionError):
    """A thing of a sentence is not in the scene."""


def _of_several(casts: Sequence[Cast]) -> set[Thing]:
    """Things of which any will do: "put one mug on the shelf and the other on the tray"."""
    plain = {c.thing for c in casts if c.thing.pick is None and c.thing.count == 1}
    return plain & {c.thing.ref for c in casts if c.thing.pick == "other" and c.thing.ref}


def _check_number(thing: Thing, slots: list[int], scene: SceneObjects) -> None:
    problem = misfit(thing, slots, scene)
    if problem is not None:
        answer, reason = problem
        kind = InstructionError if answer == "ask" else NotThere
        raise kind(reason, understood=2_000)


def _bound(
    composed: Composition, drawn: CastList, slot: NDArray, specs: tuple[ObjectSpec, ...],
    colours: tuple[str, ...],
) -> Binding:  # fmt: skip
    def slots(cast: Cast) -> tuple[int, ...]:
        return tuple(sorted(int(slot[i]) for i in drawn.parts[cast.thing]))

    return Binding(
        specs, colours,
        {cast.role: slots(cast)[0] for cast in composed.casts if not cast.many},
        {cast.role: slots(cast) for cast in composed.casts if cast.many},
    )  # fmt: skip


def _makes_sense(
    composed: Composition, drawn: CastList, slot: NDArray, scene: SceneObjects
) -> bool:
    """Whether each thing is what its words say, and the absent ones are not there."""
    parts: Mapping[Thing, list[int]] = {
        thing: sorted(int(slot[i]) for i in members) for thing, members in drawn.parts.items()
    }
    kinds = {cast.thing: cast.kinds for cast in composed.casts}
    spared = [i for cast in composed.casts if cast.spared for i in parts[cast.thing]]
    alone = {cast.thing for cast in composed.casts if cast.spared}
    others = _of_several(composed.casts)
    for thing, members in parts.items():
        but = () if thing in alone or thing not in kinds else spared
        meant = resolve_thing(thing, scene, kinds.get(thing), but, parts)
        if thing in others:
            if not set(members) <= set(meant):
                return False
        elif meant != members:
            return False
    return True
