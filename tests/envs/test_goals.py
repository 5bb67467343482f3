"""Goals as numbers: the reward of a relabelled goal is the judge's."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import SAC
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.her import HerReplayBuffer

import vla_gym
from vla_gym.envs.sb3 import SB3VecEnv
from vla_gym.errors import InvalidConfigError
from vla_gym.skills import Expert

ID = "VLAReach-v0"


@pytest.mark.parametrize("name", ["Reach", "Pick", "PickPlace", "Stack"])
def test_the_reward_is_what_compute_reward_says(name):
    venv = vla_gym.make_vec(name, 8, cameras=(), goals=True, split="validation")
    obs, _ = venv.reset(seed=0)
    assert venv.observation_space.contains(obs) and "instruction" not in obs
    assert (obs["desired_goal"].sum(axis=1) == 1).all() and not obs["achieved_goal"].any(axis=0)[0]
    core, paid = venv.unwrapped, 0.0
    expert = Expert(core)
    for _ in range(core.horizon):
        desired = obs["desired_goal"].copy()
        obs, rewards, terminated, truncated, infos = venv.step(expert.act())
        achieved = obs["achieved_goal"].copy()
        for i in np.flatnonzero(terminated | truncated):
            achieved[i] = infos["final_obs"][i]["achieved_goal"]
        assert np.array_equal(core.compute_reward(achieved, desired, infos), rewards)
        paid += rewards.sum()
    assert paid >= 7
    venv.close()


def test_another_object_achieves_another_goal():
    env = gym.make(ID, cameras=(), goals=True)
    obs, _ = env.reset(seed=4)
    core = env.unwrapped.vector
    asked = int(obs["desired_goal"].argmax())
    assert core.observer.goals.goals[asked] == (core.roles["object"][0],)
    other = next(i for i in np.flatnonzero(core.world.present[0]) if i != asked)
    there = obs["observation"][26 + 4 * other :][:4]
    assert there[0] == 1 and np.allclose(there[1:], core.world.object_pos[0, other], atol=1e-6)
    expert, roles = Expert(core), core.roles["object"].copy()
    for _ in range(20):
        core.roles["object"][:] = other  # mislead the expert alone
        action = expert.act()[0]
        core.roles["object"][:] = roles
        obs, reward, terminated, _, info = env.step(action)
        assert reward == 0 and not terminated
        if obs["achieved_goal"].any():
            break
    achieved, desired = obs["achieved_goal"], obs["desired_goal"]
    assert np.flatnonzero(achieved).tolist() == [other] and desired[asked] == 1
    assert env.unwrapped.compute_reward(achieved, achieved, info) == 1.0
    assert env.unwrapped.compute_reward(achieved, desired, info) == 0.0
    assert env.unwrapped.compute_reward(achieved, np.zeros_like(desired), info) == 0.0
    batch = env.unwrapped.compute_reward(
        np.stack([achieved] * 2), np.stack([achieved, desired]), {}
    )
    assert batch.tolist() == [1.0, 0.0]


@pytest.mark.filterwarnings("ignore::UserWarning:stable_baselines3.*")
@pytest.mark.parametrize("kind", ["single", "batch"])
def test_her_of_sb3_learns_from_relabelled_goals(kind):
    kwargs = {"cameras": (), "goals": True, "horizon": 8}
    if kind == "single":
        env = DummyVecEnv([lambda: gym.make(ID, **kwargs)])
    else:
        env = SB3VecEnv(vla_gym.make_vec(ID, 2, **kwargs))
    model = SAC(
        "MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer, learning_starts=40,
        replay_buffer_kwargs={"n_sampled_goal": 4}, batch_size=16, device="cpu", seed=0,
        policy_kwargs={"net_arch": [16]},
    )  # fmt: skip
    model.learn(64)
    rows = model.replay_buffer.sample(256)
    paid = env.env_method(
        "compute_reward", rows.next_observations["achieved_goal"].numpy(),
        rows.observations["desired_goal"].numpy(), {}, indices=[0],
    )[0]  # fmt: skip
    assert np.array_equal(paid, rows.rewards.numpy()[:, 0])
    asked = rows.observations["desired_goal"].numpy().sum(axis=1)
    assert (asked == 1).any() and (asked == 0).any(), "own goals, and what had been achieved"
    env.close()


@pytest.mark.filterwarnings("ignore::UserWarning:stable_baselines3.*")
def test_single_environments_pass_gymnasiums_checker():
    env = gym.make(ID, image_size=64, goals=True)
    check_env(env.unwrapped, skip_render_check=True)
    check_env_of_sb3(env.unwrapped, skip_render_check=True)
    assert "instruction" in gym.make(ID, cameras=(), goals=True, text=True).reset(seed=0)[0]


@pytest.mark.parametrize(
    ("name", "kwargs", "words"),
    [
        ("Tabletop", {}, "several tasks"),
        ("Sort", {}, "not exactly one object"),
        ("Push", {}, "what happened before"),
        ("Sequence", {}, "goals=True is not possible for Sequence"),
        ("Reach", {"reward_type": "dense"}, "leave reward_type"),
        ("Reach", {"terminate_action": True}, "terminate_action"),
    ],
)
def test_where_goals_cannot_be_counted_up(name, kwargs, words):
    with pytest.raises(InvalidConfigError, match=words):
        vla_gym.make(name, cameras=(), goals=True, **kwargs)


def test_sentences_of_other_tasks_and_environments_without_goals():
    env = gym.make(ID, cameras=(), goals=True)
    with pytest.raises(InvalidConfigError, match="is no instruction of Reach"):
        env.reset(seed=0, options={"instruction": "put the red cube in the blue bowl"})
    for plain in (gym.make(ID, cameras=()), vla_gym.make_vec(ID, 1, cameras=())):
        assert not hasattr(plain.unwrapped, "compute_reward")  # SB3 would expect goals
    with pytest.raises(InvalidConfigError, match="shape"):
        env.unwrapped.compute_reward(np.zeros(3), np.zeros(4), {})
