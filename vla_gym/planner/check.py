"""Whether a plan can be carried out here: order of steps, the arm's limits, what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vla_gym.planner.plan import Plan, Problem
from vla_gym.planner.scene import Scene, Thing
from vla_gym.robots import DEFAULT_ROBOT, Robot, find_robot
from vla_gym.safety.limits import Limits
from vla_gym.skills import Step
from vla_gym.vlm import THERE as THRESHOLD
from vla_gym.world.objects import KINDS

_TAKEN = ("grasp", "lift", "move", "place", "stand_up")
_HAND_FREE = ("approach", "grasp", "push", "slide", "press", "open", "close", "stand_up")
_NEEDS_HELD = ("lift", "move", "place", "release")
_SPARE = 0.004
"""Room that the opened fingers need on top of a thing's width [m]."""


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

    def told(self) -> str:
        """The limits in words."""
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
    """Look for reasons not to execute a plan.

    Args:
        plan: The plan; one that says it is not feasible has none.
        scene: What was detected.
        body: What the arm can do.
        confidence: Name -> how sure CLIP is that it is there, [0, 1]; None if it was not asked.
        threshold: From which confidence a thing counts as there.

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
            text = f"the {name} is not seen in the picture (confidence {sure:.2f})"
            problems.append(Problem("grounding", text, {name: sure}))
    return problems


def _consistent(plan: Plan) -> list[Problem]:
    """Whether a plan has steps just when it says that it can be done."""
    if plan.feasible:
        return [Problem("order", "the plan is called feasible but has no steps")]
    if plan.steps:
        return [Problem("order", "the plan is called not feasible but has steps; leave them out")]
    return []


def _order(plan: Plan, scene: Scene) -> list[Problem]:
    """Whether each step finds the hand as it needs it."""
    held, placed, out = scene.held, False, []
    for k, step in enumerate(plan.steps, 1):
        name, here = step.object, f"step {k}, {step}:"
        fault = ""
        if step.target == name:
            fault = "object and target are the same thing"
        elif step.skill in _HAND_FREE and held is not None:
            fault = f"the hand still holds the {held}; release it first"
        elif step.skill in _NEEDS_HELD and held != name:
            fault = f"the hand does not hold the {name}; grasp it first"
        elif {name, step.target} & set(plan.avoid):
            fault = "it uses a thing that the plan wants to keep away from"
        if fault:
            out.append(Problem("order", f"{here} {fault}"))
        held = name if step.skill == "grasp" else None if step.skill == "release" else held
        placed = step.skill == "place" or (placed and step.skill != "release")
    if placed and held is not None:
        out.append(Problem("order", f"the plan ends with the {held} placed but not released"))
    return out


def _reachable(step: Step, scene: Scene, body: Embodiment) -> list[str]:
    """What the arm cannot do about a step."""
    thing = scene.find(step.object)
    target = scene.find(step.target) if step.target else None
    found = [fault for test in _TESTS for fault in test(step, thing, target, body)]
    return found


def _within(step: Step, thing: Thing, target: Thing | None, body: Embodiment) -> list[str]:
    spots = {thing.name: np.array(thing.pos)}
    if target is not None and step.skill != "slide":  # what is slid leaves the hand
        z = target.top + (thing.half_extents[2] if step.skill in ("move", "place") else 0.0)
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


def _graspable(step: Step, thing: Thing, target: Thing | None, body: Embodiment) -> list[str]:
    if step.skill not in _TAKEN:
        return []
    if thing.mass > body.robot.payload:
        return [f"{thing.mass:.1f} kg are too heavy for a payload of {body.robot.payload} kg"]
    width = 2 * min(thing.half_extents[:2])
    if width + _SPARE > body.opening:
        return [f"it is {width:.3f} m wide, and the gripper opens {body.opening:.3f} m"]
    return [] if KINDS[thing.kind].graspable else ["the gripper finds no hold on it"]


def _suits(step: Step, thing: Thing, target: Thing | None, body: Embodiment) -> list[str]:
    out = []
    if step.skill in ("open", "close") and thing.kind != "drawer":
        out.append("only drawers open and close")
    if step.skill == "press" and thing.kind != "button":
        out.append("only buttons can be pressed")
    if step.skill in ("push", "slide") and target is not None and not KINDS[target.kind].mark:
        out.append(f"things are pushed onto mats, and the {target.name} is none")
    kind = KINDS[target.kind] if target is not None else None
    if step.skill == "place" and step.relation == "in" and kind and not kind.container:
        out.append(f"nothing can be put in the {target.name if target else ''}")
    return out


_Test = Callable[[Step, Thing, "Thing | None", Embodiment], list[str]]
_TESTS: tuple[_Test, ...] = (_within, _graspable, _suits)
