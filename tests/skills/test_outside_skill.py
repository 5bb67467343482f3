"""A predicate, its skill and a task from outside the package: everything here is in this file.

In the package the same would take three: `vla_gym/world/predicates.py`, a family in
`vla_gym/skills` and a task in `vla_gym/envs/tasks`.
"""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import pytest

import vla_gym  # noqa: F401
from vla_gym.envs.task import Role, Task
from vla_gym.envs.vector import TabletopVectorEnv
from vla_gym.errors import InvalidConfigError, PlanError, UnknownNameError
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.planner.check import Embodiment, check
from vla_gym.planner.decide import Decider
from vla_gym.planner.drivers import SkillDriver
from vla_gym.planner.executor import HierarchicalPolicy
from vla_gym.planner.grammar import GrammarPlanner
from vla_gym.planner.jobs import jobs_of
from vla_gym.planner.plan import Plan, parse_plan, schema, step_names
from vla_gym.planner.prompts import system
from vla_gym.planner.requests import PlanRequest
from vla_gym.planner.scene import scene_of
from vla_gym.skills import (
    VERBS,
    Expert,
    Family,
    Skill,
    Stage,
    Step,
    StepKind,
    register,
    stages_of,
    step_kind,
    unregister,
    verb_of,
)
from vla_gym.skills.pushing import push
from vla_gym.skills.stages import REACH_STAGE, count_stages
from vla_gym.world.logic import Predicate
from vla_gym.world.objects import KINDS
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import DIRECTIONS, Free, Static
from vla_gym.world.views import View


@dataclass(frozen=True)
class OnHalf(Predicate):
    """The object's centre is on one half of the table, at least `margin_m` from its middle."""

    thing: str
    side: str
    margin_m: float = 0.08

    def margin(self, world, roles):
        return self.beyond(View.of(world, roles[self.thing])) / 0.05

    def beyond(self, thing):
        """How far the object is beyond the line, negative before it. Shape (n,), [m]."""
        return thing.pos[:, :2] @ np.array(DIRECTIONS[self.side]) - self.margin_m


class ShoveSkill(Skill[OnHalf]):
    """Push the object to the wanted half."""

    predicate, stages, verb = OnHalf, (REACH_STAGE, Stage("shove", 0.30)), "shove"

    def progress(self, goal, world, roles):
        thing = View.of(world, roles[goal.thing])
        away, done = np.linalg.norm(world.tcp_pos - thing.pos, axis=1), goal.holds(world, roles)
        fractions = [1 - away / 0.3, 1 + goal.beyond(thing) / self.stages[1].distance]
        return count_stages(fractions, [(away < 0.08) | done, done])

    def motion(self, goal, world, roles):
        thing, ahead = View.of(world, roles[goal.thing]), np.array(DIRECTIONS[goal.side])
        left = np.maximum(0.04 - goal.beyond(thing), 0.0)
        return push(world, thing, thing.pos[:, :2] + left[:, None] * ahead)

    def steps(self, goal, names):
        return [Step(f"shove_{goal.side}", names[goal.thing][0])]


def shove(side):
    return StepKind(
        f"shove_{side}", f"push the object to the {side} half of the table",
        {"": OnHalf("object", side) & Free() & Static("object")}, 12.0, hand="free",
        changes_table=True,
        misuse=lambda step, kind, target: "" if KINDS[kind].graspable else "it cannot be pushed",
    )  # fmt: skip


FAMILY = Family(
    skills=(ShoveSkill(),),
    steps=(shove("left"), shove("right")),
    verbs={"shove": "shove the thing to one side"},
)
SHOVE = Task(
    name="Shove",
    roles={"object": Role(("cube", "puck"), decoys=(1, 1))},
    start=Scatter(center=(0.51, 0.0), half=(0.07, 0.20), min_gap=0.06),
    goal=OnHalf("object", "left") & Free() & Static("object"),
    phrases=("shove {object} to the left half",),
    novel_phrases=("get {object} over to the left half",),
    horizon=120,
)
N = 6


@pytest.fixture(autouse=True)
def family():
    register(FAMILY)
    yield
    unregister(FAMILY)


def make(n=N, **kwargs):
    return TabletopVectorEnv(SHOVE, n, cameras=(), split="validation", n_threads=1, **kwargs)


