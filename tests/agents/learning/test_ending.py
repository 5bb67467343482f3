"""Episodes that succeed by being ended: the first of RT-2's tokens."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.agents.learning.test_learning import blueprint
from vla_gym.agents.learning.algorithm_config import CloneConfig, HeadConfig
from vla_gym.agents.learning.cloning import clone
from vla_gym.agents.learning.config import preset
from vla_gym.agents.learning.demo_collection import collect_demos
from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv, make_feature_env
from vla_gym.agents.learning.learners import make_learner
from vla_gym.agents.learning.parts import make_env
from vla_gym.agents.learning.resolution import resolve_config
from vla_gym.agents.policies.heads import count_parameters
from vla_gym.errors import CheckpointError, InvalidConfigError
from vla_gym.skills import Expert


def config_for(env, agent="ppo", **values):
    return replace(preset("quick", agent), env=env, features="privileged", **values).check()


@pytest.fixture
def venv_of():
    made = []

    def make(config, n=1):
        made.append(make_env(config, num_envs=n))
        return made[-1]

    yield make
    for venv in made:
        venv.close()


def test_a_clone_learns_to_end_the_episode_in_time(venv_of):
    config = config_for("VLAInfeasible-v0")
    venv = venv_of(config, 8)
    config = resolve_config(config, venv)
    policy = blueprint(config)
    env = make_feature_env(policy, venv)
    continuous = FeatureVecEnv(env.venv, env.features)
    continuous.seed(0)
    demos = collect_demos(continuous, Expert(venv), 24, ends=True)
    assert demos.labels.shape[1] == 8
    assert (demos.labels[demos.dones > 0, 7] > 0).all() and (demos.labels[:, 7] > 0).mean() < 0.2
    torch.manual_seed(0)
    model = make_learner(config, policy, env, demos)
    clone(model.policy.head, demos, CloneConfig(steps=1_500))
    agent = policy.policy(model.policy, venv)
    obs, _ = venv.reset(seed=100)
    agent.reset(np.ones(8, bool))
    ended, won = np.zeros(8, bool), np.zeros(8, bool)
    for _ in range(30):
        obs, reward, terminated, truncated, _ = venv.step(agent.act(obs))
        won |= (reward > 0) & ~ended
        ended |= terminated | truncated
        agent.reset(terminated | truncated)
    assert won.sum() >= 7


def test_only_a_policy_that_may_end_episodes_has_the_token_and_the_clock():
    sizes = []
    for terminate in (False, True):
        policy = blueprint(config_for("VLATabletop-v0", terminate=terminate))
        sizes.append((policy.tokens.terminate, count_parameters(policy.network().head)))
    # 64 + 60 units: one more feature to the first layer, one more number from the second
    assert sizes[1][0] and not sizes[0][0] and sizes[1][1] - sizes[0][1] == 64 + 61


@pytest.mark.parametrize(
    ("env", "agent", "terminate"),
    [
        ("VLAPickPlace-v0", "ppo", False),
        ("VLATabletop-v0", "ppo", True),
        ("VLATabletop-v0", "sac", False),
    ],
)
def test_what_is_left_open_is_resolved_by_the_environment(env, agent, terminate, venv_of):
    config = config_for(env, agent)
    resolved = resolve_config(config, venv_of(config))
    assert resolved.terminate == terminate and resolved.skills == (env == "VLATabletop-v0")
    assert resolved.action == ("tokens" if agent == "ppo" else "continuous")
    assert resolved.curriculum is False and resolved.self_imitation == 0
    assert config.terminate is None and resolve_config(resolved, venv_of(config)) == resolved


def test_actions_that_cannot_end_are_refused_where_nothing_else_counts(venv_of):
    config = config_for("VLAInfeasible-v0", "sac")
    with pytest.raises(InvalidConfigError, match="--agent ppo"):
        resolve_config(config, venv_of(config))
    with pytest.raises(InvalidConfigError, match="Only tokens"):
        config_for("VLATabletop-v0", "sac", terminate=True)


def test_training_from_a_policy_takes_over_its_features(venv_of):
    config = config_for("VLAStack-v0", init="tabletop-ppo", head=HeadConfig(hidden=(128, 128)))
    resolved = resolve_config(config, venv_of(config))
    assert resolved.skills and resolved.terminate and resolved.self_imitation == 100
    again = resolve_config(replace(config, self_imitation=0), venv_of(config))
    assert again.self_imitation == 0
    with pytest.raises(CheckpointError, match="hidden"):
        resolve_config(replace(config, head=HeadConfig()), venv_of(config))
