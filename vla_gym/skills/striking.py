"""Strike a slippery object, so that it glides onto a target beyond reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.skills.motion import Motion, highest_other, lateral_scale
from vla_gym.skills.plan_steps import RoleNames, Step, StepKind
from vla_gym.skills.pushing import GLIDE, target_misuse, towards_target
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import REACH_STAGE, Progress, Stage
from vla_gym.world.logic import Roles
from vla_gym.world.predicates import SlidOver, Static
from vla_gym.world.views import View
from vla_gym.world.world import World

STRIKE_LINE = 0.54
"""x of the line that the hand does not cross when it strikes [m]."""
_BEHIND, _LOW = 0.016, 0.016
"""Gap between object and TCP, half the fingers included, and height of the TCP before it strikes
[m]."""


class StrikeSkill(Skill[SlidOver]):
    """Let an object glide over a target."""

    predicate, stages, verb = SlidOver, (REACH_STAGE, Stage("slide", 0.30)), "strike"

    def progress(self, goal: SlidOver, world: World, roles: Roles) -> Progress:
        thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
        return towards_target(goal, world, roles, thing, place)

    def motion(self, goal: SlidOver, world: World, roles: Roles) -> Motion:
        thing, place = View.of(world, roles[goal.thing]), View.of(world, roles[goal.place])
        return strike(world, thing, place.pos[:, :2], goal.line)

    def steps(self, goal: SlidOver, names: RoleNames) -> list[Step]:
        return [Step("slide", names[goal.thing][0], names[goal.place][0])]


def strike(world: World, thing: View, spot: NDArray, line: float) -> Motion:
    """Strike a slippery object from behind with the flat of the closed fingers.

    It leaves the fingers at the hand's highest speed, and friction stops it after a distance that
    grows with the square of the hand's displacement in that control step.

    Args:
        world: The simulation.
        thing: What is struck.
        spot: Where it is to stop. Shape (n, 2), [m].
        line: x that the hand does not cross [m].
    """
    n, tcp, rows = world.n, world.tcp_pos, np.arange(world.n)
    way = spot - thing.pos[:, :2]
    left = np.maximum(np.linalg.norm(way, axis=1), 1e-6)
    ahead = way / left[:, None]
    tool = np.arctan2(world.tcp_mat[:, 1, 1], world.tcp_mat[:, 0, 1])
    turn = np.arctan2(ahead[:, 1], ahead[:, 0]) + np.pi / 2 - tool
    turn = (turn + np.pi / 2) % np.pi - np.pi / 2
    start = thing.pos[:, :2] - ahead * (thing.half[:, 0] + _BEHIND)[:, None]
    to = np.concatenate([start - tcp[:, :2], np.zeros((n, 1))], axis=1)
    off = np.linalg.norm(to[:, :2], axis=1)
    to[:, 2] = np.where(off < 0.01, _LOW, np.maximum(0.09, highest_other(world, thing) + 0.02))
    to[:, 2] -= tcp[:, 2]
    ready = (off < 0.003) & (np.abs(to[:, 2]) < 0.004) & (np.abs(turn) < 0.03)
    to[:, :2] *= lateral_scale(np.abs(to[:, 2]))[:, None]
    hit = np.concatenate([way / np.sqrt(left)[:, None] / GLIDE, np.zeros((n, 1))], axis=1)
    speed = np.linalg.norm(world.object_linvel[rows, thing.slot, :2], axis=1)
    gone = (speed > 0.01) | (thing.pos[:, 0] > line - 0.05)
    motion = Motion(np.where(ready[:, None], hit, to), turn, -np.ones(n))
    return Motion.choose(gone.astype(int), [motion, Motion.rest(n)])


STRIKING = Family(
    skills=(StrikeSkill(),),
    steps=(
        StepKind(
            "slide", "strike the object so that it glides onto the flat target",
            {"": SlidOver("object", "target", STRIKE_LINE) & Static("object")}, 7.0,
            hand="free", arguments="target", changes_table=True, hand_reaches_target=False,
            link="onto", misuse=target_misuse,
        ),
    ),
    verbs={"strike": "slide the thing over to the other thing"},
)  # fmt: skip
