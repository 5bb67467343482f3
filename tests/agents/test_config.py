"""The command line of training."""

import json

import pytest

from vla_gym.agents.learning.config import PRESETS, from_dict, parse, preset, to_dict
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
    ("args", "words"),
    [
        (["--agent", "sac", "--action", "tokens"], "--agent ppo"),
        (["--demos", "-1"], "negative"),
        (["--minutes", "0"], "minutes must be positive"),
        (["--num-envs", "2"], "Lower the batch size"),
    ],
)
def test_combinations_that_cannot_work(args, words):
    with pytest.raises(InvalidConfigError, match=words):
        parse(args)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(CheckpointError, match="No checkpoint"):
        parse(["--resume", str(tmp_path)])


def test_what_is_rehearsed():
    assert preset("quick").rehearsed == 0
    few = preset("quick")
    few.init, few.demos = "pickplace-ppo", 5
    assert few.check().rehearsed == 100
    few.rehearse = 0
    assert few.check().rehearsed == 0
    few.init, few.rehearse = None, 10
    with pytest.raises(InvalidConfigError, match="--init"):
        few.check()
