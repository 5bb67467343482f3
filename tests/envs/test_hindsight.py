"""Hindsight relabelling."""

import numpy as np
import pytest

import vla_gym
from vla_gym.envs.hindsight import achieved
from vla_gym.envs.tasks import TASKS
from vla_gym.errors import InvalidConfigError
from vla_gym.language.noun_phrases import resolve
from vla_gym.skills import Expert


def make_vec(env_id, n=8, **kwargs):
    return vla_gym.make_vec(env_id, n, **{"cameras": (), **kwargs})


def test_what_was_achieved_gets_a_true_instruction():
    """A policy that follows another instruction: that one is found to be fulfilled."""
    venv = make_vec("VLAPickPlace-v0", 12, split="validation")
    core = venv.unwrapped
    venv.reset(seed=0)
    task = core.task
    wrong = {}
    for i, e in enumerate(core.episodes):
        fits = [
            s for s, spec in enumerate(e.binding.specs)
            if spec.kind in task.roles["object"].kinds and s != e.binding.roles["object"]
        ]  # fmt: skip
        wrong[i] = fits[0]
    meant, core.roles["object"] = core.roles["object"].copy(), np.array(list(wrong.values()))
    expert = Expert(core)
    actions = []
    for _ in range(25):
        actions.append(expert.act())
        core.actuator.execute(actions[-1].astype(float), core.settings.substeps)
    core.roles["object"] = meant
    assert not task.goal.holds(core.world, core.roles).any()
    facts = achieved(core)
    hits = [i for i in range(12) if any(a.roles["object"] == wrong[i] for a in facts[i])]
    assert len(hits) >= 10
    for i in hits:
        fact = next(a for a in facts[i] if a.roles["object"] == wrong[i])
        seen = core.episodes[i].binding.seen(core.episodes[i].pos)
        assert resolve(task.read(fact.instruction)[0]["object"], seen) == [wrong[i]]
    with pytest.raises(InvalidConfigError, match="at most two roles"):
        achieved(core, [TASKS["Sort"]])
    venv.close()


def test_what_a_sentence_of_ones_own_achieved_is_found_among_all_tasks():
    venv = make_vec("Tabletop", 4, split="validation")
    asked = "pop the wee brick on the tray, but mind the bottle"
    venv.reset(seed=0, options={"instruction": [asked] * 4})
    core = venv.unwrapped
    expert, facts = Expert(core), [[] for _ in range(4)]
    bricks = [e.binding.roles["object"] for e in core.episodes]
    for _ in range(40):
        core.actuator.execute(expert.act().astype(float), core.settings.substeps)
        for mine, more in zip(facts, achieved(core), strict=True):
            mine += more
    put = [{f.task for f in mine if f.roles.get("object") == brick}
           for mine, brick in zip(facts, bricks, strict=True)]  # fmt: skip
    assert sum("PickPlace" in tasks for tasks in put) >= 3
    assert all("Reach" in tasks for tasks in put)
    venv.close()


def test_a_plain_environment_counts_as_a_batch_of_one():
    env = vla_gym.make("VLAReach-v0", cameras=(), split="validation")
    _, info = env.reset(seed=0)
    expert = Expert(env)
    while not info["is_success"]:
        *_, info = env.step(expert.act())
    ((found,),) = achieved(env)
    assert found.task == "Reach" and found.roles["object"] == env.unwrapped.vector.roles["object"]
