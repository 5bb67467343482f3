"""Environments by id, by name and for a task of one's own."""

import pickle
import warnings
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import vla_gym
from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks import TASKS
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.skills import Expert
from vla_gym.world.predicates import Inside, Touched

TIDY = Task(
    name="TidyForTest",
    roles={"toy": Role(("star", "cone"), decoys=(2, 2)), "bin": Role(("box",), decoys=(0, 0))},
    goal=Inside("toy", "bin") & ~Touched("toy"),
    phrases=("throw {toy} in {bin}",),
)


def test_the_spec_names_the_task_of_ones_own():
    env = vla_gym.make(TIDY, cameras=())
    assert env.spec is not None and env.spec.id == "VLATidyForTest-v0"
    assert env.unwrapped.task == TIDY
    _, info = env.reset(seed=0)
    assert info["task"] == "TidyForTest" and info["instruction"].startswith("throw the ")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    again = gym.make(pickle.loads(pickle.dumps(env.spec)))
    assert again.unwrapped.task == TIDY
    again.close()
    env.close()


def test_the_expert_solves_the_task_of_ones_own():
    venv = vla_gym.make_vec(TIDY, 12, cameras=())
    assert venv.spec.id == "VLATidyForTest-v0"
    assert type(venv.unwrapped).__name__ == "TabletopVectorEnv"
    venv.reset(seed=0)
    expert, won = Expert(venv.unwrapped), np.zeros(12, bool)
    for _ in range(60):
        won |= venv.step(expert.act())[1] > 0
    assert won.mean() > 0.9
    obs, _ = venv.reset(options={"instruction": "throw the red star in the blue crate"})
    assert set(obs["instruction"]) == {"throw the red star in the blue crate"}
    venv.close()


def test_a_task_of_ones_own_can_be_part_of_a_mixture():
    venv = gym.make_vec("VLAPickPlace-v0", num_envs=16, cameras=(), task=(TIDY, TASKS["Reach"]))
    _, infos = venv.reset(seed=0)
    assert set(infos["task"]) == {"TidyForTest", "Reach"}
    venv.close()


def test_registering_twice_is_allowed_but_one_id_has_one_task():
    assert vla_gym.register_task(TIDY) == vla_gym.register_task(replace(TIDY))
    with pytest.raises(InvalidConfigError, match="VLATidyForTest-v0 belongs to another.*PickPlace"):
        vla_gym.register_task(replace(TIDY, horizon=7))
    assert vla_gym.register_task(TASKS["Reach"]) == "VLAReach-v0"
    for taken in ("PickPlace", "Tabletop"):
        with pytest.raises(InvalidConfigError, match=f"VLA{taken}-v0 belongs to another"):
            vla_gym.make(replace(TIDY, name=taken))
    with pytest.raises(InvalidConfigError, match="letters, digits"):
        vla_gym.register_task(replace(TIDY, name="tidy up"))


def test_ids_and_names_are_accepted_and_unknown_ones_are_explained():
    for name in ("VLAReach-v0", "Reach"):
        env = vla_gym.make(name, cameras=(), horizon=7)
        assert env.spec is not None and env.spec.id == "VLAReach-v0"
        assert env.unwrapped.vector.horizon == 7
        env.close()
    with pytest.raises(UnknownNameError, match="Did you mean 'VLAPickPlace-v0'"):
        vla_gym.make("VLAPickPlase-v0")
