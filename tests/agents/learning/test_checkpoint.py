"""Checkpoints: complete, checked, and exact to resume from."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.agents.fake import FakePickPlace
from tests.agents.learning.test_learning import (
    blueprint,
    config_for,
    features_of,
    model_for,
    some_demos,
)
from vla_gym.agents.learning import training_state
from vla_gym.agents.learning.algorithm_config import HeadConfig
from vla_gym.agents.learning.config import read_config, to_dict
from vla_gym.agents.learning.resolution import head_of
from vla_gym.agents.policies import checkpoint, checkpoint_folder
from vla_gym.errors import CheckpointError


@pytest.fixture(scope="module")
def demos():
    return some_demos(6)


def write(path, model, config, env):
    tensors, meta = training_state.capture(model, env)
    head = head_of(config)
    meta |= {"head": head.to_dict(), "spec": head.policy_spec(config.env).to_dict()}
    meta |= {"training": to_dict(config)}
    return checkpoint.write_checkpoint(path, tensors, meta)


def read_into(path, model, env):
    meta = checkpoint_folder.read_meta(path)
    stems = ("policy", "training", *(("replay",) if "replay" in meta else ()))
    tensors = {stem: checkpoint.read_tensors(path, stem) for stem in stems}
    assert training_state.restore(model, env, tensors, meta)


@pytest.mark.parametrize("agent", ["ppo", "sac"])
def test_a_resumed_run_equals_an_uninterrupted_one(agent, demos, tmp_path):
    config = config_for(agent)
    first, env = model_for(config, demos)
    env.seed(0)
    first.learn(512)
    write(tmp_path / "step-000000512", first, config, env)
    first.learn(512, reset_num_timesteps=False)

    second, other = model_for(config, demos)
    torch.manual_seed(99)
    np.random.seed(99)
    read_into(tmp_path / "step-000000512", second, other)
    second.learn(512, reset_num_timesteps=False)
    assert first.num_timesteps == second.num_timesteps == 1024
    for (name, a), b in zip(
        first.policy.state_dict().items(), second.policy.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name


@pytest.fixture
def saved(demos, tmp_path):
    config = config_for("ppo")
    model, env = model_for(config, demos)
    model.learn(256)
    return write(tmp_path / "run" / "checkpoints" / "step-000000256", model, config, env)


def test_the_policy_comes_back(saved):
    venv = FakePickPlace(4)
    config = read_config(saved)
    policy = blueprint(config).network()
    checkpoint.put_weights(policy, saved)
    rows = np.zeros((4, features_of(venv).space.shape[0]), np.float32)
    assert policy.predict(rows, deterministic=True)[0].shape == (4, 8)


def test_a_run_folder_means_its_latest_or_best(saved):
    run = saved.parent.parent
    assert checkpoint_folder.resolve(run, "latest") == saved
    weights = {"policy": checkpoint.read_tensors(saved, "policy")}
    checkpoint.write_checkpoint(run / "best", weights, {})
    assert checkpoint_folder.resolve(run) == run / "best"


def test_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="No checkpoint at"):
        checkpoint_folder.resolve(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint_folder.read_meta(tmp_path)


@pytest.mark.parametrize("damage", ["short", "flip", "gone"])
def test_damaged_weights(saved, damage):
    file = saved / "policy.safetensors"
    data = bytearray(file.read_bytes())
    if damage == "short":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[-5] ^= 1
        file.write_bytes(data)
    else:
        file.unlink()
    with pytest.raises(CheckpointError, match="policy.safetensors"):
        checkpoint.read_tensors(saved, "policy")


def test_damaged_and_foreign_json(saved):
    file = saved / checkpoint_folder.META
    text = file.read_text()
    file.write_text(text[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint_folder.read_meta(saved)
    file.write_text(json.dumps({"schema": "other/3"}))
    with pytest.raises(CheckpointError, match="other/3"):
        checkpoint_folder.read_meta(saved)


def test_the_error_for_another_setup_names_the_difference(saved):
    head = head_of(config_for("ppo"))
    checkpoint_folder.check_fits(saved, head, "VLAPickPlace-v0")
    with pytest.raises(CheckpointError, match="hidden"):
        checkpoint_folder.check_fits(saved, replace(head, hidden=(32, 32)))
    with pytest.raises(CheckpointError, match="agent"):
        checkpoint_folder.check_fits(saved, head_of(config_for("sac")))
    with pytest.raises(CheckpointError, match="env: checkpoint 'VLAPickPlace-v0'"):
        checkpoint_folder.check_fits(saved, head, "VLAPush-v0")


def test_weights_of_another_shape(saved):
    config = config_for("ppo", head=HeadConfig(hidden=(32, 32)))
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoint.put_weights(blueprint(config).network(), saved)


def test_a_failed_write_leaves_the_old_checkpoint_and_nothing_else(saved, monkeypatch):
    before = checkpoint.read_tensors(saved, "policy")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.write_checkpoint(saved, {"policy": before}, {})
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]
    after = checkpoint.read_tensors(saved, "policy")
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_only_checkpoints_that_are_complete_count(saved):
    (saved.parent / "step-000009999").mkdir()
    assert checkpoint_folder.resolve(saved.parent.parent, "latest") == saved


def test_no_pickle_anywhere(saved):
    kinds = {p.suffix for p in saved.iterdir()}
    assert kinds == {".json", ".safetensors"}
