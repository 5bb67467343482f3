"""Scenes of failed episodes occur again."""

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


def restart(venv, times=1):
    for _ in range(times):
        venv.reset()
    return [e.instruction for e in venv.unwrapped.episodes]


def test_nothing_changes_until_something_has_failed(venv):
    venv.reset(seed=0)
    plain = restart(venv)
    replay = FailureReplay(venv, share=1.0)
    venv.reset(seed=0)
    assert restart(venv) == plain
    replay.note(EVERYONE, EVERYONE)
    assert not replay.scenes


def test_failed_scenes_occur_again_until_they_succeed(venv):
    replay = FailureReplay(venv, share=1.0, size=16)
    venv.reset(seed=0)
    failed = set()
    while len(replay.scenes) < 8:
        failed |= {e.instruction for e in venv.unwrapped.episodes}
        restart(venv)
        replay.note(EVERYONE, NOBODY)
    restart(venv)
    assert set(restart(venv)) <= failed  # all four repeat a scene
    before = len(replay.scenes)
    venv.reset()
    replay.note(EVERYONE, EVERYONE)
    assert len(replay.scenes) < before


def test_no_more_scenes_are_kept_than_allowed(venv):
    replay = FailureReplay(venv, share=0.0, size=6)
    venv.reset(seed=0)
    for _ in range(5):
        venv.reset()
        replay.note(EVERYONE, NOBODY)
    assert len(replay.scenes) == 6


def test_a_state_can_be_restored(venv):
    replay = FailureReplay(venv, share=0.5)
    venv.reset(seed=0)
    for _ in range(4):
        venv.reset()
        replay.note(EVERYONE, NOBODY)
    state, rng = replay.get_state(), replay.rng.bit_generator.state
    outcomes = []
    for _ in range(2):
        replay.set_state(state)
        replay.rng.bit_generator.state = rng
        venv.reset(seed=9)
        venv.reset()
        replay.note(EVERYONE, np.array([True, False, True, False]))
        outcomes.append([s.instruction for s in replay.scenes])
    assert outcomes[0] == outcomes[1]
