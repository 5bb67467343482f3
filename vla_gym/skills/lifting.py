"""Reach for an object, grasp it, lift it, let go of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.geometry.rotations import DOWN_AXIS
from vla_gym.skills.motion import Motion, highest_other, lateral_scale
from vla_gym.skills.plan_steps import RoleNames, Step, StepKind
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import REACH_STAGE, Progress, Stage, count_stages
from vla_gym.world.grasping import grasp_turn
from vla_gym.world.logic import Roles
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import Free, Held, Lifted, Near
from vla_gym.world.views import View
from vla_gym.world.world import World

HOVER = 0.09
"""Height above the grasp from which the gripper descends [m]."""
LIFT_STAGES = (REACH_STAGE, Stage("grasp", 0.04), Stage("lift", 0.05))
_DRAWER = list(KINDS).index("drawer")
_TIPS = 0.018
"""How far the fingers reach below the TCP, with a margin [m]."""
_REACHED = 0.035
"""Distance between TCP and object from which the object counts as reached [m]."""


class ReachSkill(Skill[Near]):
    """Bring the open hand to an object."""

    predicate, stages, verb = Near, (REACH_STAGE,), "reach"

    def progress(self, goal: Near, world: World, roles: Roles) -> Progress:
        away = np.linalg.norm(world.tcp_pos - View.of(world, roles[goal.thing]).pos, axis=1)
        part = np.clip(1 - away / REACH_STAGE.distance, 0.0, 1.0)
        return goal.holds(world, roles).astype(int), part

    def motion(self, goal: Near, world: World, roles: Roles) -> Motion:
        thing = View.of(world, roles[goal.thing])
        if goal.surface:
            return _towards_top(world, thing, 0.6 * goal.distance)
        motion = grasp(world, thing)
        motion.grip[:] = 1.0
        return motion

    def steps(self, goal: Near, names: RoleNames) -> list[Step]:
        return [Step("approach", names[goal.thing][0])]


class GraspSkill(Skill[Held]):
    """Close the fingers around an object."""

    predicate = Held

    def motion(self, goal: Held, world: World, roles: Roles) -> Motion:
        return grasp(world, View.of(world, roles[goal.thing]))


class LiftSkill(Skill[Lifted]):
    """Grasp an object and raise it."""

    predicate, stages, verb = Lifted, LIFT_STAGES, "lift"

    def progress(self, goal: Lifted, world: World, roles: Roles) -> Progress:
        fractions, done = lift_progress(world, View.of(world, roles[goal.thing]))
        return count_stages(fractions, [*done[:2], done[1] & goal.holds(world, roles)])

    def motion(self, goal: Lifted, world: World, roles: Roles) -> Motion:
        up = Motion(np.tile([0.0, 0.0, 0.05], (world.n, 1)), np.zeros(world.n), -np.ones(world.n))
        held = Held(goal.thing).holds(world, roles)
        return Motion.choose(
            held.astype(int), [grasp(world, View.of(world, roles[goal.thing])), up]
        )

    def steps(self, goal: Lifted, names: RoleNames) -> list[Step]:
        name = names[goal.thing][0]
        return [Step("approach", name), Step("grasp", name), Step("lift", name)]


class LetGoSkill(Skill[Free]):
    """Open the fingers and draw the hand back."""

    predicate = Free

    def motion(self, goal: Free, world: World, roles: Roles) -> Motion:
        return release(world)


def lift_progress(world: World, thing: View) -> tuple[list[NDArray], list[NDArray]]:
    """Fractions of `LIFT_STAGES`, and whether each is done. Lists of three arrays (n,)."""
    away = np.linalg.norm(world.tcp_pos - thing.pos, axis=1)
    touch = world.finger_touch[np.arange(world.n), thing.slot]
    held = np.asarray(touch.all(axis=1))
    fractions = [
        1 - away / REACH_STAGE.distance, touch.mean(axis=1), thing.bottom / LIFT_STAGES[2].distance
    ]  # fmt: skip
    lifted = np.asarray(held & (thing.bottom > 0.03))
    return fractions, [np.asarray(away < _REACHED), held, lifted]


def grasp(world: World, thing: View, yaw: NDArray | None = None) -> Motion:
    """Approach above, descend in a funnel, close. After it both fingers touch `thing`.

    Args:
        world: The simulation.
        thing: What to grasp.
        yaw: Turn left to go; by default to the nearest turn in which the fingers close across the
            flat sides. Shape (n,), [rad].
    """
    tcp, yaw = world.tcp_pos, _yaw_error(world, thing) if yaw is None else yaw
    to = thing.pos - tcp
    to[:, 2] = np.maximum(thing.pos[:, 2], 0.016) - tcp[:, 2]
    off = np.linalg.norm(to[:, :2], axis=1)
    hover = np.maximum(HOVER, highest_other(world, thing) + 0.02 - thing.pos[:, 2])
    high = np.clip((off - 0.012) * 4 + (np.abs(yaw) - 0.15) * 0.3, 0.0, hover)
    at = (off < 0.014) & (np.abs(to[:, 2]) < 0.014) & (np.abs(yaw) < 0.25)
    delta = to.copy()
    delta[:, 2] += high
    # low fingers would sweep objects aside
    delta[:, :2] *= lateral_scale(delta[:, 2])[:, None]
    return Motion(delta, yaw, np.where(at, -1.0, 1.0))


def release(world: World) -> Motion:
    """Open as far as there is room, then rise. After it nothing is touched."""
    delta = np.zeros((world.n, 3))
    full, width = world.robot.gripper.opening, world.gripper_width
    open_share = np.clip((width - 0.6875 * full) / (0.25 * full), 0.0, 1.0)
    target, speed = world.ctrl[:, world.n_arm], world.qvel[:, world.n_arm]
    stuck = (target > 0.875 * full) & (np.abs(speed) < 0.003) & (width > 0.375 * full)
    open_share[stuck] = 1.0
    delta[:, 2] = 0.05 * open_share * (world.tcp_pos[:, 2] < 0.20)
    # a hand that leans keeps its direction until it is off the object
    axis = world.tcp_mat[:, :, 2]
    axis = np.where(axis[:, 2:] < -0.9, DOWN_AXIS, axis)
    return Motion(delta, np.zeros(world.n), np.ones(world.n), axis)


def _towards_top(world: World, thing: View, gap: float) -> Motion:
    """Bring the closed fingers so far above the middle of an object [m]."""
    to = thing.pos - world.tcp_pos
    off = np.linalg.norm(to[:, :2], axis=1)
    over = np.maximum(thing.top + gap, _TIPS)
    to[:, 2] = np.where(off < 0.02, over, np.maximum(over, highest_other(world, thing) + _TIPS))
    to[:, 2] -= world.tcp_pos[:, 2]
    to[:, :2] *= lateral_scale(to[:, 2])[:, None]
    return Motion(to, np.zeros(world.n), -np.ones(world.n))


def _yaw_error(world: World, thing: View) -> NDArray:
    tool = np.arctan2(world.tcp_mat[:, 1, 1], world.tcp_mat[:, 0, 1])
    turn = grasp_turn(thing, tool)
    if (world.kind_id == _DRAWER).any():
        # the sides of a drawer are too close to each other for the open fingers
        inside, along = _drawer_around(world, thing)
        turn = np.where(inside, (along - tool + np.pi / 2) % np.pi - np.pi / 2, turn)
    return turn


def _drawer_around(world: World, thing: View) -> tuple[NDArray[np.bool_], NDArray]:
    """Whether an object lies low in a drawer, and the direction in which that opens. Each (n,)."""
    inside, along = np.zeros(world.n, bool), np.zeros(world.n)
    for slot in np.flatnonzero((world.kind_id == _DRAWER).any(axis=0)):
        drawer = View.of(world, np.full(world.n, slot))
        here = (world.kind_id[:, slot] == _DRAWER) & (thing.slot != slot)
        here &= (drawer.margin_inside(thing.pos) > 0) & (thing.bottom < drawer.top)
        inside |= here
        along = np.where(here, np.arctan2(drawer.mat[:, 1, 0], drawer.mat[:, 0, 0]), along)
    return inside, along


LIFTING = Family(
    skills=(ReachSkill(), GraspSkill(), LiftSkill(), LetGoSkill()),
    steps=(
        StepKind(
            "approach", "bring the open hand to the object", {"": Near("object", 0.022)}, 5.0,
            hand="free",
        ),
        StepKind(
            "grasp", "close the fingers around the object", {"": Held("object")}, 5.0,
            hand="free", hand_after="holding", takes=True, verb="lift",
        ),
        StepKind(
            "lift", "raise the held object off the table",
            {"": Lifted("object", 0.065) & Held("object")}, 4.0, hand="holding", takes=True,
        ),
    ),
    verbs={"reach": "reach for the thing", "lift": "pick up the thing"},
)  # fmt: skip
