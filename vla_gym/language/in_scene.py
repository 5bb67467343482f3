"""A meaning in a scene: which object each thing is, or what to ask back."""

from __future__ import annotations

from dataclasses import replace

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
        problem = _problem(thing, slots, scene)
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


def _problem(thing: Thing, slots: list[int], scene: SceneObjects) -> tuple[str, str] | None:
    """Answer and reason if the slots are too few or too many for a thing."""
    said = say_thing(thing)
    wanted = thing.count if isinstance(thing.count, int) else None
    if not slots or (wanted is not None and len(slots) < wanted):
        there = describe(scene, range(len(scene.kinds)))
        return "refuse", f"There is no {said.removeprefix('the ')} here. On the table: {there}."[
            :400
        ]
    if wanted is not None and len(slots) > wanted:
        fitting = describe(scene, slots[:_SHOWN])
        return "ask", f"Which one? '{said}' fits {len(slots)} objects: {fitting}."
    return None
