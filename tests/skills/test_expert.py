"""The expert, on every task, with and without noise on what it does."""

from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

import vla_gym
from vla_gym.errors import InvalidConfigError
from vla_gym.skills import Expert


def success(env_id, n=16, noise=0.0, **kwargs):
    options = {"cameras": (), "split": "validation", **kwargs}
    venv = gym.make_vec(env_id, num_envs=n, vectorization_mode="vector_entry_point", **options)
    core = venv.unwrapped
    venv.reset(seed=0)
    expert, running, won = Expert(core, noise), np.ones(n, bool), np.zeros(n, bool)
    for _ in range(core.horizon):
        executed, _ = expert.act_noisy()
        _, rewards, terminated, truncated, _ = venv.step(executed)
        won |= running & (rewards > 0)
        running &= ~(terminated | truncated)
    venv.close()
    return won.mean()


@pytest.mark.parametrize("env_id", vla_gym.ENV_IDS)
def test_expert_solves_every_task(env_id):
    assert success(env_id) >= 0.85


@pytest.mark.parametrize("axis", ["kinds", "colours", "layouts", "moved"])
def test_expert_copes_with_what_is_new(axis):
    assert success("VLAPickPlace-v0", novelty=(axis,)) >= 0.85


def test_expert_corrects_itself():
    assert success("VLAPickPlace-v0", noise=0.15) >= 0.85


def test_expert_keeps_up_at_another_control_rate():
    assert success("VLAPickPlace-v0", n=8, control_hz=20) >= 0.85


def test_noise_must_not_be_negative():
    with pytest.raises(InvalidConfigError):
        Expert(SimpleNamespace(), action_noise=-1.0)
