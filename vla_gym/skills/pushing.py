"""Push an object over the table onto a flat target, without lifting it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.skills.motion import Motion, highest_other, lateral_scale
from vla_gym.skills.plan_steps import RoleNames, Step, StepKind
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import REACH_STAGE, Progress, Stage, count_stages
from vla_gym.world.logic import Predicate, Roles
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import Free, Over, Static
from vla_gym.world.views import View
from vla_gym.world.world import World

GLIDE = np.array([16.2, 18.0])
"""Square root of the distance that a slippery object glides, over the hand's displacement in the
control step of 0.1 s before; along x and y, measured [m^-0.5]."""
_SLIPPERY = np.array([kind.slippery for kind in KINDS.values()])


class PushSkill(Skill[Over]):
    """Push an object over a flat target."""

    predicate, stages, verb = Over, (REACH_STAGE, Stage("push", 0.30)), "push"

    def progress(self, goal: Over, world: World, roles: Roles) -> Progress:
        thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
        return towards_target(goal, world, roles, thing, place)

    def motion(self, goal: Over, world: World, roles: Roles) -> Motion:
        thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
        return push(world, thing, place.pos[:, :2])

    def steps(self, goal: Over, names: RoleNames) -> list[Step]:
        return [Step("push", names[goal.thing][0], names[goal.place][0])]


def towards_target(
    goal: Predicate, world: World, roles: Roles, thing: View, place: View
) -> Progress:
    """Progress of moving `thing` over `place` without lifting it: reach it, bring it there."""
    away = np.linalg.norm(world.tcp_pos - thing.pos, axis=1)
    across = np.linalg.norm((thing.pos - place.pos)[:, :2], axis=1)
    reached = (away < 0.08) | (across < 0.05)
    return count_stages([1 - away / 0.3, 1 - across / 0.3], [reached, goal.holds(world, roles)])


def push(world: World, thing: View, spot: NDArray) -> Motion:
    """Get behind `thing` with closed fingers and push it, low, towards a spot.

    Args:
        world: The simulation.
        thing: What is pushed.
        spot: Where its centre is to be. Shape (n, 2), [m].
    """
    way = spot - thing.pos[:, :2]
    left = np.linalg.norm(way, axis=1)
    ahead = way / np.maximum(left, 1e-6)[:, None]
    return push_along(world, thing, ahead, thing.half[:, :2].max(axis=1) + 0.025, left)


def push_along(
    world: World, thing: View, ahead: NDArray, behind: NDArray | float, left: NDArray,
    clear: NDArray | float = 0.0,
) -> Motion:  # fmt: skip
    """Go down behind `thing` with closed fingers and push; rise where the hand is beside its path.

    Args:
        world: The simulation.
        thing: What is pushed.
        ahead: Unit vectors of the direction. Shape (n, 2).
        behind: Distance from its centre at which the fingers go down. Shape (n,), [m].
        left: How far it has to go. Shape (n,), [m].
        clear: Distance from its centre up to which the fingers stay above it. Shape (n,), [m].
    """
    tcp, n = world.tcp_pos, world.n
    behind = np.broadcast_to(behind, n)
    from_tcp = thing.pos[:, :2] - tcp[:, :2]
    along = (from_tcp * ahead).sum(axis=1)
    side = from_tcp - along[:, None] * ahead
    aside = np.linalg.norm(side, axis=1)
    hover = np.maximum(0.076, highest_other(world, thing) + 0.006)
    past = along - np.clip(along, clear, behind)
    # a funnel around the path from behind the object to its centre: continuous, easy to imitate
    height = 0.014 + np.clip((np.hypot(aside, past) - 0.012) * 4, 0.0, hover)
    up = height - tcp[:, 2]
    ready = np.clip((0.014 - aside) / 0.010, 0.0, 1.0) * (along > 0)
    ready *= np.clip((0.05 - tcp[:, 2]) / 0.02, 0.0, 1.0)
    # slippery objects glide on, and the hand cannot easily get behind them once they are past
    gentle = np.minimum(np.sqrt(left) / GLIDE.mean(), 0.018)
    most = np.where(_SLIPPERY[thing.kind], gentle, 0.03)
    forth = ready * np.minimum(left + 0.004, most) + (1 - ready) * (along - behind)
    delta = np.concatenate([ahead * forth[:, None] + side, up[:, None]], axis=1)
    delta[:, :2] *= lateral_scale(up, 0.02)[:, None]
    return Motion(delta, np.zeros(n), -np.ones(n))


def target_misuse(step: Step, object_kind: str, target_kind: str | None) -> str:
    """Why an object cannot be moved over the step's target without lifting it."""
    if target_kind is not None and not KINDS[target_kind].mark:
        return f"things are pushed onto mats, and the {step.target} is none"
    return ""


PUSHING = Family(
    skills=(PushSkill(),),
    steps=(
        StepKind(
            "push", "push the object onto the flat target without lifting it",
            {"": Over("object", "target") & Free() & Static("object")}, 12.0,
            hand="free", arguments="target", changes_table=True, link="onto",
            misuse=target_misuse,
        ),
    ),
    verbs={"push": "push the thing onto the other thing"},
)  # fmt: skip
