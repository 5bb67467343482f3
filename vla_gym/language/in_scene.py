"""A meaning in a scene: which object each thing is, or what to ask back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vla_gym.errors import MAX_MESSAGE
from vla_gym.language.canonical import say_thing
from vla_gym.language.noun_phrases import SceneObjects
from vla_gym.language.referents import describe, resolve_thing
from vla_gym.language.understanding import Thing, Understanding

_SHOWN = 5
"""Objects that a question lists."""


def in_scene(meaning: Understanding, scene: SceneObjects) -> Understanding:
    """A meaning with the slots of its things, or a question where words do not tell which.

    Args:
        meaning: What is to be done.
        scene: The objects that are there.

    Returns:
        The meaning with `found`; the answer becomes "ask" where one thing is meant and several
        fit, with the candidates, and "refuse" where none does, with what is there.
    """
    found: dict[Thing, tuple[int, ...]] = {}
    for thing in needed(meaning):
        slots = resolve_thing(thing, scene, known=found)
        problem = misfit(thing, slots, scene)
        if problem is not None:
            answer, reason = problem
            return replace(meaning, answer=answer, steps=(), avoid=(), reason=reason)
        found[thing] = tuple(slots)
    return replace(meaning, found=tuple(found.items()))


def needed(meaning: Understanding) -> tuple[Thing, ...]:
    """The things that a scene has to have for a meaning, each once, those referred to first."""
    return tuple(
        dict.fromkeys(t for thing in meaning.things() for t in reversed(list(thing.chain())))
    )


def misfit(thing: Thing, slots: Sequence[int], scene: SceneObjects) -> tuple[str, str] | None:
    """Answer and reason if the slots are too few or too many for a thing; None if they fit it.

    Args:
        thing: What was said.
        slots: The objects that it can be.
        scene: The objects that are there.
    """
    wanted = thing.count if isinstance(thing.count, int) else None
    if slots and wanted in (None, len(slots)):
        return None
    said = say_thing(thing)
    if len(slots) > (wanted or 1):
        fitting = describe(scene, slots[:_SHOWN])
        return "ask", f"Which one? '{said}' fits {len(slots)} objects: {fitting}."
    there = describe(scene, [i for i, kind in enumerate(scene.kinds) if kind is not None])
    few = f"only {len(slots)} for '{said}'" if slots else f"no {said.removeprefix('the ')}"
    be = "are" if slots else "is"
    return "refuse", f"There {be} {few} here. On the table: {there}."[:MAX_MESSAGE]
