"""Stable-Baselines3 over the batch, and over single environments in its own ways."""

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import FilterObservation
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from vla_gym.envs.sb3 import SB3VecEnv

ID = "VLAPickPlace-v0"


def make_batched(n=3, **kwargs):
    venv = gym.make_vec(
        ID, num_envs=n, vectorization_mode="vector_entry_point", image_size=32, **kwargs
    )
    return SB3VecEnv(venv)


def test_episodes_end_with_what_sb3_wants_to_know():
    env = make_batched(horizon=4)
    env.seed(5)
    obs = env.reset()
    assert set(obs) == {"image", "wrist_image", "proprio"} and len(env.instructions) == 3
    for step in range(4):
        obs, _rewards, dones, infos = env.step(np.zeros((3, 7)))
        assert dones.all() == (step == 3)
    for info in infos:
        assert info["TimeLimit.truncated"] and info["episode"]["l"] == 4
        assert info["terminal_observation"]["image"].shape == (32, 32, 3)
        assert info["is_success"] is False
    env.close()


def test_seed_gives_the_same_worlds_as_gymnasium():
    env, single = make_batched(), gym.make(ID, image_size=32)
    env.seed(5)
    obs, (alone, _) = env.reset(), single.reset(seed=6)
    assert np.array_equal(obs["image"][1], alone["image"])
    assert env.instructions[1] == alone["instruction"]
    env.close()


def test_ppo_of_sb3_runs_on_it_as_it_is():
    env = make_batched(2, cameras=())
    PPO("MultiInputPolicy", env, n_steps=8, batch_size=16, n_epochs=1, device="cpu").learn(16)
    env.close()


def make_single():
    return FilterObservation(gym.make(ID, image_size=32, n_threads=1), ["image", "proprio"])


def test_sb3s_own_vectors_work_too():
    seen = []
    for kind in (DummyVecEnv, SubprocVecEnv):
        options = {"start_method": "spawn"} if kind is SubprocVecEnv else {}
        env = kind([make_single] * 2, **options)
        env.seed(3)
        obs = env.reset()
        env.step(np.zeros((2, 7), np.float32))
        seen.append(obs["image"])
        env.close()
    assert np.array_equal(seen[0], seen[1])
