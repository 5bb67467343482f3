"""Specs: the step limit, JSON, and arguments that do not exist."""

import pickle
import subprocess
import sys
from dataclasses import dataclass, replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import TimeAwareObservation

import vla_gym
from vla_gym import errors
from vla_gym.envs.plain_data import TYPE_KEY, as_data, from_data
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.errors import InvalidConfigError, UnknownArgumentError, UnknownNameError
from vla_gym.robots import ROBOTS
from vla_gym.safety.limits import Box, Limits, SafetyConfig, Sphere
from vla_gym.world.predicates import Near

ID = "VLAReach-v0"
OWN = TASKS["Reach"].horizon


def length(env):
    """Steps until an episode of no motion is truncated."""
    env.reset(seed=0)
    done, n = np.zeros(1, bool), 0
    shape = env.action_space.shape
    while not np.any(done):
        _, _, terminated, done, _ = env.step(np.zeros(shape, np.float32))
        assert not np.any(terminated)
        n += 1
    return n


@pytest.mark.parametrize(
    ("kwargs", "steps"),
    [
        ({}, OWN),
        ({"max_episode_steps": 7}, 7),
        ({"max_episode_steps": OWN + 25}, OWN + 25),
        ({"max_episode_steps": -1}, OWN),
        ({"horizon": 9}, 9),
        ({"horizon": OWN + 9}, OWN + 9),
        ({"control_hz": 20}, 2 * OWN),
        ({"control_hz": 20, "max_episode_steps": OWN}, OWN),
    ],
)
def test_the_step_limit_is_what_was_asked_for_and_the_spec_says_so(kwargs, steps):
    env = gym.make(ID, cameras=(), **kwargs)
    assert env.spec.max_episode_steps == env.unwrapped._max_episode_steps == steps
    again = gym.make(env.spec)
    assert length(env) == length(again) == steps and again.spec.max_episode_steps == steps
    if kwargs.get("max_episode_steps") == -1:
        return
    for mode in ("vector_entry_point", "sync"):
        venv = vla_gym.make_vec(ID, 1, cameras=(), vectorization_mode=mode, **kwargs)
        assert length(venv) == steps
        if mode == "vector_entry_point":
            assert venv.spec.max_episode_steps == steps
            assert length(gym.make_vec(venv.spec)) == steps


def test_a_longer_limit_goes_through_other_wrappers_and_calls():
    env = vla_gym.make("Reach", cameras=(), max_episode_steps=OWN + 3, disable_env_checker=True)
    assert length(env) == OWN + 3
    aware = TimeAwareObservation(gym.make(ID, cameras=()), flatten=False, normalize_time=True)
    obs, _ = aware.reset(seed=0)
    obs, *_ = aware.step(np.zeros(7, np.float32))
    assert obs["time"] == pytest.approx(1 / OWN)


def test_tasks_of_a_mixture_keep_their_own_limits_unless_one_is_asked_for():
    name, longest = "VLADrawer-v0", max(t.horizon for t in MIXTURES["Drawer"])
    venv = vla_gym.make_vec(name, 2, cameras=())
    assert venv.spec.max_episode_steps == longest
    again = gym.make_vec(venv.spec)
    again.reset(seed=0)
    own = again.unwrapped.current.horizons
    assert np.array_equal(again.unwrapped._limits(), own) and own.min() > 0
    asked = vla_gym.make_vec(name, 2, cameras=(), max_episode_steps=longest + 1)
    asked.reset(seed=0)
    assert asked.unwrapped._limits() == longest + 1


def test_two_limits_are_one_too_many():
    with pytest.raises(InvalidConfigError, match="Give one of them"):
        gym.make(ID, cameras=(), horizon=7, max_episode_steps=500)
    with pytest.raises(InvalidConfigError, match="max_episode_steps must be at least 1"):
        vla_gym.make_vec(ID, 1, cameras=(), max_episode_steps=0)


TIDY = replace(TASKS["PickPlace"], name="TidyInJson")
SAFETY = SafetyConfig(
    "clip", Limits(tcp_speed=0.3, joint_speed=(1.0,) * 7), (Box((0, 0, 1), (1, 1, 1)),
    Sphere((0.0, 0.0, 2.0), 0.1)), ("bystander",),
)  # fmt: skip


