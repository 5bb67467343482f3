"""What the head sees."""

import numpy as np
import pytest

from tests.agents.fake import FakeGrounder, FakePickPlace
from tests.agents.sb3_double import FakeSB3VecEnv
from vla_gym.agents.learning.feature_vec_env import AgentVecEnv
from vla_gym.agents.policies.action_tokens import ActionTokens
from vla_gym.agents.policies.features import CLIP_WIDTH, LAYOUT, PolicyFeatures, layout
from vla_gym.agents.policies.pooled_features import PooledFeatures
from vla_gym.agents.policies.sources import ClipSource, Found, PrivilegedSource, make_source
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.vlm.encoder import ClipEncoder


def clip_features(venv, blind="none"):
    source = ClipSource(FakeGrounder(), venv.world.pinhole("fixed"), venv.num_envs, blind)
    return PolicyFeatures(venv.num_envs, source)


def part(rows, name):
    start = sum(n for k, n in list(LAYOUT.items())[: list(LAYOUT).index(name)])
    return rows[:, start : start + LAYOUT[name]]


def test_the_named_things_are_where_they_are():
    venv = FakePickPlace(6)
    obs, _ = venv.reset(seed=0)
    rows = clip_features(venv).observe(obs, venv.instructions)
    assert rows.shape == (6, sum(layout().values())) and rows.dtype == np.float32
    true = venv.world.object_pos[np.arange(6), venv.roles["object"], :2]
    np.testing.assert_allclose(part(rows, "object_xy") / 5 + venv.tcp[:, :2], true, atol=0.003)


def test_other_words_on_the_same_picture_point_elsewhere():
    venv = FakePickPlace(1)
    obs, _ = venv.reset(seed=0)
    a = clip_features(venv).observe(obs, ("put s0 into s2",))
    b = clip_features(venv).observe(obs, ("put s1 into s2",))
    assert np.abs(part(a, "object_xy") - part(b, "object_xy")).max() > 0.1
    assert np.allclose(part(a, "target_xy"), part(b, "target_xy"))


@pytest.mark.parametrize("blind", ["instruction", "image"])
def test_who_is_blind_sees_the_same_for_all_words(blind):
    venv = FakePickPlace(1)
    obs, _ = venv.reset(seed=0)
    a = clip_features(venv, blind).observe(obs, ("put s0 into s2",))
    b = clip_features(venv, blind).observe(obs, ("put s1 into s3",))
    assert np.array_equal(a, b)


class Said:
    """A source that finds everything where, and as surely, as the test says."""

    past, memory = True, {}

    def __init__(self, x=0.5, confidence=1.0):
        self.x, self.confidence = x, confidence

    def reset(self, ids): ...

    def locate(self, obs, words, ids):
        shape = (len(ids), 2)
        xy = np.full((*shape, 2), self.x)
        return Found(xy, np.full(shape, self.confidence), np.zeros((*shape, 4)))


def looking(*sightings, features=None):
    """The memory of two worlds after sightings of (x, confidence)."""
    venv = FakePickPlace(2)
    obs, _ = venv.reset(seed=0)
    features = features or PolicyFeatures(2, Said())
    for features.source.x, features.source.confidence in sightings:
        features.observe(obs, venv.instructions)
    return features


def test_memory_keeps_what_the_gripper_hides_less_and_less_sure_and_forgets_at_the_end():
    features = looking((0.5, 1.0), (9.0, 0.0), (9.0, 0.0))
    assert np.allclose(features.xy, 0.5)
    assert np.allclose(features.confidence, features.tracking.fade**2)
    features.reset(np.array([True, False]))
    looking((9.0, 0.0), features=features)
    assert np.allclose(features.xy[0], 9.0) and np.allclose(features.xy[1], 0.5)


def test_what_moves_is_followed_and_what_rests_is_averaged():
    assert np.allclose(looking((0.5, 0.9), (0.54, 0.9)).xy, 0.54)
    assert np.allclose(looking((0.5, 0.9), (0.504, 0.9)).xy, 0.502)