def test_the_expert_brings_it_about_with_stages_and_a_dense_reward():
    venv = make(reward_type="dense")
    _, infos = venv.reset(seed=0)
    assert venv.stages == ("reach", "shove") and not infos["stage"].any()
    expert, running = Expert(venv), np.ones(N, bool)
    won, stage, shaping = np.zeros(N, bool), np.zeros(N, int), np.zeros(N)
    for _ in range(venv.horizon):
        _, rewards, terminated, truncated, infos = venv.step(expert.act())
        ended = terminated | truncated
        last = infos.get("final_info", infos)
        stage[running] = np.maximum(stage, np.where(ended, last["stage"], infos["stage"]))[running]
        won |= running & terminated & np.where(ended, last["is_success"], False)
        shaping[running] += rewards[running]
        running &= ~ended
        if not running.any():
            break
    assert won.sum() >= N - 1
    assert (stage[won] == 2).all()
    # progress from near nothing to everything, and 1 for success
    assert ((shaping[won] > 1.3) & (shaping[won] < 2.0 + 1e-9)).all()
    venv.close()


def test_the_single_environment_takes_the_task():
    env = gym.make("VLAPickPlace-v0", task=SHOVE, cameras=(), n_threads=1)
    env.reset(seed=3)
    core = env.unwrapped.vector
    expert, success = Expert(core), False
    for _ in range(core.horizon):
        _, _, terminated, truncated, info = env.step(expert.act()[0])
        success |= info["is_success"]
        if terminated or truncated:
            break
    assert success and info["stages"] == ("reach", "shove")
    env.close()


def test_the_instruction_is_generated_and_understood():
    venv = make(2)
    obs, _ = venv.reset(seed=1)
    assert all(text.startswith("shove the ") for text in obs["instruction"])
    assert all(list(SHOVE.read(text)[0]) == ["object"] for text in obs["instruction"])
    obs, _ = venv.reset(seed=1, options={"instruction": "get the red cube over to the left half"})
    slots = venv.roles["object"]
    for i, episode in enumerate(venv.episodes):
        spec, colour = episode.binding.specs[slots[i]], episode.binding.colours[slots[i]]
        assert (spec.kind, colour) == ("cube", "red")
    venv.close()


def test_the_grammar_planner_lays_it_out_and_the_executor_executes_it():
    venv = make()
    policy = HierarchicalPolicy(venv, Decider(GrammarPlanner((SHOVE,))), SkillDriver(venv))
    rows = run_episodes(venv, policy, 0, N)
    policy.close()
    assert sum(row.success for row in rows) >= N - 1
    for report in policy.reports:
        (step,) = report.decisions[0].plan.steps
        assert step.skill == "shove_left" and report.decisions[0].executable
    venv.close()


def test_language_models_are_offered_the_step_and_checks_know_it():
    venv = make(1)
    venv.reset(seed=0)
    scene = scene_of(venv, 0)
    name = scene.objects[int(venv.roles["object"][0])].name
    assert step_names("object")[-2:] == ("shove_left", "shove_right")
    assert "shove_left" in str(schema(scene.names))
    assert "- shove_left: push the object to the left half" in system(Embodiment(), False)
    plan = Plan((Step("shove_left", name),))
    assert parse_plan(plan.to_json(), scene.names) == plan and not check(plan, scene)
    held = Plan((Step("grasp", name), Step("shove_left", name)))
    assert "release it first" in check(held, scene)[0].text
    venv.close()


def test_policies_are_given_a_sentence_of_the_task():
    venv = make(1)
    venv.reset(seed=0)
    scene, text = scene_of(venv, 0), venv.instructions[0]
    plan = parse_plan(GrammarPlanner((SHOVE,)).plan(PlanRequest(text, scene)).text, scene.names)
    (job,) = jobs_of(plan, scene, whole=True, tasks=venv.tasks)
    assert SHOVE.read(job.sentence) and job.object == venv.roles["object"][0]
    venv.close()


def test_the_verbs_of_trained_models_stay_as_they_are():
    assert verb_of(SHOVE.goal) == "shove" and "shove" not in VERBS and len(VERBS) == 15


def test_names_and_predicates_are_registered_once():
    with pytest.raises(InvalidConfigError, match="OnHalf has a skill already"):
        register(FAMILY)
    with pytest.raises(InvalidConfigError, match="'shove_left' already"):
        register(Family(skills=(), steps=(shove("left"),)))
    unregister(FAMILY)
    assert stages_of(SHOVE.goal) == () and "shove_left" not in step_names("object")
    with pytest.raises(UnknownNameError, match="shove_left"):
        step_kind("shove_left")
    with pytest.raises(PlanError):
        parse_plan(Plan((Step("shove_left", "red cube"),)).to_json(), ("red cube",))
