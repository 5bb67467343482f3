"""The command line of training."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from vla_gym.agents.learning.config import (
    PRESETS,
    from_dict,
    parse,
    preset,
    read_config,
    to_dict,
)
from vla_gym.agents.policies.checkpoint_folder import read_spec
from vla_gym.errors import CheckpointError, InvalidConfigError, UnknownNameError


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("agent", ["ppo", "sac"])
def test_presets_make_sense_and_survive_json(name, agent):
    config = preset(name, agent).check()
    assert config.preset == name and config.agent == agent
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


def test_options_start_from_the_preset():
    config = parse(["--preset", "quick", "--agent=sac", "--sac.n-step", "5"])
    assert config.minutes == preset("quick").minutes and config.sac.n_step == 5
    assert config.num_envs == preset("quick", "sac").num_envs


def test_names_that_are_not_known():
    with pytest.raises(UnknownNameError, match="quick"):
        parse(["--preset", "quik"])
    with pytest.raises(UnknownNameError, match="sac"):
        parse(["--agent", "td3"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--agent", "sac", "--action", "tokens"], "--agent ppo"),
        (["--demos", "-1"], "negative"),
        (["--minutes", "0"], "minutes must be positive"),
        (["--num-envs", "2"], "Lower the batch size"),
    ],
)
def test_combinations_that_cannot_work(args, message):
    with pytest.raises(InvalidConfigError, match=message):
        parse(args)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(CheckpointError, match="No checkpoint"):
        parse(["--resume", str(tmp_path)])


@pytest.mark.parametrize(
    ("values", "valid"),
    [({"practise": 0.3}, "failure_replay"), ({"ppo": {"gama": 0.9}}, "Did you mean 'gamma'")],
)
def test_unknown_keys_of_a_stored_configuration_are_named(values, valid):
    with pytest.raises(UnknownNameError, match=valid):
        from_dict({**to_dict(preset("quick")), **values})


def test_a_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        preset("quick").demos = 3


def test_self_imitation_needs_a_policy():
    with pytest.raises(InvalidConfigError, match="--init"):
        replace(preset("quick"), self_imitation=10).check()


def test_a_run_of_the_first_version_can_be_started_from_but_not_resumed(tmp_path):
    old = {"schema": "vla_gym/checkpoint/1", "config": {"env": "VLAPush-v0", "agent": "ppo",
           "practice": 0.3, "head": {"hidden": [8, 8]}}, "steps": 5, "files": {},
           "fingerprint": {"layout": ["way:2", "way_left:1"]}}  # fmt: skip
    folder = tmp_path / "checkpoints" / "step-000000005"
    folder.mkdir(parents=True)
    (folder / "checkpoint.json").write_text(json.dumps(old))
    assert read_config(tmp_path).failure_replay == 0.3
    assert read_spec(folder).env_id == "VLAPush-v0"
    with pytest.raises(CheckpointError, match="--init"):
        parse(["--resume", str(tmp_path)])
