"""Pull drawers open and push them shut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vla_gym.skills.lifting import grasp
from vla_gym.skills.motion import Motion
from vla_gym.skills.plan_steps import RoleNames, Step, StepKind
from vla_gym.skills.pushing import push_along
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import REACH_STAGE, Progress, Stage, count_stages
from vla_gym.world.logic import Roles
from vla_gym.world.objects import KINDS
from vla_gym.world.predicates import Closed, Free, Held, Opened, Static
from vla_gym.world.views import View, drawn_out
from vla_gym.world.world import World

_HANDLE = np.array([kind.handle for kind in KINDS.values()])


_FAST, _SLOW = 0.03, 0.012
"""Largest displacement in a control step, and that of wide openings: a drawer that is nearly out
must not glide on when it is let go [m]."""


class OpenSkill(Skill[Opened]):
    """Grasp a drawer's handle and pull."""

    predicate, stages, verb = Opened, (REACH_STAGE, Stage("open", 0.05)), "open"

    def progress(self, goal: Opened, world: World, roles: Roles) -> Progress:
        drawer = View.of(world, roles[goal.thing])
        away = np.linalg.norm(world.tcp_pos - drawer.pos, axis=1)
        part = drawn_out(world, drawer) / self.stages[1].distance
        fractions = [1 - away / REACH_STAGE.distance, part]
        return count_stages(fractions, [away < 0.09, goal.holds(world, roles)])

    def motion(self, goal: Opened, world: World, roles: Roles) -> Motion:
        drawer = View.of(world, roles[goal.thing])
        held = Held(goal.thing).holds(world, roles)
        fastest = _FAST if goal.by <= Opened.by else _SLOW
        left = np.clip(goal.by + 0.02 - drawn_out(world, drawer), -fastest, fastest)
        pull = Motion(drawer.mat[:, :, 0] * left[:, None], np.zeros(world.n), -np.ones(world.n))
        return Motion.choose(held.astype(int), [grasp(world, _handle_of(drawer)), pull])

    def steps(self, goal: Opened, names: RoleNames) -> list[Step]:
        return [Step("open", names[goal.thing][0])]


class CloseSkill(Skill[Closed]):
    """Push a drawer at its handle."""

    predicate, stages, verb = Closed, (REACH_STAGE, Stage("close", 0.08)), "close"

    def progress(self, goal: Closed, world: World, roles: Roles) -> Progress:
        drawer = View.of(world, roles[goal.thing])
        away = np.linalg.norm(world.tcp_pos - drawer.pos, axis=1)
        part = 1 - drawn_out(world, drawer) / self.stages[1].distance
        fractions = [1 - away / REACH_STAGE.distance, part]
        return count_stages(fractions, [away < 0.09, goal.holds(world, roles)])

    def motion(self, goal: Closed, world: World, roles: Roles) -> Motion:
        drawer = View.of(world, roles[goal.thing])
        handle, ahead = _handle_of(drawer), -drawer.mat[:, :, 0]
        left = np.maximum(drawn_out(world, drawer), 0.0)
        # the handle of a large drawer reaches farther out, and the hand must not come down on it
        larger = drawer.scale - 1.0
        return push_along(
            world, handle, ahead[:, :2], 0.034 * drawer.scale**2, left, 0.115 * larger
        )

    def steps(self, goal: Closed, names: RoleNames) -> list[Step]:
        return [Step("close", names[goal.thing][0])]


def _handle_of(drawer: View) -> View:
    """The same object with the position of its handle."""
    offset = _HANDLE[drawer.kind] * drawer.scale[:, None]
    return replace(drawer, pos=drawer.pos + np.einsum("nij,nj->ni", drawer.mat, offset))


def _misuse(step: Step, object_kind: str, target_kind: str | None) -> str:
    return "" if object_kind == "drawer" else "only drawers open and close"


OPENING = Family(
    skills=(OpenSkill(), CloseSkill()),
    steps=(
        StepKind(
            "open", "pull the drawer open and let go",
            {"": Opened("object") & Free() & Static("object")}, 8.0,
            hand="free", changes_table=True, misuse=_misuse,
        ),
        StepKind(
            "close", "push the drawer shut",
            {"": Closed("object") & Free() & Static("object")}, 8.0,
            hand="free", changes_table=True, misuse=_misuse,
        ),
    ),
    verbs={"open": "open the thing", "close": "close the thing"},
)  # fmt: skip
