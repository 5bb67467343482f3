"""Following an instruction clause by clause."""

import numpy as np
import pytest

from tests.agents.fake import FakeGrounder, FakePickPlace
from vla_gym.agents.policies.clause_tracker import ClauseTracker
from vla_gym.agents.policies.clip_source import ClipSource
from vla_gym.agents.policies.features import GroundedFeatures
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
        (TOGETHER, [0.5, 0.1, 0.05], 0.08, False),  # the gripper is still there
        (TOGETHER, [0.5, 0.1, 0.15], 0.04, False),  # the object is still held
    ],
)
def test_the_next_clause_follows_once_the_present_one_is_done(xy, tcp, width, goes_on):
    tracker, here = ClauseTracker(1), np.array([0])
    on = tracker.update([TWO], here, np.array([xy]), 0.025, body(tcp, width))
    assert (on.tolist() == [0]) == goes_on == bool(tracker.moved_on[0])
    clauses = tracker.current([TWO], here, np.array([True]))
    assert clauses == (["put s1 into s3"] if goes_on else ["put s0 into s2"])


def test_the_last_clause_stays_and_a_new_episode_starts_with_the_first():
    tracker, here = ClauseTracker(1), np.array([0])
    for _ in range(3):
        tracker.update([TWO], here, np.array([TOGETHER]), 0.025, body([0.5, 0.1, 0.2], 0.08))
    assert tracker.clause[0] == 1
    tracker.reset(here)
    both, now = np.array([0, 0]), np.array([True, False])
    assert tracker.current([TWO, TWO], both, now) == ["put s0 into s2", "put s1 into s3"]


def test_features_switch_to_the_next_objects_at_once():
    venv = FakePickPlace(1)
    obs, _ = venv.reset(seed=0)
    source = ClipSource(FakeGrounder(), venv.world.pinhole("fixed"), 1)
    features = GroundedFeatures(1, source)
    features.observe(obs, (TWO,))
    true = venv.world.object_pos[0, :, :2]
    np.testing.assert_allclose(features.memory.xy[0], true[[0, 2]], atol=0.003)
    source.clauses.clause[0], source.clauses.moved_on[0] = 1, True
    features.observe(obs, (TWO,))
    np.testing.assert_allclose(features.memory.xy[0], true[[1, 3]], atol=0.003)
    state = features.state_dict()
    source.clauses.clause[0] = 0
    features.load_state_dict(state)
    assert source.clauses.clause[0] == 1


HERE, THERE = [[0.5, 0.1], [0.5, -0.1]], [[0.5, 0.1], [0.58, 0.1]]
DOWN, UP, ASIDE = [0.5, 0.1, 0.03], [0.5, 0.1, 0.2], [0.42, 0.1, 0.03]


@pytest.mark.parametrize(
    ("text", "xy", "path", "goes_on"),
    [
        ("pick up the cube, then close the drawer", HERE, [(DOWN, 0.04), (UP, 0.04)], True),
        ("pick up the cube, then close the drawer", HERE, [(DOWN, 0.08), (UP, 0.08)], False),
        ("press the button, then pick up the cube", HERE, [(DOWN, 0.02)] * 3, True),
        ("press the button, then pick up the cube", HERE, [(UP, 0.02)] * 3, False),
        ("open the drawer, then pick up the cube", HERE, [(DOWN, 0.03), (ASIDE, 0.03)], True),
        ("open the drawer, then pick up the cube", HERE, [(DOWN, 0.03)] * 3, False),
        ("stand the mug up, then pick up the cube", HERE, [(DOWN, 0.04), (UP, 0.08)], True),
        ("stand the mug up, then pick up the cube", HERE, [(DOWN, 0.08), (UP, 0.08)], False),
        ("put the cube left of the mug, then pick up the star", THERE, [(DOWN, 0.04), (UP, 0.08)],
         True),
        ("put the cube in the bowl, then pick up the star", THERE, [(DOWN, 0.04), (UP, 0.08)],
         False),
        ("push the cube onto the mat, then pick up the star", TOGETHER, [(DOWN, 0.02)], True),
        ("push the cube onto the mat, then pick up the star", HERE, [(DOWN, 0.02)], False),
    ],
)  # fmt: skip
def test_what_done_means_depends_on_the_verb(text, xy, path, goes_on):
    tracker, here = ClauseTracker(1), np.array([0])
    for tcp, width in path:
        tracker.update([text], here, np.array([xy]), 0.025, body(tcp, width))
    assert bool(tracker.clause[0]) == goes_on


def test_what_was_gripped_in_one_clause_does_not_count_in_the_next():
    text = "stand the mug up, then stand the can up, then pick up the cube"
    tracker, here = ClauseTracker(1), np.array([0])
    for tcp, width in [(DOWN, 0.04), (UP, 0.08), (UP, 0.08)]:
        tracker.update([text], here, np.array([HERE]), 0.025, body(tcp, width))
    assert tracker.clause[0] == 1