@pytest.mark.parametrize(
    "kwargs",
    [
        {"id": TIDY},
        {"id": ID, "task": TASKS["PickPlace"]},
        {"id": ID, "task": (TASKS["Reach"], TIDY)},
        {"id": ID, "safety": SAFETY},
        {"id": ID, "safety": {"mode": "clip", "limits": Limits(tcp_speed=0.3)}},
        {"id": ID, "robot": replace(ROBOTS["panda"], name="cousin", payload=1.0)},
        {"id": ID, "novelty": ("colours", "kinds"), "max_episode_steps": 500, "text": False},
    ],
)
def test_a_spec_survives_json_and_pickle(kwargs):
    kwargs = {"cameras": (), **kwargs}
    name = kwargs.pop("id")
    name = name if isinstance(name, str) else vla_gym.register_task(name)
    env = gym.make(name, **kwargs)
    _, info = env.reset(seed=3)
    texts = [env.spec.to_json(), gym.spec(name).to_json()]
    for spec in (EnvSpec.from_json(texts[0]), pickle.loads(pickle.dumps(env.spec))):
        again = gym.make(spec)
        left, right = env.unwrapped.vector, again.unwrapped.vector
        assert left.tasks == right.tasks and left.world.robot == right.world.robot
        a, b = (replace(core.settings, max_episode_steps=None) for core in (left, right))
        assert a == b
        assert left.horizon == right.horizon
        assert again.reset(seed=3)[1]["instruction"] == info["instruction"]
    assert EnvSpec.from_json(texts[1]).id == name
    mode = gym.vector.AutoresetMode.DISABLED
    venv = gym.make_vec(name, 2, **kwargs, autoreset_mode=mode)
    again = gym.make_vec(EnvSpec.from_json(venv.spec.to_json()))
    assert again.unwrapped.tasks == venv.unwrapped.tasks and again.num_envs == 2
    assert again.unwrapped.autoreset_mode == venv.unwrapped.autoreset_mode


def test_a_task_of_ones_own_is_made_again_in_another_process():
    code = (
        "import sys, gymnasium as gym, vla_gym; from gymnasium.envs.registration import EnvSpec\n"
    )
    code += "print(gym.make(EnvSpec.from_json(sys.stdin.read())).reset(seed=1)[1]['task'])"
    spec = vla_gym.make(TIDY, cameras=()).spec.to_json()
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, input=spec, capture_output=True, text=True)
    assert done.stdout.strip() == "TidyInJson", done.stderr


def test_what_cannot_be_data_stays_what_it_is():
    @dataclass(frozen=True)
    class Local(Near):
        pass

    task = replace(TASKS["Reach"], name="LocalGoal", goal=Local("object"))
    assert as_data(task) is task
    env = vla_gym.make(task, cameras=())
    assert env.unwrapped.task == task
    with pytest.raises(InvalidConfigError, match="no_such_module:X cannot be made from data"):
        from_data({TYPE_KEY: "no_such_module:X"})
    with pytest.raises(InvalidConfigError, match="no dataclass"):
        from_data({TYPE_KEY: "os:getcwd"})
    with pytest.raises(InvalidConfigError, match="int is no task"):
        gym.make(ID, task=3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"limits": {"tcp_sped": 1}}, "'tcp_speed'"),
        ({"keep_out": [{"center": [0, 0, 0]}]}, "Sphere cannot be made.*radius"),
    ],
)
def test_safety_from_data_is_checked(given, words):
    with pytest.raises(InvalidConfigError, match=words):
        SafetyConfig.of(given)


def test_an_argument_that_does_not_exist_is_also_a_type_error():
    for make in (gym.make, gym.make_vec, vla_gym.make):
        for kind in (TypeError, UnknownNameError, UnknownArgumentError):
            with pytest.raises(kind, match="'image_sise'. Did you mean 'image_size'"):
                make(ID, image_sise=64)


def test_errors_pass_between_processes():
    made = [
        UnknownNameError("task", "PickPlce", ["PickPlace"]),
        UnknownArgumentError("argument", "x", ["y"]),
        errors.InstructionError("no", understood=3),
        errors.ClosedEnvError("closed"),
    ]
    for error in made:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error)
        assert again.__dict__ == error.__dict__
