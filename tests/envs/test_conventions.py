"""Grippers of either sign, numbers out of range, names, rates, cores, and the end of an env."""

import os
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

import vla_gym
from vla_gym.envs.actions import ACTION_NAMES
from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.errors import ClosedEnvError, InvalidActionError, InvalidConfigError, UnknownNameError
from vla_gym.evaluation.protocol import evaluate
from vla_gym.world.cores import usable_cores

ID = "VLAReach-v0"
GRIP = ACTION_NAMES.index("gripper")


def widths(numbers, **kwargs):
    """The gripper's target after each of some gripper numbers, as open or not."""
    env, out = gym.make(ID, cameras=(), horizon=99, **kwargs), []
    env.reset(seed=0)
    for number in numbers:
        action = np.zeros(7)
        action[GRIP] = number
        obs, *_, info = env.step(action)
        out.append(bool(obs["proprio"][PROPRIO_TAIL["gripper_target"]][0] > 0.01))
        if "executed_action" in info:
            assert info["executed_action"][GRIP] in (number, 1.0, -1.0)
            assert number == 0 or info["executed_action"][GRIP] == number
            assert not info["safety_intervened"] or number == 0
    return out


@pytest.mark.parametrize("safety", [None, "clip"])
def test_a_zero_can_hold_the_gripper_and_plus_one_can_close_it(safety):
    numbers = (0, -1, 0, 0.2, 0, -0.1, 0)
    assert widths(numbers, safety=safety) == [True, False, True, True, True, False, True]
    hold = [True, False, False, True, True, False, False]
    assert widths(numbers, safety=safety, gripper="hold") == hold
    closes = {"safety": safety, "gripper_sign": "positive_closes"}
    assert widths(numbers, **closes) == [True, True, True, False, True, True, True]
    mirrored = [-x for x in numbers]
    assert widths(mirrored, gripper="hold", **closes) == hold


def test_the_expert_and_specs_follow_the_sign():
    kwargs = {"gripper": "hold", "gripper_sign": "positive_closes"}
    result = evaluate("VLAPick-v0", "expert", 4, num_envs=4, env_kwargs=kwargs)
    assert result.records == evaluate("VLAPick-v0", "expert", 4, num_envs=4).records
    assert result.success_rate == 1
    evaluate(ID, "random", 2, env_kwargs=kwargs)
    with pytest.raises(InvalidConfigError, match="gripper 'positive_opens' instead of"):
        evaluate("VLAPickPlace-v0", "pickplace-ppo", 1, env_kwargs=kwargs)


def test_numbers_out_of_range_are_refused_or_clipped():
    envs = [gym.make(ID, cameras=(), out_of_range="clip") for _ in range(2)]
    action = np.array([3.0, -2.0, 0.5, 0, 0, 9, -7])
    ends = []
    for env, given in zip(envs, (action, np.clip(action, -1, 1)), strict=True):
        env.reset(seed=1)
        ends.append(env.step(given)[0]["proprio"])
    assert np.array_equal(*ends)
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(InvalidActionError, match="nan in the policy"):
            envs[0].step(np.full(7, value))
    plain = gym.make(ID, cameras=()).unwrapped
    plain.reset(seed=1)
    with pytest.raises(InvalidActionError, match="out_of_range='clip'"):
        plain.step(action)


@pytest.mark.parametrize("name", ["gripper", "gripper_sign", "out_of_range"])
def test_conventions_that_do_not_exist(name):
    with pytest.raises(UnknownNameError, match=f"Unknown {name} 'x'"):
        gym.make(ID, **{name: "x"})


def test_names_that_other_tools_look_for():
    env = gym.make(ID, cameras=())
    _, info = env.reset(seed=0)
    assert env.unwrapped.task_description == info["instruction"]
    for hz, fps in ((10.0, 10), (20, 20), (7.5, 7.5)):
        made = (
            gym.make(ID, cameras=(), control_hz=hz),
            gym.make_vec(ID, cameras=(), control_hz=hz),
        )
        for made_env in made:
            assert made_env.metadata["render_fps"] == fps
            assert type(made_env.metadata["render_fps"]) is type(fps)


def test_stages_are_always_as_many():
    venv = vla_gym.make_vec("Tabletop", 6, cameras=(), split="validation")
    _, infos = venv.reset(seed=0)
    most = max(len(names) for names in venv.unwrapped.judge.stages)
    rng = np.random.default_rng(0)
    for _ in range(5):
        for stages, reached in zip(infos["stages"], infos["stage"], strict=True):
            assert len(stages) == most and all(stages[:reached]) and not any(stages[reached:])
        *_, infos = venv.step(rng.uniform(-1, 1, (6, 8)))


def structure(info):
    return {key: (type(value), np.shape(value)) for key, value in info.items()}


@pytest.mark.parametrize("safety", [None, "report", "clip"])
def test_infos_have_the_same_entries_after_a_reset_and_a_step(safety):
    """Minari and replay buffers store them in columns."""
    env = gym.make("VLAPickPlace-v0", cameras=(), safety=safety, horizon=4)
    _, first = env.reset(seed=0)
    for _ in range(2):
        for _ in range(4):
            *_, info = env.step(env.action_space.sample())
            assert structure(info) == structure(first)
        _, again = env.reset()
        assert structure(again) == structure(first)
        assert not safety or (again["cost"] == 0 and not again["executed_action"].any())


def test_a_closed_environment_says_so():
    env = gym.make(ID, image_size=16, render_mode="rgb_array")
    venv = gym.make_vec(ID, num_envs=2, image_size=16, render_mode="rgb_array")
    for made in (env, venv):
        made.reset(seed=0)
        made.close()
        made.close()  # twice is harmless
        action = np.zeros(made.action_space.shape, np.float32)
        for use in (made.reset, lambda e=made, a=action: e.step(a), made.render):
            with pytest.raises(ClosedEnvError, match="has been closed. Make a new one"):
                use()
    never = gym.make(ID, cameras=())
    never.close()
    with pytest.raises(ClosedEnvError):
        never.reset()


DROPPED = """
import gc, sys, gymnasium as gym, vla_gym
for _ in range(3):
    env = gym.make("VLAReach-v0", image_size=16)
    env.reset(seed=0)
    del env
    gc.collect()
try:
    gym.make("VLAReach-v0", image_size=4)
except ValueError:
    pass
venv = gym.make_vec("VLAReach-v0", num_envs=2, image_size=16)
venv.reset(seed=0)
print("fine")
"""


def test_an_environment_dropped_without_close_is_harmless():
    run = [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", DROPPED]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "fine" and done.returncode == 0
    assert "Exception ignored" not in done.stderr and "ResourceWarning" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_threads_are_as_many_as_the_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
        assert gym.make(ID, cameras=()).unwrapped.vector._threads == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_cores() == len(before)
