"""Reset options: other tools' own are ignored, misspelt ones are named, masks are checked."""

import warnings

import gymnasium as gym
import numpy as np
import pytest

from vla_gym.errors import InvalidConfigError

ID = "VLAReach-v0"


def make_vec(n=3, **kwargs):
    return gym.make_vec(ID, num_envs=n, cameras=(), **kwargs)


def test_options_of_other_tools_are_ignored():
    env, venv = gym.make(ID, cameras=()), make_vec()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, info = env.reset(seed=3, options={"minari_autoseed": True, "task": 4, 7: None})
        _, infos = venv.reset(seed=3, options={"minari_autoseed": True})
    assert info["instruction"] == infos["instruction"][0] == env.reset(seed=3)[1]["instruction"]


@pytest.mark.parametrize("key", ["same_scen", "instructions", "resetmask", "role"])
def test_a_misspelt_option_is_named(key):
    env = gym.make(ID, cameras=())
    with pytest.warns(UserWarning, match=f"{key!r} is ignored; did you mean"):
        env.reset(options={key: True})


def test_a_mask_resets_some_and_leaves_the_others_as_they_are():
    venv, alone = make_vec(), make_vec()
    venv.reset(seed=0)
    alone.reset(seed=0)
    before = venv.unwrapped.instructions
    venv.step(np.zeros((3, 7)))
    obs, _ = venv.reset(seed=50, options={"reset_mask": np.array([False, True, False])})
    assert obs["instruction"][::2] == before[::2]
    assert obs["instruction"][1] == make_vec().reset(seed=50)[1]["instruction"][1]
    assert venv.unwrapped.elapsed.tolist() == [1, 0, 1]
    # the streams of the others go on where they were
    later, expected = venv.reset()[1]["instruction"], alone.reset()[1]["instruction"]
    assert later[::2].tolist() == expected[::2].tolist()


def test_the_first_reset_starts_all_whatever_the_mask():
    venv = make_vec()
    options = {"reset_mask": [True, False, False], "instruction": ["go to the red cube"]}
    obs, infos = venv.reset(seed=0, options=options)
    assert obs["instruction"][0] == "go to the red cube" and all(obs["instruction"])
    assert infos["instruction"].tolist() == list(obs["instruction"])
    venv.step(np.zeros((3, 7)))


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.ones(4, bool), "must be 3 truth values.*shape .4,."),
        (np.zeros(3, bool), "selects no"),
        (np.array([0, 2, 1]), "of int64"),
        (True, "must be 3"),
    ],
)
def test_masks_that_cannot_be_used(mask, words):
    venv = make_vec()
    for _ in range(2):  # at the first reset, too
        with pytest.raises(InvalidConfigError, match=words):
            venv.reset(options={"reset_mask": mask})
        venv.reset(seed=0)
    venv.step(np.zeros((3, 7)))
