"""Checks: each limit of the arm, the order of steps, what is really there; and asking again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.planner.test_plan import GOOD, SCENE
from vla_gym.errors import PlannerUnavailableError
from vla_gym.planner.check import Embodiment, check
from vla_gym.planner.decide import Decider
from vla_gym.planner.plan import Plan
from vla_gym.planner.requests import PlanRequest, Reply
from vla_gym.planner.scene import Scene, SceneObject
from vla_gym.robots.panda import PANDA
from vla_gym.skills import Step


def with_cube(**changes):
    cube = replace(SCENE.objects[0], **changes)
    return Scene((cube, *SCENE.objects[1:]), SCENE.held)


def test_a_good_plan_has_no_problems():
    assert check(GOOD, SCENE) == []


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (with_cube(pos=(0.95, 0.3, 0.02)), "beyond the arm's reach"),
        (with_cube(pos=(0.1, 0.1, 0.02)), "outside the workspace"),
        (with_cube(mass=3.5), "too heavy"),
        (with_cube(kind="bowl"), "m wide"),
        (with_cube(kind="button"), "no hold"),
    ],
)
def test_the_body_cannot_do_it(scene, words):
    problems = check(GOOD, scene)
    assert problems and all(p.check == "embodiment" for p in problems)
    assert any(words in p.text for p in problems)


def test_height():
    high = Scene((SCENE.objects[0], replace(SCENE.objects[1], pos=(0.5, -0.1, 0.53))))
    assert any("above the workspace" in p.text for p in check(replace(GOOD, avoid=()), high))


def test_another_robot_has_other_limits():
    short = Embodiment(robot=replace(PANDA, reach=0.3))
    assert any("reach" in p.text for p in check(GOOD, SCENE, short))
    assert "reaches 0.3 m" in short.describe()


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([Step("lift", "red cube")], "grasp it first"),
        ([Step("grasp", "red cube"), Step("grasp", "small green mug")], "release it first"),
        ([Step("grasp", "red cube"), Step("place", "red cube", "red cube", "on")], "same thing"),
        ([Step("grasp", "red cube"), Step("place", "red cube", "blue bowl", "in")], "not released"),
        ([Step("open", "red cube")], "only drawers"),
        ([Step("press", "red cube")], "only buttons"),
        ([Step("push", "red cube", "blue bowl")], "onto mats"),
        (
            [Step("grasp", "red cube"), Step("place", "red cube", "small green mug", "in")],
            "keep away",
        ),
        ([], "no steps"),
    ],
)
def test_steps_that_make_no_sense(steps, words):
    problems = check(Plan(tuple(steps), avoid=("small green mug",)), SCENE)
    assert any(words in p.text for p in problems)


def test_clip_has_the_last_word():
    sure = {"red cube": 0.9, "blue bowl": 0.2}
    (problem,) = check(GOOD, SCENE, confidence=sure)
    assert problem.check == "grounding" and "blue bowl" in problem.text and "0.20" in problem.text
    assert not check(GOOD, SCENE, confidence=sure, threshold=0.1)


class Scripted:
    """A planner that gives prepared replies, one after the other."""

    name, tries = "scripted", 5

    def __init__(self, *replies):
        self.replies, self.requests = list(replies), []

    def plan(self, request):
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply, completion_tokens=3)


ASK = PlanRequest("put the red cube in the blue bowl", SCENE)


def test_problems_are_sent_back_and_it_is_asked_again():
    planner = Scripted(GOOD.to_json().replace("blue bowl", "red drawer"), GOOD.to_json())
    decision = Decider(planner).decide(ASK)
    assert decision.plan == GOOD and len(decision.replies) == 2
    assert not decision.schema_valid and not decision.executable
    reply, why = planner.requests[1].rejected[0]
    assert "red drawer" in reply and "red drawer" in why


def test_gives_up_after_n_tries():
    decision = Decider(Scripted(*["no"] * 5), tries=3).decide(ASK)
    assert not decision.plan.feasible and len(decision.replies) == 3 and decision.plan.reason


def test_an_unavailable_planner_is_no_crash_and_not_remembered():
    planner = Scripted(PlannerUnavailableError("nobody there"), GOOD.to_json())
    decider = Decider(planner)
    assert "nobody there" in decider.decide(ASK).plan.reason
    assert decider.decide(ASK).plan == GOOD


def test_repeated_situations_are_remembered():
    planner = Scripted(GOOD.to_json(), GOOD.to_json())
    decider = Decider(planner)
    assert not decider.decide(ASK).cached
    moved = replace(ASK, scene=with_cube(pos=(0.5, 0.2, 0.021)))
    assert decider.decide(moved).cached and len(planner.requests) == 1
    planner.replies = [GOOD.to_json()] * 3
    gone = replace(ASK, scene=with_cube(pos=(0.95, 0.3, 0.021)))
    assert not decider.decide(gone).cached  # remembered, but out of reach now
    other = replace(ASK, instruction="put the red cube in the bowl")
    planner.replies = [GOOD.to_json()]
    assert not decider.decide(other).cached


def test_things_seen_before_may_be_covered_now():
    decider = Decider(
        Scripted(GOOD.to_json()), sight=lambda r: {n: 0.1 for n in r.scene.names}, tries=1
    )
    seen = {name: 0.9 for name in SCENE.names}
    assert decider.decide(replace(ASK, seen=seen)).plan.feasible
    fresh = Decider(
        Scripted(GOOD.to_json()), sight=lambda r: {n: 0.1 for n in r.scene.names}, tries=1
    )
    decision = fresh.decide(ASK)
    assert not decision.plan.feasible and decision.problems[0][0].check == "grounding"


def test_a_thing_without_place_is_named_in_the_error():
    with pytest.raises(ValueError, match="blue moon"):
        SCENE.find("blue moon")
    assert SceneObject("x", "cube", "red").top == pytest.approx(0.021)
