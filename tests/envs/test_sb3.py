"""Stable-Baselines3 over the batch, and over single environments in its own ways."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FilterObservation
from gymnasium.wrappers import vector as wrappers
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.learning.feature_vec_env import make_feature_env
from vla_gym.agents.learning.parts import make_env, make_policy
from vla_gym.agents.learning.resolution import resolve_config
from vla_gym.envs.sb3 import SB3VecEnv
from vla_gym.envs.splits import spawned_seeds
from vla_gym.errors import InvalidConfigError
from vla_gym.safety.wrapper import protect

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


class OnlyProprio(gym.vector.VectorWrapper):
    """Gymnasium's own wrappers of observations refuse autoreset in the same step."""

    def __init__(self, env):
        super().__init__(env)
        self.single_observation_space = env.single_observation_space["proprio"]

    def reset(self, **kwargs):
        obs, infos = self.env.reset(**kwargs)
        return obs["proprio"], infos

    def step(self, actions):
        obs, *rest, infos = self.env.step(actions)
        for i in np.flatnonzero(infos.get("_final_obs", ())):
            infos["final_obs"][i] = infos["final_obs"][i]["proprio"]
        return obs["proprio"], *rest, infos


def test_wrappers_around_the_batch_act():
    venv = gym.make_vec(ID, num_envs=2, cameras=(), horizon=2, text=False)
    venv = wrappers.TransformReward(protect(venv, "clip"), lambda rewards: rewards + 5.0)
    env = SB3VecEnv(OnlyProprio(venv))
    assert env.observation_space.shape == (26,) and env.reset().shape == (2, 26)
    for _ in range(2):
        obs, rewards, dones, infos = env.step(np.zeros((2, 7)))
        assert rewards.tolist() == [5.0, 5.0] and "cost" in infos[0]
    assert dones.all() and infos[0]["episode"]["r"] == 10.0
    assert infos[0]["terminal_observation"].shape == (26,) == obs[0].shape
    env.close()
    assert venv.closed


def test_what_cannot_be_honoured_is_refused():
    with pytest.raises(InvalidConfigError, match="not SyncVectorEnv.*DummyVecEnv"):
        SB3VecEnv(gym.make_vec(ID, num_envs=2, cameras=(), vectorization_mode="sync"))
    with pytest.raises(InvalidConfigError, match="autoreset_mode='SameStep'"):
        SB3VecEnv(gym.make_vec(ID, num_envs=2, cameras=(), autoreset_mode="NextStep"))
    venv = gym.make_vec(ID, num_envs=2, cameras=())
    with pytest.raises(InvalidConfigError, match="infos into list"):
        SB3VecEnv(wrappers.DictInfoToList(venv)).reset()
    env = SB3VecEnv(venv)
    env.set_options([{"instruction": "go to the red cube"}, {}])
    with pytest.raises(InvalidConfigError, match="one set of options"):
        env.reset()
    env.set_options({"instruction": ["go to the red cube", "touch the blue ball"]})
    env.reset()
    assert env.instructions == ("go to the red cube", "touch the blue ball")
    assert env.get_attr("instruction", [1]) == ["touch the blue ball"]
    env.set_attr("note", 3)
    assert env.get_attr("note") == [3, 3]


def test_the_rate_is_where_sb3s_video_recorder_looks_for_it():
    for hz in (10, 20, 7.5):
        env = SB3VecEnv(
            gym.make_vec(ID, num_envs=1, cameras=(), control_hz=hz, render_mode="rgb_array")
        )
        assert env.metadata["render_fps"] == hz and "rgb_array" in env.metadata["render_modes"]
        env.close()


def test_neighbouring_training_seeds_share_no_scene():
    env = SB3VecEnv(gym.make_vec(ID, num_envs=16, cameras=()), spawn_seeds=True)
    seen = []
    for seed in (0, 1, 0):
        env.seed(seed)
        env.reset()
        seen.append({row.tobytes() for row in env.venv.world.object_pos})
    assert seen[0] == seen[2] and len(seen[0]) == 16 and not seen[0] & seen[1]
    assert len(set(spawned_seeds(3, 4096)) | set(spawned_seeds(4, 4096))) == 2 * 4096
    assert spawned_seeds(3, 4) == spawned_seeds(3, 9)[:4]
    with pytest.raises(InvalidConfigError, match="0 or more"):
        spawned_seeds(-1, 2)


def test_training_spawns_its_seeds():
    config = TrainConfig(env="VLAReach-v0", features="privileged", num_envs=8, demos=0)
    scenes = []
    for seed in (0, 1):
        venv = make_env(config)
        env = make_feature_env(make_policy(resolve_config(config, venv), None), venv)
        env.seed(seed)
        env.reset()
        scenes.append({row.tobytes() for row in venv.unwrapped.world.object_pos})
        env.close()
    assert len(scenes[0]) == 8 and not scenes[0] & scenes[1]
