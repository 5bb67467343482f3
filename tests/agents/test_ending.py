"""Episodes that succeed by being ended: the first of RT-2's tokens."""

import numpy as np
import pytest
import torch

from vla_gym.agents.learning import builders
from vla_gym.agents.learning.cloning import CloneConfig, clone
from vla_gym.agents.learning.config import preset
from vla_gym.agents.learning.demonstrations import collect_demos
from vla_gym.agents.policies.checkpoint import read_config
from vla_gym.agents.policies.head_agent import HeadAgent
from vla_gym.agents.policies.heads import count_parameters
from vla_gym.errors import InvalidConfigError
from vla_gym.skills import Expert


def config_for(env, agent="ppo", **values):
    config = preset("quick", agent)
    config.env, config.features = env, "privileged"
    for name, value in values.items():
        setattr(config, name, value)
    return config.check()


def test_a_clone_learns_to_end_the_episode_in_time():
    config = config_for("VLAInfeasible-v0")
    venv = builders.make_raw_env(config, 8)
    builders.settle(config, venv)
    tokens, features = builders.make_tokens(config), builders.make_features(venv, config)
    env = builders.wrap(venv, features, None)
    env.seed(0)
    demos = collect_demos(env, Expert(venv), 24, ends=True)
    assert demos.labels.shape[1] == 8
    assert (demos.labels[demos.dones > 0, 7] > 0).all() and (demos.labels[:, 7] > 0).mean() < 0.2
    torch.manual_seed(0)
    model = builders.make_model(config, builders.wrap(venv, features, tokens), demos)
    clone(builders.head_of(model), demos, CloneConfig(steps=1_500))
    agent = HeadAgent(model.policy, builders.make_features(venv, config), tokens, venv=venv)
    obs, _ = venv.reset(seed=100)
    agent.reset(np.ones(8, bool))
    ended, won = np.zeros(8, bool), np.zeros(8, bool)
    for _ in range(30):
        obs, reward, terminated, truncated, _ = venv.step(agent.act(obs))
        won |= (reward > 0) & ~ended
        ended |= terminated | truncated
        agent.reset(terminated | truncated)
    assert won.sum() >= 7
    venv.close()


def test_only_who_may_end_has_the_token_and_the_clock():
    sizes = []
    for terminate in (False, True):
        config = config_for("VLATabletop-v0", terminate=terminate)
        policy = builders.bare_policy(config)
        sizes.append((builders.make_tokens(config).terminate, count_parameters(policy.head)))
    # 64 + 60 units: one more feature to the first layer, one more number from the second
    assert sizes[1][0] and not sizes[0][0] and sizes[1][1] - sizes[0][1] == 64 + 61


def test_it_is_settled_by_what_the_environment_asks():
    settled = []
    for env, agent in (
        ("VLAPickPlace-v0", "ppo"),
        ("VLATabletop-v0", "ppo"),
        ("VLATabletop-v0", "sac"),
    ):
        config = config_for(env, agent)
        venv = builders.make_raw_env(config, 1)
        builders.settle(config, venv)
        settled.append(config.terminate)
        venv.close()
    assert settled == [False, True, False]


def test_actions_that_cannot_end_are_refused_where_nothing_else_counts():
    config = config_for("VLAInfeasible-v0", "sac")
    venv = builders.make_raw_env(config, 1)
    with pytest.raises(InvalidConfigError, match="--agent ppo"):
        builders.settle(config, venv)
    venv.close()
    with pytest.raises(InvalidConfigError, match="Only tokens"):
        config_for("VLATabletop-v0", "sac", terminate=True)


def test_who_begins_from_a_policy_is_told_what_that_one_was_told():
    config, base = config_for("VLAStack-v0"), read_config("tabletop-ppo")
    venv = builders.make_raw_env(config, 1)
    builders.settle(config, venv, base)
    assert config.skills and config.terminate
    venv.close()
