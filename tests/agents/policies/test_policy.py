"""What a policy says about itself, and action chunks."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.double import Double
from vla_gym.agents.policies.checkpoint_folder import checkpoint_names, read_head, read_spec
from vla_gym.agents.policies.chunks import OpenLoopChunks
from vla_gym.agents.policies.head_spec import HeadSpec
from vla_gym.agents.policies.policy import ActionSpec, ChunkPolicy, Policy, PolicySpec
from vla_gym.errors import CheckpointError, InvalidConfigError


@pytest.mark.parametrize(
    "spec",
    [
        PolicySpec(),
        PolicySpec(("image", "proprio"), ActionSpec(frame="tcp", terminate=True), 20.0, "A", "B"),
    ],
)
def test_a_specification_survives_json(spec):
    assert PolicySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_unknown_fields_are_named():
    with pytest.raises(CheckpointError, match="hertz.*Valid: .*control_hz"):
        PolicySpec.from_dict({"hertz": 3})
    with pytest.raises(CheckpointError, match="sign.*Valid: frame"):
        PolicySpec.from_dict({"action": {"sign": -1}})
    with pytest.raises(CheckpointError, match="depth.*Valid: agent"):
        HeadSpec.from_dict({"depth": 3})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (PolicySpec(("image", "proprio")), r"needs the observations image.*cameras=\('image',\)"),
        (PolicySpec(action=ActionSpec(frame="tcp")), "frame 'tcp' instead of 'world'"),
        (PolicySpec(action=ActionSpec(translation_m=0.1)), "translation_m 0.1 instead of 0.05"),
        (PolicySpec(control_hz=20.0), "control_hz=20"),
    ],
)
def test_where_a_policy_does_not_fit(spec, message):
    venv = Double(2)
    venv.control_hz = 10.0
    PolicySpec(("proprio",), control_hz=10.0).check(venv)
    with pytest.raises(InvalidConfigError, match=message) as caught:
        spec.check(venv)
    assert len(str(caught.value)) <= 400


@pytest.mark.parametrize("name", checkpoint_names())
def test_shipped_policies_say_what_they_need(name):
    head, spec = read_head(name), read_spec(name)
    assert spec.cameras == ("image",) and spec.encoder == "embedded" and spec.control_hz == 10.0
    assert spec == head.policy_spec(spec.env_id)
    assert HeadSpec.from_dict(head.to_dict()) == head


def test_features_of_another_version_are_refused():
    values = HeadSpec().to_dict()
    values["layout"] = [*values["layout"], "smell:3"]
    with pytest.raises(CheckpointError, match="smell:3"):
        HeadSpec.from_dict(values)


def test_what_a_blind_or_privileged_head_observes():
    head = HeadSpec()
    assert replace(head, blind="image").images == ()
    assert replace(head, features="privileged").policy_spec("E").encoder is None


class Counter:
    """Predicts the next three numbers, in each sub-environment from where its episode is."""

    spec = PolicySpec()

    def __init__(self, n):
        self.start, self.asked = np.zeros(n, int), 0

    def reset(self, mask, observation):
        self.start[mask] = 100

    def act_chunk(self, observation):
        self.asked += 1
        steps = observation["t"][:, None] + self.start[:, None] + np.arange(3)
        return np.repeat(steps[..., None].astype(float), 7, axis=2)


def test_chunks_are_executed_in_order_and_dropped_when_an_episode_starts():
    inner = Counter(2)
    policy = OpenLoopChunks(inner, steps=2)
    assert isinstance(inner, ChunkPolicy) and isinstance(policy, Policy)
    seen = []
    for t in range(4):
        observation = {"t": np.array([t, t])}
        if t == 3:
            policy.reset(np.array([False, True]), observation)
        seen.append(policy.act(observation)[:, 0].tolist())
    # at t = 3, the second one asks again although its chunk is not used up
    assert seen == [[0, 0], [1, 1], [2, 2], [3, 103]] and inner.asked == 3


def test_chunks_too_short_for_their_steps():
    policy = OpenLoopChunks(Counter(1), steps=4)
    with pytest.raises(InvalidConfigError, match="steps=3 or less"):
        policy.act({"t": np.zeros(1, int)})
    with pytest.raises(InvalidConfigError, match="At least 1"):
        OpenLoopChunks(Counter(1), steps=0)
