"""Stand up an object that lies on its side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.geometry.rotations import DOWN_AXIS
from vla_gym.skills.lifting import LIFT_STAGES, grasp, lift_progress, release
from vla_gym.skills.motion import Motion, highest_other
from vla_gym.skills.placing import CARRY_CLEARANCE
from vla_gym.skills.plan_steps import LET_GO, RoleNames, Step, StepKind
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import Progress, Stage, count_stages
from vla_gym.world.logic import Roles
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import Held, Standing
from vla_gym.world.views import View
from vla_gym.world.world import World

_LEAN = 1.45
"""How far the hand leans back to stand something up [rad]."""
_STAND_X = 0.40
"""Where objects are stood up: further out the arm cannot lean back that far [m]."""


_RADIUS_OF = np.array([kind.radius for kind in KINDS.values()])


class StandUpSkill(Skill[Standing]):
    """Grasp a lying object, lean back, put it down upright."""

    predicate, stages, verb = Standing, (*LIFT_STAGES, Stage("stand", 1.0)), "stand up"

    def progress(self, goal: Standing, world: World, roles: Roles) -> Progress:
        thing = View.of(world, roles[goal.thing])
        fractions, done = lift_progress(world, thing)
        return count_stages([*fractions, thing.upright], [*done, goal.holds(world, roles)])

    def motion(self, goal: Standing, world: World, roles: Roles) -> Motion:
        thing = View.of(world, roles[goal.thing])
        held = Held(goal.thing).holds(world, roles)
        down = thing.bottom < 0.004
        choice = np.select([held & (thing.upright > 0.9) & down, held], [0, 1], 2)
        return Motion.choose(choice, [release(world), stand_up(world, thing), grasp(world, thing)])

    def steps(self, goal: Standing, names: RoleNames) -> list[Step]:
        return [Step("stand_up", names[goal.thing][0])]


def stand_up(world: World, thing: View) -> Motion:
    """Carry a lying object near the robot, lean back until it is upright, and lower it.

    Before it `thing` is held, its top towards the robot; after it it stands, still held.
    """
    n = world.n
    spot = np.stack([np.full(n, _STAND_X), _clear_lane(world, thing)], axis=1)
    to = np.concatenate([spot - thing.pos[:, :2], np.zeros((n, 1))], axis=1)
    off = np.linalg.norm(to[:, :2], axis=1)
    top = thing.mat[:, :, 2]
    yaw = np.arctan2(top[:, 1], -top[:, 0])  # left until the top points to the robot
    yaw = np.where(np.hypot(top[:, 0], top[:, 1]) > 0.5, yaw, 0.0)
    ready = (off < 0.025) & (np.abs(yaw) < 0.15)
    lean = np.array([-np.sin(_LEAN), 0.0, -np.cos(_LEAN)])
    leaning = world.tcp_mat[:, :, 2] @ lean
    # above objects that are lower than the sides of the hand
    high = np.maximum(0.11, highest_other(world, thing) + CARRY_CLEARANCE + 0.05)
    started = thing.upright > 0.3
    aim = np.where(ready | started, np.where(leaning > 0.985, -0.01, 0.09), high)
    to[:, 2] = np.clip(aim - thing.bottom, -0.03, 0.05)
    to[:, :2] *= np.clip((thing.bottom - 0.03) / 0.04, 0.0, 1.0)[:, None]
    axis = np.where((ready | started)[:, None], lean, DOWN_AXIS)
    return Motion(to, np.where(started, 0.0, yaw), -np.ones(n), axis)


def _clear_lane(world: World, thing: View) -> NDArray:
    """The y near the object where the leaning hand meets nothing. Shape (n,), [m]."""
    lanes = np.linspace(-0.27, 0.27, 19)
    others = world.present.copy()
    others[np.arange(world.n), thing.slot] = False
    wide = np.maximum(0.03, world.kind_value(_RADIUS_OF) * world.scale)
    away = np.abs(world.object_pos[:, :, 1, None] - lanes) - wide[..., None]
    near = world.object_pos[:, :, 0, None] < 0.68
    room = np.where(others[..., None] & near, away, 1.0).min(axis=1)
    cost = np.abs(thing.pos[:, 1, None] - lanes) + 5.0 * np.clip(0.11 - room, 0.0, None)
    return lanes[cost.argmin(axis=1)]


STANDING = Family(
    skills=(StandUpSkill(),),
    steps=(
        StepKind(
            "stand_up", "take a lying object and stand it upright",
            {"": Standing("object") & LET_GO}, 10.0, hand="free", takes=True, changes_table=True,
        ),
    ),
    verbs={"stand up": "stand the thing up"},
)  # fmt: skip
