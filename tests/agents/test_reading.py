"""Following a sentence clause by clause."""

import numpy as np
import pytest

from tests.agents.fake import FakeGrounder, FakePickPlace
from vla_gym.agents.policies.clause_tracker import Reading
from vla_gym.agents.policies.features import PolicyFeatures
from vla_gym.agents.policies.sources import ClipSource
from vla_gym.envs.observation import PROPRIO_TAIL

TWO = "put s0 into s2 then put s1 into s3"
APART, TOGETHER = [[0.5, 0.1], [0.5, -0.1]], [[0.5, 0.1], [0.51, 0.1]]


def body(tcp, width):
    row = np.zeros((1, 26))
    row[:, PROPRIO_TAIL["tcp_pos"]], row[:, PROPRIO_TAIL["gripper_width"]] = tcp, width
    return row


@pytest.mark.parametrize(
    ("xy", "tcp", "width", "goes_on"),
    [
        (TOGETHER, [0.5, 0.1, 0.15], 0.08, True),
        (APART, [0.5, 0.1, 0.15], 0.08, False),
        (TOGETHER, [0.5, 0.1, 0.05], 0.08, False),  # the hand is still there
        (TOGETHER, [0.5, 0.1, 0.15], 0.04, False),  # and has it
    ],
)
def test_a_clause_is_done_when_it_is_seen_done(xy, tcp, width, goes_on):
    reading, here = Reading(1), np.array([0])
    on = reading.note([TWO], here, np.array([xy]), 0.025, body(tcp, width))
    assert (on.tolist() == [0]) == goes_on == bool(reading.anew[0])
    words = reading.words([TWO], here, np.array([True]))
    assert words == (["put s1 into s3"] if goes_on else ["put s0 into s2"])


def test_the_last_clause_is_not_left_and_a_new_episode_begins_with_the_first():
    reading, here = Reading(1), np.array([0])
    for _ in range(3):
        reading.note([TWO], here, np.array([TOGETHER]), 0.025, body([0.5, 0.1, 0.2], 0.08))
    assert reading.clause[0] == 1
    reading.reset(here)
    both, now = np.array([0, 0]), np.array([True, False])
    assert reading.words([TWO, TWO], both, now) == ["put s0 into s2", "put s1 into s3"]


def test_features_turn_to_the_next_things_at_once():
    venv = FakePickPlace(1)
    obs, _ = venv.reset(seed=0)
    source = ClipSource(FakeGrounder(), venv.world.pinhole("fixed"), 1)
    features = PolicyFeatures(1, source)
    features.observe(obs, (TWO,))
    true = venv.world.object_pos[0, :, :2]
    np.testing.assert_allclose(features.xy[0], true[[0, 2]], atol=0.003)
    source.reading.clause[0], source.reading.anew[0] = 1, True
    features.observe(obs, (TWO,))
    np.testing.assert_allclose(features.xy[0], true[[1, 3]], atol=0.003)
    memory = features.state_dict()
    source.reading.clause[0] = 0
    features.load_state_dict(memory)
    assert source.reading.clause[0] == 1
