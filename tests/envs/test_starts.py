"""Beginnings nearer to success."""

import gymnasium as gym
import numpy as np
import pytest

from vla_gym.envs.starts import STARTS, StartCurriculum, Starts

OPEN, SHUT = np.zeros((8, 7), np.float32), np.zeros((8, 7), np.float32)
OPEN[:, 6], SHUT[:, 6] = 1.0, -1.0


@pytest.fixture()
def venv():
    made = gym.make_vec(
        "VLAPickPlace-v0", num_envs=8, vectorization_mode="vector_entry_point", cameras=()
    )
    made.reset(seed=0)
    yield made
    made.close()


def put(venv, start):
    starts, rng = Starts(venv), np.random.default_rng(0)
    return np.array([starts.begin(i, start, rng) for i in range(8)])


def test_what_is_held_stays_in_the_hand(venv):
    could = put(venv, "in hand")
    core = venv.unwrapped
    thing = core.named_slots[:, 0]
    for _ in range(8):
        venv.step(SHUT)
    off = core.world.object_pos[np.arange(8), thing] - core.world.tcp_pos
    assert could.all() and np.linalg.norm(off, axis=1).max() < 0.02


def test_letting_go_over_the_target_succeeds_mostly_and_holding_never(venv):
    put(venv, "over the target")
    for _ in range(5):
        held = venv.step(SHUT)[1]
    assert not held.any()
    won = np.zeros(8, bool)
    for _ in range(15):
        won |= venv.step(OPEN)[1] > 0
    assert won.mean() >= 0.5


def test_the_hand_begins_about_the_thing(venv):
    assert put(venv, "at the object").all()
    core = venv.unwrapped
    thing = core.world.object_pos[np.arange(8), core.named_slots[:, 0]]
    off = np.linalg.norm((core.world.tcp_pos - thing)[:, :2], axis=1)
    assert off.max() < 0.04 and (core.world.gripper_width > 0.075).all()


def test_beginnings_open_one_after_the_other(venv):
    curriculum = StartCurriculum(venv)
    assert curriculum.probabilities.tolist() == [1.0, 0.0, 0.0, 0.0]
    venv.reset(seed=1)
    assert (curriculum.start == 0).all()
    curriculum.rates[0] = 0.9
    assert curriculum.probabilities[1] > curriculum.probabilities[0] > 0
    curriculum.rates[:] = 0.9
    assert curriculum.probabilities.argmax() == len(STARTS) - 1


def test_episodes_count_for_the_beginning_they_had(venv):
    curriculum = StartCurriculum(venv, weight=1.0)
    venv.reset(seed=1)
    curriculum.rates[0] = 0.9
    venv.reset(options={"reset_mask": np.arange(8) < 4})
    curriculum.note(np.arange(8) < 4, np.zeros(8, bool))
    assert curriculum.rates[0] == 0.0 and not curriculum.rates[1:].any()


def test_a_world_begins_the_same_whoever_else_begins(venv):
    curriculum = StartCurriculum(venv, seed=3)
    curriculum.rates[:2] = 0.9
    venv.reset(seed=4)
    first = venv.unwrapped.world.qpos.copy()
    curriculum.rng = np.random.default_rng(3)
    venv.reset(seed=4)
    assert np.array_equal(first, venv.unwrapped.world.qpos)
