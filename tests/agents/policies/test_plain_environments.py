"""Shipped policies and the expert on `gymnasium.make`, and on observations alone."""

import gymnasium as gym
import numpy as np
import pytest

import vla_gym
from vla_gym.agents.policies.blueprint import load_policy
from vla_gym.errors import InvalidConfigError
from vla_gym.safety.wrapper import protect
from vla_gym.skills import Expert

ID = "VLAPickPlace-v0"


@pytest.mark.parametrize("wrap", [lambda env: env, protect])
def test_the_expert_acts_in_plain_environments(wrap):
    env = wrap(gym.make("VLAReach-v0", cameras=(), split="validation"))
    env.reset(seed=0)
    expert, success = Expert(env), False
    for _ in range(20):
        action = expert.act()
        assert env.action_space.contains(action)
        success |= env.step(action)[-1]["is_success"]
        if success:
            break
    assert success
    noisy, clean = Expert(env, action_noise=0.1).act_noisy()
    assert noisy.shape == clean.shape == (7,) and (noisy != clean).any()


def test_the_expert_acts_in_wrapped_batches_and_says_where_it_cannot():
    venv = gym.wrappers.vector.RecordEpisodeStatistics(vla_gym.make_vec("Reach", 2, cameras=()))
    venv.reset(seed=0)
    assert Expert(venv).act().shape == (2, 7)
    sync = gym.make_vec("VLAReach-v0", num_envs=2, cameras=(), vectorization_mode="sync")
    with pytest.raises(InvalidConfigError, match="SyncVectorEnv has none of its own"):
        Expert(sync)


def test_a_shipped_policy_acts_the_same_with_and_without_an_environment():
    env, venv = gym.make(ID, split="validation"), vla_gym.make_vec(ID, 1, split="validation")
    plain = gym.make(ID, split="validation", text=False)
    obs, _ = env.reset(seed=1)
    batch, _ = venv.reset(seed=1)
    plain.reset(seed=1)
    single, alone = load_policy("pickplace-ppo", env), load_policy("pickplace-ppo")
    batched, silent = load_policy("pickplace-ppo", venv), load_policy("pickplace-ppo", plain)
    for policy in (single, alone, silent):
        policy.reset()
    batched.reset(np.ones(1, bool))
    for _ in range(6):
        action = single.act(obs)
        assert action.shape == (7,) and env.action_space.contains(action)
        assert np.array_equal(action, alone.act(obs))
        assert np.array_equal(action, batched.act(batch)[0])
        untold = {key: value for key, value in obs.items() if key != "instruction"}
        assert np.array_equal(action, silent.act(untold))
        obs, *_ = env.step(action)
        batch, *_ = venv.step(action[None])
    with pytest.raises(InvalidConfigError, match="Put the sentence into"):
        alone.act(untold)
    two = load_policy("pickplace-ppo", num_envs=2)
    two.reset(np.ones(2, bool))
    pair = {key: np.stack([value] * 2) for key, value in untold.items()}
    assert two.act({**pair, "instruction": (obs["instruction"],) * 2}).shape == (2, 7)


def test_a_policy_that_looks_into_the_simulation_needs_one():
    with pytest.raises(InvalidConfigError, match="Pass an environment"):
        load_policy("pickplace-ppo", features="privileged")
