"""Scenes that went wrong come up again."""

import gymnasium as gym
import numpy as np
import pytest

from vla_gym.agents.learning.failure_replay import FailureReplay

EVERYONE, NOBODY = np.ones(4, bool), np.zeros(4, bool)


@pytest.fixture()
def venv():
    made = gym.make_vec(
        "VLAPickPlace-v0", num_envs=4, vectorization_mode="vector_entry_point", cameras=()
    )
    yield made
    made.close()


def begin(venv, times=1):
    for _ in range(times):
        venv.reset()
    return [e.instruction for e in venv.unwrapped.episodes]


def test_nothing_changes_until_something_has_failed(venv):
    venv.reset(seed=0)
    plain = begin(venv)
    practice = FailureReplay(venv, share=1.0)
    venv.reset(seed=0)
    assert begin(venv) == plain
    practice.note(EVERYONE, EVERYONE)
    assert not practice.scenes


def test_failed_scenes_come_back_until_they_succeed(venv):
    practice = FailureReplay(venv, share=1.0, size=16)
    venv.reset(seed=0)
    failed = set()
    while len(practice.scenes) < 8:
        failed |= {e.instruction for e in venv.unwrapped.episodes}
        begin(venv)
        practice.note(EVERYONE, NOBODY)
    begin(venv)
    assert set(begin(venv)) <= failed  # all four are scenes tried again
    before = len(practice.scenes)
    venv.reset()
    practice.note(EVERYONE, EVERYONE)
    assert len(practice.scenes) < before


def test_no_more_scenes_are_kept_than_allowed(venv):
    practice = FailureReplay(venv, share=0.0, size=6)
    venv.reset(seed=0)
    for _ in range(5):
        venv.reset()
        practice.note(EVERYONE, NOBODY)
    assert len(practice.scenes) == 6


def test_a_state_can_be_put_back(venv):
    practice = FailureReplay(venv, share=0.5)
    venv.reset(seed=0)
    for _ in range(4):
        venv.reset()
        practice.note(EVERYONE, NOBODY)
    state, rng = practice.get_state(), practice.rng.bit_generator.state
    outcomes = []
    for _ in range(2):
        practice.set_state(state)
        practice.rng.bit_generator.state = rng
        venv.reset(seed=9)
        venv.reset()
        practice.note(EVERYONE, np.array([True, False, True, False]))
        outcomes.append([s.instruction for s in practice.scenes])
    assert outcomes[0] == outcomes[1]
