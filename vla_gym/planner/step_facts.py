"""The facts that skills bring about, for many worlds at once: how to get there, when it is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.tasks.slide import LINE
from vla_gym.language.relations import SIDE_OF
from vla_gym.planner.plan import Step
from vla_gym.planner.scene import Scene
from vla_gym.skills.motions import CLEARANCE, Motion, carry, grasp, motion_for
from vla_gym.world.logic import Each, Predicate, Roles
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import (
    Beside,
    Closed,
    Free,
    Held,
    Inside,
    Lifted,
    Near,
    On,
    Opened,
    Over,
    Pressed,
    SlidOver,
    Standing,
    Static,
    Touched,
)
from vla_gym.world.views import View
from vla_gym.world.world import World


@dataclass(frozen=True)
class Carried(Predicate):
    """`thing` is held, its middle above `place`."""

    thing: str
    place: str
    near: float = 0.02
    """Largest horizontal distance [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        """Signed distance in units of `near`. Shape (n,)."""
        thing, place = View.of(world, roles[self.thing]), View.of(world, roles[self.place])
        off = 1.0 - np.linalg.norm((thing.pos - place.pos)[:, :2], axis=1) / self.near
        return np.minimum(off, Held(self.thing).margin(world, roles))


@motion_for.register
def _(goal: Carried, world: World, roles: Roles) -> Motion:
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    over = carry(world, thing, place.pos[:, :2], place.top + CLEARANCE)
    held = Held(goal.thing).holds(world, roles)
    return Motion.choose(held.astype(int), [grasp(world, thing), over])


_LET_GO = ~Touched("object") & Static("object")
_PLACED: dict[str, Predicate] = {
    "in": Inside("object", "target"),
    "among": Each("only", "object", Inside("object", "target")),
    "on": On("object", "target"),
    **{word: Beside("object", "target", side) for word, side in SIDE_OF.items()},
}
FACTS: dict[str, tuple[Predicate, float]] = {
    "approach": (Near("object", 0.022), 5.0),
    "grasp": (Held("object"), 5.0),
    "lift": (Lifted("object", 0.065) & Held("object"), 4.0),
    "move": (Carried("object", "target"), 6.0),
    **{f"place {word}": (fact, 7.0) for word, fact in _PLACED.items()},
    **{f"put {word}": (fact & _LET_GO, 9.0) for word, fact in _PLACED.items()},
    "release": (_LET_GO, 3.0),
    "push": (Over("object", "target") & Free() & Static("object"), 12.0),
    "slide": (SlidOver("object", "target", LINE) & Static("object"), 7.0),
    "press": (Pressed("object"), 5.0),
    "open": (Opened("object") & Free() & Static("object"), 8.0),
    "close": (Closed("object") & Free() & Static("object"), 8.0),
    "stand_up": (Standing("object") & _LET_GO, 10.0),
}
"""Fact -> the predicate with the roles "object" and "target", and the time it may take [s]. "put"
is a whole manipulation, for policies that learnt sentences; "among" leaves room for more things."""
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