def test_a_sighting_far_away_counts_only_if_it_is_surer_and_then_whole():
    hidden = [(0.9, 0.7)]  # another thing, alike
    assert np.allclose(looking((0.5, 0.8), *hidden).xy, 0.5)
    assert np.allclose(looking((0.5, 0.8), *(12 * hidden)).xy, 0.9), "the memory is not for ever"
    assert np.allclose(looking((0.5, 0.8), (0.9, 0.85)).xy, 0.9)


def test_one_encoding_a_step_last_pictures_included():
    venv = FakePickPlace(4, horizon=3)
    grounder = FakeGrounder()
    source = ClipSource(grounder, venv.world.pinhole("fixed"), 4)
    env = AgentVecEnv(FakeSB3VecEnv(venv), PolicyFeatures(4, source), ActionTokens())
    env.reset()
    for _ in range(3):
        _, _, dones, infos = env.step(np.full((4, 8), 128) * [0, *[1] * 7])
    assert dones.all() and grounder.calls == [4, 4, 4, 8]
    assert all(i["terminal_observation"].shape == (sum(layout().values()),) for i in infos)


def test_privileged_errors_last_an_episode():
    venv = FakePickPlace(3)
    venv.reset(seed=0)
    source = PrivilegedSource(venv, seed=0)
    source.reset(np.arange(3))
    ids = np.arange(3)
    a, b = (source.locate({}, (), ids).xy for _ in range(2))
    source.reset(np.array([1]))
    c = source.locate({}, (), ids).xy
    assert np.array_equal(a, b) and np.array_equal(a[0], c[0]) and not np.array_equal(a[1], c[1])


def test_names_that_are_not_known():
    venv = FakePickPlace(1)
    with pytest.raises(UnknownNameError, match="privileged"):
        make_source(venv, "clop")
    with pytest.raises(UnknownNameError, match="instruction"):
        make_source(venv, "clip", blind="ears")


@pytest.mark.parametrize("blind", ["none", "instruction", "image"])
def test_pooled_features_know_picture_and_words_unless_they_are_hidden(blind):
    venv = FakePickPlace(2)
    obs, _ = venv.reset(seed=0)
    features = PooledFeatures(ClipEncoder(), blind)
    rows = features.observe(obs, ("put the red cube in the bowl", "push the blue can"))
    assert rows.shape == (2, *features.space.shape) and np.isfinite(rows).all()
    seen, said = rows[:, :CLIP_WIDTH], rows[:, CLIP_WIDTH : 2 * CLIP_WIDTH]
    assert np.allclose(said[0], said[1]) == (blind == "instruction")
    assert np.allclose(seen, 0) == (blind == "image")
    last = {1: {key: obs[key][0] for key in ("image", "proprio")}}
    words = ("push the blue can", "put the red cube in the bowl")
    _, finals = features.advance(obs, words, np.array([False, True]), last, words)
    np.testing.assert_allclose(finals[1], rows[0], atol=1e-4)


def test_pooled_features_want_vectors_of_their_width():
    class Other:
        embed_dim, name = 512, "ViT-B-32"

    with pytest.raises(InvalidConfigError, match="--features clip"):
        PooledFeatures(Other())


def test_the_clock_runs_from_the_beginning_and_then_stands_still():
    venv = FakePickPlace(2)
    source = ClipSource(FakeGrounder(), venv.world.pinhole("fixed"), 2)
    features = PolicyFeatures(2, source, clock_hz=10.0)
    obs, _ = venv.reset(seed=0)
    assert features.space.shape == (sum(layout(clock=True).values()),)
    told = [features.observe(obs, venv.instructions)[:, -1] for _ in range(25)]
    np.testing.assert_allclose(np.array(told)[[0, 10, 20, 24], 0], [-1.0, 0.0, 1.0, 1.0], atol=1e-6)
    features.reset(np.array([True, False]))
    np.testing.assert_allclose(features.observe(obs, venv.instructions)[:, -1], [-1.0, 1.0])
