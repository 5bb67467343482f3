"""Demonstrations, cloning and both learners, on a fast double of the environment."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from tests.agents.fake import FakeExpert, FakeGrounder, FakePickPlace
from tests.agents.sb3_double import FakeSB3VecEnv
from vla_gym.agents.learning.algorithm_config import CloneConfig
from vla_gym.agents.learning.cloning import clone
from vla_gym.agents.learning.config import preset
from vla_gym.agents.learning.demo_collection import OwnDemonstrator, collect_demos
from vla_gym.agents.learning.demonstrations import Demos
from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv
from vla_gym.agents.learning.learners import make_learner
from vla_gym.agents.learning.resolution import head_of
from vla_gym.agents.policies.action_tokens import ActionTokens
from vla_gym.agents.policies.blueprint import PolicyBlueprint
from vla_gym.agents.policies.clip_source import ClipSource
from vla_gym.agents.policies.features import GroundedFeatures
from vla_gym.agents.policies.heads import count_parameters
from vla_gym.agents.policies.trained_policy import TrainedPolicy
from vla_gym.errors import CheckpointError, InvalidConfigError


def features_of(venv):
    source = ClipSource(FakeGrounder(), venv.world.pinhole("fixed"), venv.num_envs)
    return GroundedFeatures(venv.num_envs, source)


def wrapped(venv, tokens):
    return FeatureVecEnv(FakeSB3VecEnv(venv), features_of(venv), tokens)


def some_demos(n=24, num_envs=8):
    venv = FakePickPlace(num_envs)
    env = wrapped(venv, None)
    env.seed(0)
    return collect_demos(env, FakeExpert(venv), n, noise=0.15, seed=0)


@pytest.fixture(scope="module")
def demos():
    return some_demos()


def config_for(agent, action=None, ppo=None, sac=None, **values):
    config = preset("quick", agent)
    ppo = {"n_steps": 32, "batch_size": 64, "critic_warmup": 1, **(ppo or {})}
    sac = {"learning_starts": 100, "critic_warmup": 4, **(sac or {})}
    return replace(
        config, action=action, num_envs=8, threads=1, ppo=replace(config.ppo, **ppo),
        sac=replace(config.sac, **sac), **values,
    ).check()  # fmt: skip


def blueprint(config):
    head = head_of(config)
    return PolicyBlueprint(head, head.policy_spec(config.env))


def model_for(config, demos, env=None):
    torch.manual_seed(0)
    policy = blueprint(config)
    env = env or wrapped(FakePickPlace(8), policy.tokens)
    return make_learner(config, policy, env, demos), env


def success(policy, tokens, episodes=60):
    venv = FakePickPlace(20)
    agent = TrainedPolicy(policy, features_of(venv), tokens, venv=venv)
    obs, _ = venv.reset(seed=500)
    agent.reset(np.ones(20, bool))
    wins = done = 0
    while done < episodes:
        obs, _, term, trunc, infos = venv.step(agent.act(obs))
        ended = term | trunc
        wins, done = wins + infos["is_success"][ended].sum(), done + ended.sum()
        agent.reset(ended)
    return wins / done


def test_demonstrations_are_whole_successful_episodes(demos, tmp_path):
    assert demos.n_episodes == 24 and demos.rewards.sum() == 24
    assert np.array_equal(demos.rewards, demos.dones)
    assert np.abs(demos.labels).max() <= 1 and np.abs(demos.actions).max() <= 1
    assert np.array_equal(demos.labels[:, 6], demos.actions[:, 6])  # no noise on the gripper
    inner = demos.dones[:-1] == 0
    assert np.array_equal(demos.next_features[:-1][inner], demos.features[1:][inner])
    demos.save(tmp_path / "d.npz")
    back = Demos.load(tmp_path / "d.npz")
    assert np.array_equal(back.labels, demos.labels)


def test_the_same_seed_gives_the_same_demonstrations(demos):
    again = some_demos()
    assert np.array_equal(again.actions, demos.actions)


def test_a_damaged_file_of_demonstrations(demos, tmp_path):
    path = tmp_path / "d.npz"
    demos.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="delete it"):
        Demos.load(path)


def test_an_expert_that_never_succeeds_is_an_error():
    venv = FakePickPlace(8, horizon=5)
    with pytest.raises(InvalidConfigError, match="--demos 0"):
        collect_demos(wrapped(venv, None), FakeExpert(venv), 3)


def test_a_policy_demonstrates_its_own_successes(demos):
    config = config_for("ppo")
    model, _ = model_for(config, demos)
    clone(model.policy.head, demos, CloneConfig(steps=1500), seed=0)
    tokens = blueprint(config).tokens
    env = wrapped(FakePickPlace(8), None)
    env.seed(1)
    own = collect_demos(env, OwnDemonstrator(model.policy, env, tokens), 6)
    assert own.n_episodes == 6 and (own.rewards[own.dones > 0] == 1).all()
    both = Demos.join([demos, own])
    assert both.n_episodes == demos.n_episodes + 6
    assert np.array_equal(both.features[-len(own.features) :], own.features)
    # tokens are bins, so what it did lies on their grid
    assert np.allclose(tokens.decode(tokens.encode(own.labels)), own.labels, atol=1e-6)


@pytest.mark.parametrize("agent, action", [("ppo", None), ("ppo", "continuous"), ("sac", None)])
def test_cloning_learns_the_task(agent, action, demos):
    config = config_for(agent, action)
    model, _ = model_for(config, demos)
    tokens = blueprint(config).tokens
    before = success(model.policy, tokens)
    report = clone(model.policy.head, demos, CloneConfig(steps=1500), seed=0)
    assert np.isfinite([report.train_loss, report.held_out_loss]).all()
    assert before < 0.2 and success(model.policy, tokens) > 0.4


def test_one_demonstration_can_be_cloned_and_none_cannot(demos):
    one = slice(0, int(np.flatnonzero(demos.dones)[0]) + 1)
    few = Demos(*(getattr(demos, f)[one] for f in Demos.__dataclass_fields__))
    model, _ = model_for(config_for("ppo"), demos)
    report = clone(model.policy.head, few, CloneConfig(few_steps=60))
    assert report.steps == 60 and np.isfinite(report.train_loss)
    none = Demos(*(getattr(few, f)[:0] for f in Demos.__dataclass_fields__))
    with pytest.raises(InvalidConfigError, match="--demos 0"):
        clone(model.policy.head, none, CloneConfig())


@pytest.mark.parametrize("agent, action", [("ppo", None), ("ppo", "continuous"), ("sac", None)])
@pytest.mark.parametrize("with_demos", [True, False])
def test_learning_changes_the_head_and_stays_finite(agent, action, with_demos, demos):
    config = config_for(agent, action, ppo={"imitation": 0.1})
    model, env = model_for(config, demos if with_demos else None)
    head = model.policy.head
    assert 5_000 <= count_parameters(head) <= 10_000
    before = [p.clone() for p in head.parameters()]
    model.learn(1024)
    assert any(not torch.equal(a, b) for a, b in zip(before, head.parameters(), strict=True))
    assert all(torch.isfinite(p).all() for p in model.policy.parameters())
    env.close()


def test_the_critic_learns_alone_at_first(demos):
    config = config_for("ppo", ppo={"critic_warmup": 2})
    model, _env = model_for(config, demos)
    before = [p.clone() for p in model.policy.head.parameters()]
    model.learn(2 * 8 * 32)
    assert all(
        torch.equal(a, b) for a, b in zip(before, model.policy.head.parameters(), strict=True)
    )
    model.learn(8 * 32, reset_num_timesteps=False)
    assert any(
        not torch.equal(a, b) for a, b in zip(before, model.policy.head.parameters(), strict=True)
    )


@pytest.mark.slow
def test_ppo_with_tokens_improves_a_clone(demos):
    config = config_for("ppo")
    model, _env = model_for(config, demos)
    clone(model.policy.head, demos, CloneConfig(steps=150), seed=0)
    before = success(model.policy, ActionTokens(), 200)
    model.learn(30_000)
    after = success(model.policy, ActionTokens(), 200)
    assert 1 - after < 0.6 * (1 - before), f"{before} -> {after}"


def test_acting_leaves_the_global_random_state_alone(demos):
    model, _ = model_for(config_for("ppo"), demos)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    a = success(model.policy, ActionTokens(), 5)
    assert torch.equal(torch.rand(1), expected)
    assert a == success(model.policy, ActionTokens(), 5)


def test_without_demonstrations_the_gripper_is_held_for_random_spells(monkeypatch):
    config = config_for("sac", demos=0, curriculum=False, sac={"gripper_spells": 0.5})
    model, _ = model_for(config, None)

    def still(*args, **kwargs):
        return tuple(np.full((8, 7), 0.5, np.float32) for _ in range(2))

    monkeypatch.setattr(SAC, "_sample_action", still)
    grips = []
    for _ in range(100):
        actions, stored = model._sample_action(0, n_envs=8)
        assert np.array_equal(actions, stored)
        assert np.array_equal(actions[:, :6].any(axis=1), actions[:, 6] == 0.5)
        grips.append(actions[:, 6])
        model.num_timesteps += 8
    moved = np.array(grips)
    assert 0.3 < (moved != 0.5).mean() < 0.7 and set(np.unique(moved)) == {-1.0, 0.5, 1.0}
    assert (moved[1:] == moved[:-1]).mean() > 0.8


@pytest.mark.parametrize("init, pretrained", [(None, False), ("pickplace-sac", True)])
def test_only_a_pretrained_head_acts_from_the_first_step(init, pretrained, monkeypatch):
    config = config_for("sac", demos=0, init=init)
    model, _ = model_for(config, None)
    asked = []
    monkeypatch.setattr(
        SAC,
        "_sample_action",
        lambda self, starts, *_: asked.append(starts) or (np.zeros((8, 7)),) * 2,
    )
    model._sample_action(100, n_envs=8)
    assert asked == [0 if pretrained else 100]
