"""The evaluation set asks questions with one right answer, and metrics know their targets."""

import numpy as np
import pytest

from vla_gym.language.noun_phrases import read_phrase, resolve
from vla_gym.language.words import words_of
from vla_gym.pretraining.clip_metrics import Metric, caption
from vla_gym.pretraining.evaluation_set import absent_phrases, collect, is_right, present_phrases


@pytest.fixture(scope="module")
def data():
    return collect("VLAPickPlace-v0", 12)


def test_images_come_from_the_middle_of_episodes(data):
    assert data.images.shape == (12, 128, 128, 3)
    assert data.visible.any(axis=1).all() and not data.visible.all()
    assert len(set(data.instructions)) > 6
    again = collect("VLAPickPlace-v0", 12)
    assert np.array_equal(again.images, data.images) and again.instructions == data.instructions


def test_present_phrases_have_one_answer_and_absent_ones_none(data):
    rng = np.random.default_rng(0)
    asked = list(present_phrases(data, rng))
    assert len(asked) > 30
    for i, slot, text in asked:
        assert resolve(read_phrase(words_of(text), 0)[1], data.scenes[i]) == [slot]
    denied = list(absent_phrases(data, rng))
    assert len(denied) >= 10
    for i, text in denied:
        assert resolve(read_phrase(words_of(text), 0)[1], data.scenes[i]) == []


def test_truth_is_right_and_the_opposite_corner_is_not(data):
    rows, slots = np.array(
        [(i, s) for i, s, _ in present_phrases(data, np.random.default_rng(0))]
    ).T
    assert is_right(data.uv[rows, slots], data, rows, slots).all()
    assert is_right(-data.uv[rows, slots], data, rows, slots).mean() < 0.5
    assert caption(data, 0, np.random.default_rng(0)).count("a ") == data.visible[0].sum()


def test_metrics_tell_whether_their_target_was_reached():
    assert Metric("x", 0.99, 100, ">= 0.98").reached and "MISSED" not in str(Metric("x", 0.99, 9))
    assert Metric("x", 9.0, 100, "<= 8", is_rate=False).reached is False
    assert "MISSED" in str(Metric("x", 9.0, 100, "<= 8", is_rate=False))
    assert Metric("x", 0.5, 10).reached is None


def test_metrics_keep_the_keys_of_the_result_file():
    """`make docs` and the stored figures read these."""
    keys = ["what", "value", "n", "aim", "share", "reached"]
    assert list(Metric("x", 0.5, 10, ">= 0.4").to_dict()) == keys
