"""Press a button from above."""

from __future__ import annotations

import numpy as np

from vla_gym.skills.motion import Motion, lateral_scale
from vla_gym.skills.plan_steps import RoleNames, Step, StepKind
from vla_gym.skills.skill import Family, Skill
from vla_gym.skills.stages import REACH_STAGE, Progress, Stage, count_stages
from vla_gym.world.logic import Roles
from vla_gym.world.predicates import Pressed
from vla_gym.world.views import View
from vla_gym.world.world import World


class PressSkill(Skill[Pressed]):
    """Press the top of an object down with closed fingers."""

    predicate, stages, verb = Pressed, (REACH_STAGE, Stage("press", 0.05)), "press"

    def progress(self, goal: Pressed, world: World, roles: Roles) -> Progress:
        thing = View.of(world, roles[goal.thing])
        away = np.linalg.norm(world.tcp_pos - thing.pos, axis=1)
        over = np.linalg.norm((world.tcp_pos - thing.pos)[:, :2], axis=1) < thing.half[:, 0]
        fractions = [
            1 - away / REACH_STAGE.distance, 1 - (world.tcp_pos[:, 2] - thing.top) / 0.05
        ]  # fmt: skip
        return count_stages(fractions, [over & (away < 0.08), goal.holds(world, roles)])

    def motion(self, goal: Pressed, world: World, roles: Roles) -> Motion:
        thing = View.of(world, roles[goal.thing])
        to = thing.pos - world.tcp_pos
        off = np.linalg.norm(to[:, :2], axis=1)
        to[:, 2] = np.where(off < 0.012, thing.top - 0.02, thing.top + 0.03) - world.tcp_pos[:, 2]
        to[:, :2] *= lateral_scale(to[:, 2])[:, None]
        return Motion(to, np.zeros(world.n), -np.ones(world.n))

    def steps(self, goal: Pressed, names: RoleNames) -> list[Step]:
        return [Step("press", names[goal.thing][0])]


def _misuse(step: Step, object_kind: str, target_kind: str | None) -> str:
    return "" if object_kind == "button" else "only buttons can be pressed"


PRESSING = Family(
    skills=(PressSkill(),),
    steps=(
        StepKind(
            "press", "press the object from above", {"": Pressed("object")}, 5.0,
            hand="free", changes_table=True, misuse=_misuse,
        ),
    ),
    verbs={"press": "press the thing"},
)  # fmt: skip
