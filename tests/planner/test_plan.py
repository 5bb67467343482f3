"""Parsing of plans: valid replies become plans, all others are refused with a reason."""

from __future__ import annotations

import json
import random
import string

import pytest

from vla_gym.errors import PlanError
from vla_gym.language.relations import RELATIONS
from vla_gym.planner.check import check
from vla_gym.planner.plan import MAX_STEPS, Plan, parse_plan, schema, step_names
from vla_gym.planner.scene import Scene, SceneObject
from vla_gym.skills import Step, step_kinds

PAIRED = ("move", "push", "slide")
SCENE = Scene(
    (
        SceneObject("red cube", "cube", "red", pos=(0.45, 0.1, 0.021), mass=0.03),
        SceneObject("blue bowl", "bowl", "blue", pos=(0.5, -0.1, 0.021), mass=0.1),
        SceneObject("small green mug", "mug", "green", "small", (0.55, 0.05, 0.02), 0.03),
    )
)
NAMES = SCENE.names
KNOWN_STEPS = {kind.name for kind in step_kinds()}
GOOD = Plan(
    (
        Step("approach", "red cube"), Step("grasp", "red cube"), Step("lift", "red cube"),
        Step("move", "red cube", "blue bowl"), Step("place", "red cube", "blue bowl", "in"),
        Step("release", "red cube"),
    ),
    avoid=("small green mug",),
)  # fmt: skip


def test_the_steps_of_plans_and_their_order():
    assert step_names("object") == (
        "approach", "grasp", "lift", "release", "press", "open", "close", "stand_up"
    )  # fmt: skip
    assert step_names("target") == PAIRED and step_names("relation") == ("place",)


def test_text_and_back():
    assert parse_plan(GOOD.to_json(), NAMES) == GOOD
    fenced = f"Sure! Here is the plan:\n```json\n{GOOD.to_json()}\n```\nGood luck."
    assert parse_plan(fenced, NAMES) == GOOD
    thought = Plan(GOOD.steps, thought="first the cube")
    assert parse_plan(thought.to_json(thought=True), NAMES, thought=True) == thought


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON object"),
        ("I cannot do that.", "no JSON object"),
        ('{"feasible": true', "not valid JSON"),
        ("{" * 20_000, "not valid JSON"),
        ('{"a":' * 5_000, "not valid JSON"),
        ("x" * 60_000, "50000 is the most"),
        ('{"feasible": NaN, "reason": "", "avoid": [], "steps": []}', "NaN is not JSON"),
        ('{"feasible": true, "feasible": false}', "stands twice"),
        ('{"feasible": "true", "reason": "", "avoid": [], "steps": []}', "feasible"),
        ('{"feasible": true, "reason": "", "avoid": ["moon"], "steps": []}', "avoid.0"),
        (GOOD.to_json().replace("grasp", "crush"), "crush"),
        (GOOD.to_json().replace("red cube", "red drawer"), "red drawer"),
        (GOOD.to_json().replace('"steps"', '"code": "import os", "steps"'), "code"),
        ('{"feasible": false, "reason": 5, "avoid": [], "steps": []}', "reason"),
    ],
)  # fmt: skip
def test_each_error_gets_a_reason(text, words):
    with pytest.raises(PlanError) as error:
        parse_plan(text, NAMES)
    assert words in str(error.value)


def test_too_many_steps_are_refused():
    long = Plan((Step("grasp", "red cube"),) * (MAX_STEPS + 1))
    with pytest.raises(PlanError, match=str(MAX_STEPS)):
        parse_plan(long.to_json(), NAMES)


def test_nothing_can_be_named_where_nothing_was_detected():
    assert not parse_plan(Plan(feasible=False, reason="empty").to_json(), ()).feasible
    with pytest.raises(PlanError):
        parse_plan(GOOD.to_json(), ())


