"""Starts closer to success."""

import gymnasium as gym
import numpy as np
import pytest

from vla_gym.agents.learning.reverse_curriculum import HOME, ReverseCurriculum, StartMover

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


def move(venv, at):
    mover, rng = StartMover(venv), np.random.default_rng(0)
    return np.array([mover.move(i, at, rng) for i in range(8)])


def from_gripper(venv):
    core = venv.unwrapped
    thing = core.world.object_pos[np.arange(8), core.named_slots[:, 0]]
    return np.linalg.norm(thing - core.world.tcp_pos, axis=1)


@pytest.mark.parametrize("at", [1.0, 1.5, 2.0])
def test_a_held_object_stays_in_the_gripper(venv, at):
    moved = move(venv, at)
    for _ in range(8):
        venv.step(SHUT)
    assert moved.all() and from_gripper(venv).max() < 0.02


def test_releasing_over_the_target_mostly_succeeds_and_holding_never(venv):
    move(venv, 0.0)
    for _ in range(5):
        held = venv.step(SHUT)[1]
    assert not held.any()
    won = np.zeros(8, bool)
    for _ in range(15):
        won |= venv.step(OPEN)[1] > 0
    assert won.mean() >= 0.5


def test_the_open_gripper_starts_around_the_object_and_then_further_away(venv):
    assert move(venv, 2.01).all()
    near = from_gripper(venv)
    assert near.max() < 0.02 and (venv.unwrapped.world.gripper_width > 0.075).all()
    venv.reset(seed=0)
    assert move(venv, 2.5).all()
    middle = from_gripper(venv)
    venv.reset(seed=0)
    move(venv, HOME)
    assert (near < middle).all() and (middle < from_gripper(venv)).all()


def test_the_frontier_moves_with_success(venv):
    curriculum = ReverseCurriculum(venv, window=8)
    venv.reset(seed=1)
    assert curriculum.frontier == pytest.approx(0.1) and (curriculum.at <= 0.1).all()
    everyone = np.ones(8, bool)
    while curriculum.frontier < HOME:
        curriculum._ended[:] = curriculum.frontier
        before = curriculum.frontier
        curriculum.note(everyone, everyone)
        assert curriculum.frontier > before
    venv.reset(seed=1)
    assert (curriculum.at == HOME).mean() > 0.3
    curriculum._ended[:] = HOME
    curriculum.note(everyone, ~everyone)
    assert curriculum.frontier < HOME


def test_episodes_count_for_the_start_they_had(venv):
    curriculum = ReverseCurriculum(venv, window=4)
    curriculum._state[0] = 1.0
    venv.reset(seed=1)
    curriculum.at[:4] = 0.0  # far from the frontier
    venv.reset(options={"reset_mask": np.arange(8) < 4})
    curriculum.note(np.arange(8) < 4, np.ones(8, bool))
    assert curriculum.frontier == 1.0


def test_the_same_seeds_give_the_same_starts(venv):
    curriculum = ReverseCurriculum(venv, seed=3)
    curriculum._state[0] = 1.8
    venv.reset(seed=4)
    first = venv.unwrapped.world.qpos.copy()
    curriculum.rng = np.random.default_rng(3)
    venv.reset(seed=4)
    assert np.array_equal(first, venv.unwrapped.world.qpos)
