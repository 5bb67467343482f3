"""The facts that skills bring about, for many worlds at once: how to get there, when it is done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.planner.scene import Scene
from vla_gym.skills import Step, motion_for, step_kind, step_kinds
from vla_gym.skills.motion import Motion
from vla_gym.world.logic import Predicate, Roles
from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

_KINDS = (*step_kinds(), step_kind("put"))
FACTS: dict[str, tuple[Predicate, float]] = {
    f"{kind.name} {variant}".strip(): (goal, kind.seconds)
    for kind in _KINDS
    for variant, goal in kind.goals.items()
}
"""Fact -> the predicate with the roles "object" and "target", and the time it may take [s]."""
FACT_NAMES = tuple(FACTS)
ENDS = ("place", "put", "release", "push", "slide", "press", "open", "close", "stand_up")
"""Skills that change the table, not only the hand."""


def fact_of(step: Step, scene: Scene, shared: bool = False) -> str:
    """Which fact a step is to bring about.

    Args:
        step: The step.
        scene: What there is.
        shared: Whether more things come into or onto the same target.
    """
    if step.skill not in ("place", "put"):
        return step.skill
    assert step.target is not None
    relation = step.relation or "on"
    if relation in ("in", "on"):
        holds = KINDS[scene.find(step.target).kind].container
        relation = ("among" if shared else "in") if holds else "on"
    return f"{step.skill} {relation}"


def roles_of(objects: NDArray, targets: NDArray, n_slots: int) -> dict[str, NDArray]:
    """Roles of the facts.

    Args:
        objects: Slot of each world's object. Shape (n,).
        targets: Slot of each world's target. Shape (n,).
        n_slots: Slots of a world.
    """
    only = np.zeros((len(objects), n_slots), bool)
    only[np.arange(len(objects)), objects] = True
    return {"object": objects, "target": targets, "only": only}


def holds(fact_ids: NDArray, world: World, roles: Roles) -> NDArray[np.bool_]:
    """Whether each world's fact holds.

    Args:
        fact_ids: Index into FACT_NAMES. Shape (n,).
        world: The worlds.
        roles: From `roles_of`.
    """
    out = np.zeros(world.n, bool)
    for k in np.unique(fact_ids):
        mine = fact_ids == k
        out[mine] = FACTS[FACT_NAMES[k]][0].holds(world, roles)[mine]
    return out


def motion(fact_ids: NDArray, world: World, roles: Roles) -> Motion:
    """The next motion towards each world's fact.

    Args:
        fact_ids: Index into FACT_NAMES. Shape (n,).
        world: The worlds.
        roles: From `roles_of`.
    """
    present = np.unique(fact_ids)
    motions = [
        motion_for(FACTS[FACT_NAMES[k]][0], world, roles) or Motion.rest(world.n) for k in present
    ]
    return Motion.choose(np.searchsorted(present, fact_ids), motions)
