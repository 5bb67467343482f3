"""The examination asks true questions, and gives marks by them."""

import numpy as np
import pytest

from vla_gym.language.noun_phrases import read_phrase, resolve
from vla_gym.language.words import words_of
from vla_gym.pretraining.exam import Mark, caption
from vla_gym.pretraining.exam_shots import denials, points_right, questions, shoot


@pytest.fixture(scope="module")
def shots():
    return shoot("VLAPickPlace-v0", 12)


def test_pictures_come_from_the_middle_of_episodes(shots):
    assert shots.images.shape == (12, 128, 128, 3)
    assert shots.visible.any(axis=1).all() and not shots.visible.all()
    assert len(set(shots.instructions)) > 6
    again = shoot("VLAPickPlace-v0", 12)
    assert np.array_equal(again.images, shots.images) and again.instructions == shots.instructions


def test_questions_have_one_answer_and_denials_none(shots):
    rng = np.random.default_rng(0)
    asked = list(questions(shots, rng))
    assert len(asked) > 30
    for i, slot, text in asked:
        assert resolve(read_phrase(words_of(text), 0)[1], shots.seen[i]) == [slot]
    denied = list(denials(shots, rng))
    assert len(denied) >= 10
    for i, text in denied:
        assert resolve(read_phrase(words_of(text), 0)[1], shots.seen[i]) == []


def test_truth_is_right_and_the_opposite_corner_is_not(shots):
    rows, slots = np.array([(i, s) for i, s, _ in questions(shots, np.random.default_rng(0))]).T
    assert points_right(shots.uv[rows, slots], shots, rows, slots).all()
    assert points_right(-shots.uv[rows, slots], shots, rows, slots).mean() < 0.5
    assert caption(shots, 0, np.random.default_rng(0)).count("a ") == shots.visible[0].sum()


def test_marks_tell_whether_their_aim_was_reached():
    assert Mark("x", 0.99, 100, ">= 0.98").reached and "MISSED" not in str(Mark("x", 0.99, 9))
    assert Mark("x", 9.0, 100, "<= 8", share=False).reached is False
    assert "MISSED" in str(Mark("x", 9.0, 100, "<= 8", share=False))
    assert Mark("x", 0.5, 10).reached is None
