"""Instructions in observations, without them, and through other processes."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3
from stable_baselines3.common.vec_env import DummyVecEnv

import vla_gym
from vla_gym.envs.asking import MAX_INSTRUCTION
from vla_gym.evaluation.protocol import evaluate

ID = "VLAReach-v0"


def test_without_text_the_sentence_is_in_the_info():
    env = gym.make(ID, image_size=16, text=False)
    obs, info = env.reset(seed=3)
    assert set(obs) == {"image", "wrist_image", "proprio"} == set(env.observation_space.spaces)
    assert info["instruction"] == gym.make(ID, cameras=()).reset(seed=3)[0]["instruction"]
    assert env.step(np.zeros(7, np.float32))[-1]["instruction"] == info["instruction"]
    check_env(env.unwrapped, skip_render_check=True)
    venv = vla_gym.make_vec(ID, 2, cameras=(), text=False)
    obs, infos = venv.reset(seed=3)
    assert set(obs) == {"proprio"} and infos["instruction"][0] == info["instruction"]
    venv.close()


@pytest.mark.filterwarnings("ignore:.*image.*:UserWarning")
def test_sb3_takes_environments_without_text_as_they_are():
    check_env_of_sb3(gym.make(ID, image_size=64, text=False), skip_render_check=True)
    env = DummyVecEnv([lambda: gym.make(ID, cameras=(), text=False)] * 2)  # as README has it
    PPO("MultiInputPolicy", env, n_steps=8, batch_size=16, n_epochs=1, device="cpu").learn(16)
    env.close()


def test_policies_are_evaluated_without_text_all_the_same():
    runs = [
        evaluate(ID, "expert", 2, num_envs=2, env_kwargs={"text": text}) for text in (True, False)
    ]
    assert runs[0].records == runs[1].records and runs[0].success_rate == 1


@pytest.mark.parametrize("options", [{}, {"shared_memory": False}, {"copy": False}])
def test_other_processes_hand_out_the_right_sentences(options):
    kwargs = {"num_envs": 2, "cameras": (), "horizon": 2, "n_threads": 1}
    venv = gym.make_vec(ID, vectorization_mode="async", vector_kwargs=options, **kwargs)
    try:
        first, infos = venv.reset(seed=0)
        assert tuple(first["instruction"]) == tuple(infos["instruction"])
        assert tuple(first["instruction"]) == venv.get_attr("instruction")
        assert len(set(first["instruction"])) == 2 and venv.observation_space.contains(
            {key: tuple(v) if key == "instruction" else v for key, v in first.items()}
        )
        kept = tuple(first["instruction"])
        for _ in range(3):  # the next episodes start
            obs, *_ = venv.step(np.zeros((2, 7), np.float32))
        assert tuple(obs["instruction"]) == venv.get_attr("instruction") != kept
        if "copy" not in options:
            assert first["instruction"] == kept
    finally:
        venv.close()


def test_any_script_passes_through_shared_memory():
    import multiprocessing

    from gymnasium.vector.utils import (
        create_shared_memory,
        read_from_shared_memory,
        write_to_shared_memory,
    )

    space = gym.make(ID, cameras=()).observation_space["instruction"]
    memory = create_shared_memory(space, 2, multiprocessing)
    texts = read_from_shared_memory(space, memory, 2)
    assert list(texts) == ["", ""]
    longest = "\u8bf7\u628a\u2615\U0001f916" * (MAX_INSTRUCTION // 4)
    for text in (longest, "go to the red cube", ""):
        write_to_shared_memory(space, 1, text, memory)
        assert space.contains(text) or not text
        assert texts[1] == text and texts[0] == ""
