"""Features: object positions, their memory, the robot's state."""

import numpy as np
import pytest

from tests.agents.fake import FakeGrounder, FakePickPlace
from tests.agents.sb3_double import FakeSB3VecEnv
from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv
from vla_gym.agents.policies.action_tokens import ActionTokens
from vla_gym.agents.policies.clip_source import ClipSource
from vla_gym.agents.policies.detections import Detections
from vla_gym.agents.policies.feature_layout import CLIP_WIDTH, LAYOUT, layout
from vla_gym.agents.policies.features import GroundedFeatures
from vla_gym.agents.policies.pooled_features import PooledFeatures
from vla_gym.agents.policies.privileged_source import PrivilegedSource
from vla_gym.errors import InvalidConfigError
from vla_gym.vlm.encoder import ClipEncoder


def clip_features(venv, blind="none"):
    source = ClipSource(FakeGrounder(), venv.world.pinhole("fixed"), venv.num_envs, blind)
    return GroundedFeatures(venv.num_envs, source)


def part(rows, name):
    start = sum(n for k, n in list(LAYOUT.items())[: list(LAYOUT).index(name)])
    return rows[:, start : start + LAYOUT[name]]


def test_positions_of_named_objects_are_right():
    venv = FakePickPlace(6)
    obs, _ = venv.reset(seed=0)
    rows = clip_features(venv).observe(obs, venv.instructions)
    assert rows.shape == (6, sum(layout().values())) and rows.dtype == np.float32
    true = venv.world.object_pos[np.arange(6), venv.roles["object"], :2]
    np.testing.assert_allclose(part(rows, "object_xy") / 5 + venv.tcp[:, :2], true, atol=0.003)


def test_another_instruction_on_the_same_image_points_elsewhere():
    venv = FakePickPlace(1)
    obs, _ = venv.reset(seed=0)
    a = clip_features(venv).observe(obs, ("put s0 into s2",))
    b = clip_features(venv).observe(obs, ("put s1 into s2",))
    assert np.abs(part(a, "object_xy") - part(b, "object_xy")).max() > 0.1
    assert np.allclose(part(a, "target_xy"), part(b, "target_xy"))


@pytest.mark.parametrize("blind", ["instruction", "image"])
def test_a_blind_policy_has_the_same_features_for_all_instructions(blind):
    venv = FakePickPlace(1)
    obs, _ = venv.reset(seed=0)
    a = clip_features(venv, blind).observe(obs, ("put s0 into s2",))
    b = clip_features(venv, blind).observe(obs, ("put s1 into s3",))
    assert np.array_equal(a, b)


class Scripted:
    """A source with the positions and the confidence that the test sets."""

    reads_final, memory = True, {}

    def __init__(self, x=0.5, confidence=1.0):
        self.x, self.confidence = x, confidence

    def reset(self, ids): ...

    def locate(self, obs, instructions, ids):
        shape = (len(ids), 2)
        xy = np.full((*shape, 2), self.x)
        return Detections(xy, np.full(shape, self.confidence), np.zeros((*shape, 4)))


def after(*detections, features=None):
    """Features of two sub-environments after detections of (x, confidence)."""
    venv = FakePickPlace(2)
    obs, _ = venv.reset(seed=0)
    features = features or GroundedFeatures(2, Scripted())
    for features.source.x, features.source.confidence in detections:
        features.observe(obs, venv.instructions)
    return features


def test_memory_keeps_hidden_objects_with_fading_confidence_until_the_episode_ends():
    features = after((0.5, 1.0), (9.0, 0.0), (9.0, 0.0))
    assert np.allclose(features.memory.xy, 0.5)
    assert np.allclose(features.memory.confidence, features.memory.config.fade**2)
    features.reset(np.array([True, False]))
    after((9.0, 0.0), features=features)
    assert np.allclose(features.memory.xy[0], 9.0) and np.allclose(features.memory.xy[1], 0.5)


def test_moving_objects_are_followed_and_resting_ones_averaged():
    assert np.allclose(after((0.5, 0.9), (0.54, 0.9)).memory.xy, 0.54)
    assert np.allclose(after((0.5, 0.9), (0.504, 0.9)).memory.xy, 0.502)


def test_a_distant_detection_counts_only_if_more_confident_and_then_fully():
    other = [(0.9, 0.7)]  # another object that looks alike
    assert np.allclose(after((0.5, 0.8), *other).memory.xy, 0.5)
    assert np.allclose(after((0.5, 0.8), *(12 * other)).memory.xy, 0.9), "the memory must fade"
    assert np.allclose(after((0.5, 0.8), (0.9, 0.85)).memory.xy, 0.9)


def test_one_encoding_per_step_final_images_included():
    venv = FakePickPlace(4, horizon=3)
    grounder = FakeGrounder()
    source = ClipSource(grounder, venv.world.pinhole("fixed"), 4)
    env = FeatureVecEnv(FakeSB3VecEnv(venv), GroundedFeatures(4, source), ActionTokens())
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


@pytest.mark.parametrize("blind", ["none", "instruction", "image"])
def test_pooled_features_contain_image_and_instruction_unless_hidden(blind):
    venv = FakePickPlace(2)
    obs, _ = venv.reset(seed=0)
    features = PooledFeatures(ClipEncoder(), blind)
    rows = features.observe(obs, ("put the red cube in the bowl", "push the blue can"))
    assert rows.shape == (2, *features.space.shape) and np.isfinite(rows).all()
    image, text = rows[:, :CLIP_WIDTH], rows[:, CLIP_WIDTH : 2 * CLIP_WIDTH]
    assert np.allclose(text[0], text[1]) == (blind == "instruction")
    assert np.allclose(image, 0) == (blind == "image")
    last = {1: {key: obs[key][0] for key in ("image", "proprio")}}
    instructions = ("push the blue can", "put the red cube in the bowl")
    _, finals = features.advance(obs, instructions, np.array([False, True]), last, instructions)
    np.testing.assert_allclose(finals[1], rows[0], atol=1e-4)


def test_pooled_features_need_vectors_of_their_width():
    class Other:
        embed_dim, name = 512, "ViT-B-32"

    with pytest.raises(InvalidConfigError, match="--features clip"):
        PooledFeatures(Other())


def test_the_clock_runs_from_the_start_and_then_stops():
    venv = FakePickPlace(2)
    source = ClipSource(FakeGrounder(), venv.world.pinhole("fixed"), 2)
    features = GroundedFeatures(2, source, clock_hz=10.0)
    obs, _ = venv.reset(seed=0)
    assert features.space.shape == (sum(layout(clock=True).values()),)
    clock = [features.observe(obs, venv.instructions)[:, -1] for _ in range(25)]
    np.testing.assert_allclose(
        np.array(clock)[[0, 10, 20, 24], 0], [-1.0, 0.0, 1.0, 1.0], atol=1e-6
    )
    features.reset(np.array([True, False]))
    np.testing.assert_allclose(features.observe(obs, venv.instructions)[:, -1], [-1.0, 1.0])
