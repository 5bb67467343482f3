"""Checks before execution: order of the steps, limits of the arm, objects that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vla_gym.planner.plan import Plan, Problem
from vla_gym.planner.scene import Scene, SceneObject
from vla_gym.robots import DEFAULT_ROBOT, Robot, find_robot
from vla_gym.safety.limits import Limits
from vla_gym.skills import Step, StepKind, step_kind
from vla_gym.vlm import PRESENCE_THRESHOLD as THRESHOLD
from vla_gym.world.objects import KINDS

_SPARE = 0.004
"""Opening that the fingers need beyond the width of an object [m]."""


@dataclass(frozen=True)
class Embodiment:
    """What the arm can do, for checks and for prompts."""

    robot: Robot = find_robot(DEFAULT_ROBOT)
    limits: Limits = Limits()
    """Fields that are None become the robot's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", self.limits.resolve(self.robot))

    @property
    def opening(self) -> float:
        """Widest opening of the gripper [m]."""
        return self.robot.gripper.opening

    def describe(self) -> str:
        """The limits, for prompts."""
        low, high = np.array(self.limits.workspace_low), np.array(self.limits.workspace_high)
        x, y, z = self.robot.shoulder
        return (
            f"The arm stands at x={x:g}, y={y:g} and reaches {self.robot.reach} m from its "
            f"shoulder at z={z} m. The hand stays within x {low[0]} to {high[0]}, y {low[1]} to "
            f"{high[1]}, z {low[2]} to {high[2]} m. The gripper opens {self.opening:.3f} m and "
            f"lifts at most {self.robot.payload} kg."
        )


def check(
    plan: Plan,
    scene: Scene,
    body: Embodiment | None = None,
    confidence: Mapping[str, float] | None = None,
    threshold: float = THRESHOLD,
) -> list[Problem]:
    """Find reasons not to execute a plan.

    Args:
        plan: The plan; one that is not feasible has no problems.
        scene: What was detected.
        body: What the arm can do.
        confidence: Name -> CLIP's confidence that it is there, [0, 1]; None if it was not asked.
        threshold: Confidence from which an object counts as there.

    Returns:
        Problems, in the order of the steps.
    """
    if not plan.feasible or not plan.steps:
        return _consistent(plan)
    problems = _order(plan, scene)
    for k, step in enumerate(plan.steps, 1):
        problems += [
            Problem("embodiment", f"step {k}, {step}: {text}")
            for text in _reachable(step, scene, body or Embodiment())
        ]
    for name in dict.fromkeys(n for s in plan.steps for n in (s.object, s.target) if n):
        sure = 1.0 if confidence is None else confidence.get(name, 0.0)
        if sure < threshold:
            text = f"the {name} is not seen in the image (confidence {sure:.2f})"
            problems.append(Problem("grounding", text, {name: sure}))
    return problems


def _consistent(plan: Plan) -> list[Problem]:
    """A feasible plan has steps, any other has none."""
    if plan.feasible:
        return [Problem("order", "the plan is called feasible but has no steps")]
    if plan.steps:
        return [Problem("order", "the plan is called not feasible but has steps; leave them out")]
    return []


def _order(plan: Plan, scene: Scene) -> list[Problem]:
    """Whether the hand is free or holds the object before each step, as it has to be."""
    held, placed, out = scene.held, False, []
    for k, step in enumerate(plan.steps, 1):
        name, kind, problem = step.object, step_kind(step.skill), ""
        if step.target == name:
            problem = "object and target are the same thing"
        elif kind.hand == "free" and held is not None:
            problem = f"the hand still holds the {held}; release it first"
        elif kind.hand == "holding" and held != name:
            problem = f"the hand does not hold the {name}; grasp it first"
        elif {name, step.target} & set(plan.avoid):
            problem = "it uses a thing that the plan wants to keep away from"
        if problem:
            out.append(Problem("order", f"step {k}, {step}: {problem}"))
        held = {"holding": name, "free": None, None: held}[kind.hand_after]
        placed = bool(kind.whole) or (placed and kind.hand_after != "free")
    if placed and held is not None:
        out.append(Problem("order", f"the plan ends with the {held} placed but not released"))
    return out


def _reachable(step: Step, scene: Scene, body: Embodiment) -> list[str]:
    """Limits of the arm that a step exceeds, and why its objects do not suit it."""
    kind, obj = step_kind(step.skill), scene.find(step.object)
    target = scene.find(step.target) if step.target else None
    misuse = kind.misuse(step, obj.kind, target.kind if target else None)
    out = _outside(kind, obj, target, body) + _not_graspable(kind, obj, body)
    return [*out, misuse] if misuse else out


def _outside(
    kind: StepKind, obj: SceneObject, target: SceneObject | None, body: Embodiment
) -> list[str]:
    spots = {obj.name: np.array(obj.pos)}
    if target is not None and kind.hand_reaches_target:
        z = target.top + (obj.half_extents[2] if kind.hand == "holding" else 0.0)
        spots[target.name] = np.array([*target.pos[:2], z])
    out, limits = [], body.limits
    for name, at in spots.items():
        far = float(np.linalg.norm(at - np.array(body.robot.shoulder)))
        low, high = np.array(limits.workspace_low), np.array(limits.workspace_high)
        beyond = (at[:2] < low[:2]).any() or (at[:2] > high[:2]).any()
        where = np.round(at, 2).tolist()
        if far > body.robot.reach:
            out.append(f"the {name} at {where} m is {far:.2f} m away, beyond the arm's reach")
        elif beyond:
            out.append(f"the {name} at {where} m is outside the workspace")
        elif at[2] > high[2]:
            out.append(f"it would have to be {at[2]:.2f} m high, above the workspace")
    return out


def _not_graspable(kind: StepKind, obj: SceneObject, body: Embodiment) -> list[str]:
    if not kind.takes:
        return []
    if obj.mass > body.robot.payload:
        return [f"{obj.mass:.1f} kg are too heavy for a payload of {body.robot.payload} kg"]
    width = 2 * min(obj.half_extents[:2])
    if width + _SPARE > body.opening:
        return [f"it is {width:.3f} m wide, and the gripper opens {body.opening:.3f} m"]
    return [] if KINDS[obj.kind].graspable else ["the gripper finds no hold on it"]
