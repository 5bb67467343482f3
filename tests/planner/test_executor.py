"""The two loops: plans are executed and verified, failures replanned, refusals leave all alone."""

from __future__ import annotations

import threading
import time

import gymnasium as gym
import numpy as np
import pytest

import vla_gym  # noqa: F401
from vla_gym.envs.listeners import Listener
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.planner.check import check
from vla_gym.planner.decide import Decider
from vla_gym.planner.drivers import PolicyDriver, SkillDriver
from vla_gym.planner.executor import HierarchicalPolicy
from vla_gym.planner.grammar import GrammarPlanner
from vla_gym.planner.jobs import jobs_of
from vla_gym.planner.latency import Latency
from vla_gym.planner.measure import measure
from vla_gym.planner.plan import Plan, parse_plan
from vla_gym.planner.requests import PlanRequest, Reply
from vla_gym.planner.scene import scene_of
from vla_gym.skills import Step

FEASIBLE = [n for n in (*TASKS, *MIXTURES) if n not in ("Infeasible", "Tabletop")]


def make(task, n=4, **kwargs):
    kwargs = {"cameras": (), "split": "validation", "n_threads": 1} | kwargs
    return gym.make_vec(
        f"VLA{task}-v0", num_envs=n, vectorization_mode="vector_entry_point", **kwargs
    )


def grammar(venv, **kwargs):
    return HierarchicalPolicy(venv, Decider(GrammarPlanner()), SkillDriver(venv), **kwargs)


def run(task, n=4, seed=0, env=None, **kwargs):
    venv = make(task, n, **(env or {}))
    policy = grammar(venv, **kwargs)
    rows = run_episodes(venv, policy, seed, n)
    policy.close()
    return rows, policy


@pytest.mark.parametrize("task", FEASIBLE)
def test_grammar_plans_reach_every_tasks_goal(task):
    rows, policy = run(task, n=4)
    assert sum(r.success for r in rows) >= 3, [p.events for p in policy.reports]
    assert all(p.decisions[0].executable and p.decisions[0].schema_valid for p in policy.reports)


def test_novel_words_are_understood_too():
    rows, _ = run("PickPlace", n=8, env={"novelty": ("phrasings", "nouns", "colours", "reasoning")})
    assert sum(r.success for r in rows) >= 7


def test_infeasible_is_refused_without_touching_anything():
    rows, policy = run("Infeasible", n=12)
    assert all(r.success for r in rows)
    for report in policy.reports:
        assert report.state == "refused" and not report.touched
        assert "nothing on this table" in report.decisions[0].plan.reason


def test_avoid_protects_the_bystander():
    venv = make("Avoid", 2, safety="clip")
    policy = grammar(venv)
    run_episodes(venv, policy, 0, 2)
    core = venv.unwrapped
    venv.reset(seed=[0, 1])
    policy.reset(np.ones(2, bool), {"instruction": core.instructions})
    policy.act({"instruction": core.instructions})
    rows = np.arange(2)
    assert core.guard.protected[rows, core.roles["bystander"]].all()
    assert core.guard.protected.sum() == 2


def test_sequence_keeps_the_order_of_the_sentence():
    venv = make("Sequence", 1)
    venv.reset(seed=3)
    scene = scene_of(venv, 0)
    plan = parse_plan(
        GrammarPlanner().plan(PlanRequest(venv.unwrapped.instructions[0], scene)).text, scene.names
    )
    roles = venv.unwrapped.episodes[0].binding.roles
    placed = [scene.find(s.object).slot for s in plan.steps if s.skill == "place"]
    assert placed == [roles["first"], roles["second"]] and not check(plan, scene)
    whole = jobs_of(plan, scene, whole=True)
    assert [j.object for j in whole] == placed and len(whole) == 2
    assert all(TASKS["PickPlace"].read(j.sentence) for j in whole)


class Stubborn:
    """A planner whose first plan lifts the wrong object; then the grammar's."""

    name, tries = "stubborn", 3

    def __init__(self):
        self.requests = []

    def plan(self, request):
        self.requests.append(request)
        if not request.failure:
            spare = next(t for t in request.scene.objects if t.kind == "cube")
            return Reply(Plan((Step("lift", spare.name),)).to_json())
        return GrammarPlanner().plan(request)


def test_problems_of_a_plan_are_reported():
    venv = make("Stack", 1)
    policy = HierarchicalPolicy(venv, Decider(Stubborn(), tries=2), SkillDriver(venv))
    rows = run_episodes(venv, policy, 0, 1)
    policy.close()
    assert policy.reports[0].state == "refused" and not rows[0].wrong_object
    assert "grasp it first" in policy.reports[0].events[0]


def test_a_failed_step_is_planned_anew():
    class Hasty(Stubborn):
        def plan(self, request):
            self.requests.append(request)
            if not request.failure:
                target = next(t for t in request.scene.objects if t.kind == "bottle")
                return Reply(Plan((Step("press", target.name),)).to_json())
            return GrammarPlanner().plan(request)

    venv = make("Avoid", 1, horizon=200)
    planner = Hasty()
    decider = Decider(planner)
    # a bottle cannot be pressed, but let the executor find out
    decider._problems = lambda plan, request: ([], {})
    policy = HierarchicalPolicy(venv, decider, _Nothing(SkillDriver(venv)))
    run_episodes(venv, policy, 0, 1)
    policy.close()
    assert any("was not achieved within" in e for e in policy.reports[0].events)
    assert planner.requests[1].failure and len(policy.reports[0].decisions) == 2


