"""Carry an object and put it in, on or beside another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.language.relations import SIDE_OF, SIDE_WORDS
from vla_gym.skills.lifting import LIFT_STAGES, grasp, lift_progress, release
from vla_gym.skills.motion import Motion, highest_other
from vla_gym.skills.plan_steps import LET_GO, RoleNames, Step, StepKind
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import Progress, Stage, count_stages
from vla_gym.world.logic import Each, Predicate, Roles
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import ANY_SIDE, DIRECTIONS, Beside, Held, Inside, On
from vla_gym.world.views import View
from vla_gym.world.world import World

CARRY_CLEARANCE = 0.035
"""Height that a carried object keeps above rims and other objects on its way [m]."""
PUT_STAGES = (*LIFT_STAGES, Stage("carry", 0.30), Stage("place", 0.10))
_FINGERTIP = 0.016
"""How far the fingers reach below the TCP, with a margin [m]."""
_RADIUS = np.array([kind.radius for kind in KINDS.values()])


@dataclass(frozen=True)
class Carried(Predicate):
    """`thing` is held with its centre above `place`."""

    thing: str
    place: str
    near: float = 0.02
    """Largest horizontal distance [m]."""

    def margin(self, world: World, roles: Roles) -> NDArray:
        thing, place = View.of(world, roles[self.thing]), View.of(world, roles[self.place])
        off = 1.0 - np.linalg.norm((thing.pos - place.pos)[:, :2], axis=1) / self.near
        return np.minimum(off, Held(self.thing).margin(world, roles))


class CarrySkill(Skill[Carried]):
    """Carry a held object above another."""

    predicate = Carried

    def motion(self, goal: Carried, world: World, roles: Roles) -> Motion:
        thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
        over = carry(world, thing, place.pos[:, :2], place.top + CARRY_CLEARANCE)
        held = Held(goal.thing).holds(world, roles)
        return Motion.choose(held.astype(int), [grasp(world, thing), over])


class PutInSkill(Skill[Inside]):
    """Put an object into a container or onto a flat one."""

    predicate, stages, verb = Inside, PUT_STAGES, "put"

    def progress(self, goal: Inside, world: World, roles: Roles) -> Progress:
        place = View.of(world, roles[goal.place])
        return _progress(goal, world, roles, place.pos[:, :2], place.top, place.half[:, 0] * 0.6)

    def motion(self, goal: Inside, world: World, roles: Roles) -> Motion:
        return _put_inside(goal, world, roles, shared=False)

    def motion_to_shared(self, goal: Inside, world: World, roles: Roles) -> Motion:
        return _put_inside(goal, world, roles, shared=True)

    def steps(self, goal: Inside, names: RoleNames) -> list[Step]:
        return _steps(names[goal.thing][0], names[goal.place][0], "in")


class StackSkill(Skill[On]):
    """Put an object on top of another."""

    predicate, stages, verb = On, PUT_STAGES, "stack"

    def progress(self, goal: On, world: World, roles: Roles) -> Progress:
        base = View.of(world, roles[goal.base])
        return _progress(goal, world, roles, base.pos[:, :2], base.top, base.half[:, 0] * 0.6)

    def motion(self, goal: On, world: World, roles: Roles) -> Motion:
        base = View.of(world, roles[goal.base])
        return _put(goal, world, roles, base.pos[:, :2], base.top, np.full(world.n, 0.006))

    def steps(self, goal: On, names: RoleNames) -> list[Step]:
        return _steps(names[goal.thing][0], names[goal.base][0], "on")


class PutBesideSkill(Skill[Beside]):
    """Put an object on the table, on a named side of another."""

    predicate, stages = Beside, PUT_STAGES

    def verb_of(self, goal: Beside) -> str:
        return "put" if goal.side == ANY_SIDE else f"put {goal.side}"

    def progress(self, goal: Beside, world: World, roles: Roles) -> Progress:
        thing, base = View.of(world, roles[goal.thing]), View.of(world, roles[goal.base])
        far = thing.half[:, :2].max(axis=1) + base.half[:, :2].max(axis=1) + 0.03
        away = thing.pos[:, :2] - base.pos[:, :2]
        towards = away / np.maximum(np.linalg.norm(away, axis=1), 1e-6)[:, None]
        if goal.side != ANY_SIDE:
            towards = np.broadcast_to(DIRECTIONS[goal.side], towards.shape)
        spot = base.pos[:, :2] + far[:, None] * towards
        return _progress(goal, world, roles, spot, np.zeros(world.n), np.full(world.n, 0.03))

    def motion(self, goal: Beside, world: World, roles: Roles) -> Motion:
        thing, base = View.of(world, roles[goal.thing]), View.of(world, roles[goal.base])
        sides = DIRECTIONS.values() if goal.side == ANY_SIDE else (DIRECTIONS[goal.side],)
        spot = _spot_beside(world, thing, base, [np.array(side) for side in sides])
        return _put(goal, world, roles, spot, np.zeros(world.n), np.full(world.n, 0.015))

    def steps(self, goal: Beside, names: RoleNames) -> list[Step]:
        side = "left" if goal.side == ANY_SIDE else goal.side
        return _steps(names[goal.thing][0], names[goal.base][0], SIDE_WORDS[side][0])


def carry(world: World, thing: View, spot: NDArray, height: NDArray) -> Motion:
    """Lift, move above, lower. Before it `thing` is held; after it it is low over the spot.

    Args:
        world: The simulation.
        thing: What is held.
        spot: Where its centre is to be. Shape (n, 2), [m].
        height: Where its lowest point is to be. Shape (n,), [m].
    """
    to = np.concatenate([spot - thing.pos[:, :2], np.zeros((world.n, 1))], axis=1)
    off = np.linalg.norm(to[:, :2], axis=1)
    high = np.maximum.reduce([height + 0.012, highest_other(world, thing), np.full(world.n, 0.045)])
    share = np.clip((off - 0.015) / 0.03, 0.0, 1.0)
    aim = (1 - share) * (height + 0.003) + share * (high + CARRY_CLEARANCE)
    to[:, 2] = aim - thing.bottom
    # not sideways before it is high enough
    rise = np.clip((thing.bottom - high - CARRY_CLEARANCE + 0.065) / 0.045, 0.0, 1.0)
    to[:, :2] *= np.where(off > 0.015, rise, 1.0)[:, None]
    return Motion(to, np.zeros(world.n), -np.ones(world.n))


def _put(
    goal: Inside | On | Beside, world: World, roles: Roles, spot: NDArray, height: NDArray,
    near: NDArray,
) -> Motion:  # fmt: skip
    """Grasp the goal's object, carry it to a spot, let go where the goal holds.

    Args:
        goal: What it is for.
        world: The simulation.
        roles: Role -> slot.
        spot: Where the object's centre is to be. Shape (n, 2), [m].
        height: Where its lowest point is to be. Shape (n,), [m].
        near: Distance from the spot at which it may be released. Shape (n,), [m].
    """
    thing = View.of(world, roles[goal.thing])
    held = Held(goal.thing).holds(world, roles)
    over = np.linalg.norm(thing.pos[:, :2] - spot, axis=1) < near
    low = thing.bottom < height + 0.008
    choice = np.select([goal.holds(world, roles) | (over & low), held], [0, 1], 2)
    return Motion.choose(
        choice, [release(world), carry(world, thing, spot, height), grasp(world, thing)]
    )


def _put_inside(goal: Inside, world: World, roles: Roles, shared: bool) -> Motion:
    """Into the centre, or beside what is there; off the centre where the container is shared."""
    thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
    spot, central = _free_spot(world, thing, place, shared)
    near = np.where(central, 0.45 * place.half[:, :2].min(axis=1), 0.012)
    return _put(goal, world, roles, spot, _release_height(world, thing, place), near)


def _progress(
    goal: Inside | On | Beside, world: World, roles: Roles, spot: NDArray, height: NDArray,
    tolerance: NDArray,
) -> Progress:  # fmt: skip
    thing = View.of(world, roles[goal.thing])
    across = np.linalg.norm(thing.pos[:, :2] - spot, axis=1)
    fractions, (reached, held, lifted) = lift_progress(world, thing)
    fractions += [
        1 - across / PUT_STAGES[3].distance, 1 - (thing.bottom - height) / PUT_STAGES[4].distance
    ]  # fmt: skip
    over = lifted & (across < tolerance)
    return count_stages(fractions, [reached, held, lifted, over, goal.holds(world, roles)])


def _free_spot(
    world: World, thing: View, place: View, shared: bool
) -> tuple[NDArray, NDArray[np.bool_]]:
    """Where to put an object in a container: its centre, or beside what lies there already.

    Returns:
        The spot (n, 2) [m], and whether it is the centre (n,).
    """
    inner = 0.5 * place.inner
    offsets = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])
    offsets = offsets[1:] if shared else offsets
    local = offsets[None] * inner[:, None]
    spots = place.pos[:, None, :2] + np.einsum("nij,nkj->nki", place.mat[:, :2, :2], local)
    rows, others = np.arange(world.n), world.present.copy()
    others[rows, thing.slot] = others[rows, place.slot] = False
    away = np.linalg.norm(spots[:, :, None] - world.object_pos[:, None, :, :2], axis=-1)
    room = np.where(others[:, None], away, 1.0).min(axis=2)
    # the first spot with enough room, else the one with most
    choice = np.where((room > 0.05).any(axis=1), (room > 0.05).argmax(axis=1), room.argmax(axis=1))
    return spots[rows, choice], (choice == 0) & (not shared)


def _spot_beside(world: World, thing: View, base: View, directions: Sequence[NDArray]) -> NDArray:
    """The nearest free spot on some sides of `base`, or the one with most room. (n, 2), [m]."""
    touching = thing.half[:, :2].max(axis=1) + base.half[:, :2].max(axis=1)
    gaps, asides = np.meshgrid([0.035, 0.055, 0.075], [0.0, 0.03, -0.03], indexing="ij")
    far = touching[:, None] + gaps.ravel()
    spots = np.concatenate(
        [
            base.pos[:, None, :2]
            + far[..., None] * direction
            + asides.ravel()[:, None] * direction[::-1]
            for direction in directions
        ],
        axis=1,
    )
    rows, others = np.arange(world.n), world.present.copy()
    others[rows, thing.slot] = others[rows, base.slot] = False
    away = np.linalg.norm(spots[:, :, None] - world.object_pos[:, None, :, :2], axis=-1)
    radius = world.kind_value(_RADIUS) * world.scale
    room = np.where(others[:, None], away - radius[:, None], 1.0).min(axis=2)
    if len(directions) > 1:  # of several sides, one that the arm reaches
        room[~_in_reach(spots)] -= 1.0
        room -= 0.02 * np.linalg.norm(spots - thing.pos[:, None, :2], axis=-1)
    # the hand needs room too
    wanted = thing.half[:, :1].max(axis=1) + 0.035
    free = room > wanted[:, None]
    choice = np.where(free.any(axis=1), free.argmax(axis=1), room.argmax(axis=1))
    return spots[rows, choice]


def _in_reach(spots: NDArray) -> NDArray[np.bool_]:
    """Whether objects can be put down at points of the table. Shape (...)."""
    x, y = spots[..., 0], spots[..., 1]
    return (x > 0.33) & (x < 0.68) & (np.abs(y) < 0.30)


def _release_height(world: World, thing: View, place: View) -> NDArray:
    """Height of the object's lowest point at which it may be released. Shape (n,), [m].

    The fingertips stay above the rim: opened inside, they would wedge and lift the container.
    """
    rim = place.pos[:, 2] + place.half[:, 2]
    floor = place.pos[:, 2] - place.half[:, 2] + place.floor
    grip = np.clip(world.tcp_pos[:, 2] - thing.bottom, 0.0, 0.06)
    return np.maximum.reduce([floor + 0.008, rim - 0.012, rim + _FINGERTIP - grip])


def _steps(thing: str, target: str, relation: str) -> list[Step]:
    move = [] if relation in SIDE_OF else [Step("move", thing, target)]
    return [
        Step("approach", thing), Step("grasp", thing), Step("lift", thing), *move,
        Step("place", thing, target, relation), Step("release", thing),
    ]  # fmt: skip


def _variant(relation: str | None, target_kind: str, shared: bool) -> str:
    """Containers hold objects, one or several; other targets carry them."""
    if relation in SIDE_OF:
        return str(relation)
    return ("among" if shared else "in") if KINDS[target_kind].container else "on"


def _misuse(step: Step, object_kind: str, target_kind: str | None) -> str:
    if step.relation == "in" and target_kind and not KINDS[target_kind].container:
        return f"nothing can be put in the {step.target}"
    return ""


_PLACED: dict[str, Predicate] = {
    "in": Inside("object", "target"),
    "among": Each("only", "object", Inside("object", "target")),
    "on": On("object", "target"),
    **{words: Beside("object", "target", side) for words, side in SIDE_OF.items()},
}
PLACING = Family(
    skills=(CarrySkill(), PutInSkill(), StackSkill(), PutBesideSkill()),
    steps=(
        StepKind(
            "move", "carry the held object above the target",
            {"": Carried("object", "target")}, 6.0,
            hand="holding", arguments="target", takes=True, link="above",
        ),
        StepKind(
            "place", "put the held object down with respect to the target", _PLACED, 7.0,
            hand="holding", arguments="relation", takes=True, changes_table=True, whole="put",
            misuse=_misuse, variant=_variant,
        ),
        StepKind(
            "release", "open the fingers and draw the hand back", {"": LET_GO}, 3.0,
            hand="holding", hand_after="free", changes_table=True,
        ),
        StepKind(
            "put", "take the object and put it down with respect to the target",
            {variant: goal & LET_GO for variant, goal in _PLACED.items()}, 9.0,
            hand="free", arguments="relation", takes=True, changes_table=True, planned=False,
            variant=_variant,
        ),
    ),
    verbs={
        "put": "put the thing in the other thing",
        "stack": "stack the thing on the other thing",
        "put left": "put the thing to the left of the other thing",
        "put right": "put the thing to the right of the other thing",
        "put front": "put the thing in front of the other thing",
        "put behind": "put the thing behind the other thing",
    },
)  # fmt: skip