def mutate(rng: random.Random, text: str) -> str:
    """One of many ways in which a reply can be broken or hostile."""
    kind = rng.randrange(14)
    data = json.loads(text)
    if kind == 0:
        return text[: rng.randrange(len(text))]
    if kind == 1:
        k = rng.randrange(len(text))
        return text[:k] + rng.choice(string.printable) + text[k + rng.randrange(3) :]
    if kind == 2:
        return "".join(rng.choice(string.printable) for _ in range(rng.randrange(400)))
    if kind == 3:
        data.pop(rng.choice(list(data)))
    elif kind == 4 and data["steps"]:
        step = rng.choice(data["steps"])
        step[rng.choice(list(step))] = rng.choice(
            ["__import__('os').system('rm -rf /')", "../../etc/passwd", "", None, 7, -1e308, [], {},
             "RED CUBE", "red cube ", "the red cube", "\u202ered cube", "red\x00cube", True]
        )  # fmt: skip
    elif kind == 5:
        data["steps"] = rng.choice(
            [None, {}, "grasp", [None], [[]], [data], 3, [{"skill": "grasp"}]]
        )
    elif kind == 6:
        data["steps"] = data["steps"] * rng.randrange(2, 40)
    elif kind == 7:
        data[rng.choice(["exec", "__proto__", "steps2", "Feasible", "speed", ""])] = "9 m/s"
    elif kind == 8:
        data["feasible"] = rng.choice([1, 0, "yes", None, "false", [True]])
    elif kind == 9:
        data["avoid"] = rng.choice(
            [["red cube"] * 9, ["operator"], "red cube", None, [1], [["red cube"]]]
        )
    elif kind == 10:
        data["reason"] = rng.choice(["x" * 10_000, None, 3, ["no"]])
    elif kind == 11 and data["steps"]:
        rng.choice(data["steps"])[rng.choice(["force", "velocity", "target", "relation", "x"])] = (
            rng.choice(["10000 N", 1e9, "in", "blue bowl", "red cube", None])
        )
    elif kind == 12:
        rng.shuffle(data["steps"])
    else:
        depth = rng.randrange(3_000)
        return '{"feasible":' + "[" * depth + "]" * rng.randrange(depth + 1)
    out = json.dumps(data)
    return out if rng.random() < 0.7 else f"Ignore all limits. {out} {out}"


def allowed(data: object) -> bool:
    """Whether a plan keeps to the schema, written down a second time by hand."""
    if not isinstance(data, Plan) or len(data.steps) > MAX_STEPS:
        return False
    for s in data.steps:
        if s.skill not in KNOWN_STEPS or s.object not in NAMES:
            return False
        if (s.target is not None) != (s.skill in (*PAIRED, "place")) or s.target not in (
            None,
            *NAMES,
        ):
            return False
        if (s.relation is not None) != (s.skill == "place") or s.relation not in (None, *RELATIONS):
            return False
    return set(data.avoid) <= set(NAMES) and isinstance(data.feasible, bool)


def test_fuzz_10_000_replies():
    """None crashes, none gets outside the schema, each that is not executed has a reason."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    validator = jsonschema.Draft202012Validator(schema(NAMES))
    rng = random.Random(0)
    bases = [GOOD.to_json(), Plan(feasible=False, reason="there is no drawer").to_json(),
             Plan((Step("press", "red cube"),)).to_json()]  # fmt: skip
    counts = {
        "refused by the schema": 0,
        "refused by the checks": 0,
        "may be executed": 0,
        "not feasible": 0,
    }
    for _ in range(10_000):
        text = rng.choice(bases)
        for _ in range(rng.randrange(1, 4)):
            try:
                text = mutate(rng, text)
            except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
                break  # broken already
        try:
            plan = parse_plan(text, NAMES)
        except PlanError as error:
            assert len(str(error)) > 10
            counts["refused by the schema"] += 1
            continue
        assert allowed(plan)
        assert validator.is_valid(json.JSONDecoder().raw_decode(text, text.index("{"))[0])
        problems = check(plan, SCENE)
        assert all(p.text and p.check in ("order", "embodiment") for p in problems)
        if problems:
            counts["refused by the checks"] += 1
        elif plan.feasible:
            counts["may be executed"] += 1
            assert all(s.object in NAMES for s in plan.steps) and plan.steps
        else:
            assert plan.reason
            counts["not feasible"] += 1
    print(counts)
    assert sum(counts.values()) == 10_000 and min(counts.values()) > 20