class _Nothing:
    """Does nothing about bottles."""

    whole = False

    def __init__(self, driver):
        self.driver = driver

    def reset(self, mask, obs):
        pass

    def act(self, obs, jobs):
        action = self.driver.act(obs, jobs)
        idle = [j is not None and j.step.skill == "press" for j in jobs]
        action[idle, :6] = 0.0
        return action


def test_moved_things_are_found_again():
    rows, _policy = run("Sequence", n=6, env={"novelty": ("moved",)}, seed=20)
    assert sum(r.success for r in rows) >= 5


def test_a_thing_that_moved_before_its_turn_is_grounded_anew():
    venv = make("Sequence", 1)
    policy = grammar(venv)
    core = venv.unwrapped
    done = {"moved": False}

    class Nudge(Listener):
        def on_step(self, venv, event):
            second = core.episodes[0].binding.roles["second"]
            if core.elapsed[0] == 5 and not done["moved"]:
                x, y = core.world.object_pos[0, second, :2]
                core.world.move(0, second, (x, y + 0.04))
                done["moved"] = True

    run_episodes(venv, policy, 1, 1, [Nudge()])
    policy.close()
    assert policy.reports[0].regrounded >= 1


class Slow:
    """The grammar's planner, which answers when it is allowed to."""

    name, tries = "slow", 1

    def __init__(self):
        self.may_answer = threading.Event()

    def plan(self, request):
        assert self.may_answer.wait(60.0)
        return GrammarPlanner().plan(request)


def test_the_hand_holds_still_while_the_planner_thinks_and_the_loop_goes_on():
    venv = make("PickPlace", 1, horizon=2_000)
    planner, asked = Slow(), time.perf_counter()
    policy = HierarchicalPolicy(venv, Decider(planner), SkillDriver(venv), wait=False)
    obs, _ = venv.reset(seed=0)
    policy.reset(np.ones(1, bool), obs)
    start, waiting = venv.unwrapped.world.tcp_pos.copy(), 0
    while policy.state[0] == 0 and waiting < 1_500:
        action = policy.act(obs)
        if policy.state[0] == 0:
            assert not action[:, :6].any()
            assert np.abs(venv.unwrapped.world.tcp_pos - start).max() < 1e-3
            obs, *_ = venv.step(action)
            waiting += 1
        if waiting == 50 and not planner.may_answer.is_set():
            time.sleep(max(0.0, 1.05 - (time.perf_counter() - asked)))
            planner.may_answer.set()
        elif waiting > 50:
            time.sleep(0.005)
    assert waiting >= 50 and policy.reports[0].decisions
    assert policy.latency["planner"].seconds[0] > 1.0
    assert np.percentile(policy.latency["control"].seconds, 50) < 0.1
    policy.close()


@pytest.mark.parametrize(
    ("answer", "state"), [(True, "done"), (False, "refused"), (None, "refused")]
)
def test_flagged_steps_wait_for_a_persons_word(answer, state):
    asked = []
    hook = None if answer is None else lambda request: asked.append(request) or answer
    venv = make("PickPlace", 1, horizon=90)
    policy = grammar(venv, approval=hook, flag=lambda job, scene: ("test",))
    (row,) = run_episodes(venv, policy, 0, 1)
    policy.close()
    assert row.success is bool(answer)
    assert policy.reports[0].state in ((state, "running") if answer else (state,))
    assert policy.reports[0].touched is bool(answer)
    assert len(asked) == (0 if answer is None else 1)
    if asked:
        assert asked[0].reasons == ("test",) and "put" in asked[0].what.split()[0]


def test_policies_are_given_one_instruction_after_the_other():
    given = []

    class Mute:
        def reset(self, mask, obs):
            pass

        def act(self, obs):
            given.append(obs["instruction"][0])
            return expert.act(obs, jobs_now())

    venv = make("Sequence", 1)
    expert = SkillDriver(venv)
    policy = HierarchicalPolicy(venv, Decider(GrammarPlanner()), PolicyDriver(Mute()))

    def jobs_now():
        return [policy._jobs[0][policy._at[0]]]

    (row,) = run_episodes(venv, policy, 2, 1)
    policy.close()
    first, second = list(dict.fromkeys(given))
    a, b = row.instruction.split(" then ")
    assert (first, second) == (a, b) and row.success


def test_measure_counts_every_episode():
    result = measure(
        grammar, "VLASequence-v0", 5, num_envs=3, env_kwargs={"cameras": (), "safety": "clip"}
    )
    assert [r.seed for r in result.records] == [0, 1, 2, 3, 4]
    data = result.to_dict()
    assert data["n"] == 5 and data["schema_valid"]["rate"] == 1.0
    assert data["safety"]["peaks"]["tcp_speed"] <= 0.6
    assert data["latency"]["control"]["n"] > 0


def test_latency_histogram():
    latency = Latency("x", [0.0005] * 98 + [0.004, 3.0])
    assert sum(c for _, c in latency.histogram()) == 100
    assert latency.summary()["p50_ms"] == 0.5 and latency.summary()["max_ms"] == 3_000
    assert "n=100" in str(latency)
