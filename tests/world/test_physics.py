from pathlib import Path

import numpy as np
import pytest

from vla_gym.world.controller import TcpDeltaController
from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.world import World


def drop(height):
    names = [k for k in KINDS if not KINDS[k].mark]
    world = World(len(names), n_threads=1)
    ids = np.arange(world.n)
    world.set_objects(ids, [[ObjectSpec(kind)] for kind in names])
    pos, quat = np.zeros((world.n, world.n_slots, 3)), np.zeros((world.n, world.n_slots, 4))
    quat[..., 0] = 1
    pos[:, 0] = [(0.5, 0.15, KINDS[k].half_height + height) for k in names]
    world.place(ids, pos, quat)
    world.forward(ids)
    world.step(round(2.0 / world.model.opt.timestep))
    return world, np.array([KINDS[k].half_height for k in names])


def test_dropped_objects_come_to_rest_on_the_table():
    world, half = drop(0.02)
    np.testing.assert_allclose(world.object_pos[:, 0, 2], half, atol=0.002)
    assert np.abs(world.object_linvel[:, 0]).max() < 0.02


def test_the_arm_holds_still():
    world = World(1, n_threads=1)
    world.step(round(1.0 / world.model.opt.timestep))
    before = world.qpos[0, : world.n_arm].copy()
    world.step(round(1.0 / world.model.opt.timestep))
    assert np.abs(world.qvel[0, : world.n_arm]).max() < 1e-4
    np.testing.assert_allclose(world.qpos[0, : world.n_arm], before, atol=1e-5)


def test_gripper_closes_on_nothing_without_buzz():
    world = World(1, n_threads=1)
    world.ctrl[:, world.n_arm] = 0.0
    world.step(round(1.0 / world.model.opt.timestep))
    widths = []
    for _ in range(20):
        world.step(5)
        widths.append(float(world.gripper_width[0]))
    assert max(widths) < 0.004 and np.ptp(widths) < 1e-4


def test_state_comes_back_bit_by_bit():
    world, _ = drop(0.02)
    before = world.get_state()
    world.step(50)
    world.set_state(before)
    after = world.get_state()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def stack(things, seconds=3.0):
    """Let things (kind, x, y, height of the underside) be, and tell where they end up."""
    world = World(1, n_threads=1)
    world.set_objects(np.array([0]), [[ObjectSpec(k) for k, *_ in things]])
    pos, quat = np.zeros((1, world.n_slots, 3)), np.zeros((1, world.n_slots, 4))
    quat[..., 0] = 1
    for i, (kind, x, y, z) in enumerate(things):
        pos[0, i] = (x, y, z + KINDS[kind].half_height)
    world.place(np.array([0]), pos, quat)
    world.forward()
    start = world.object_pos[0].copy()
    world.step(round(seconds / world.model.opt.timestep))
    return world, start


def test_a_stack_of_two_stays():
    world, start = stack([("cube", 0.5, 0.1, 0.0), ("cube", 0.5, 0.1, 0.0425)])
    assert np.linalg.norm(world.object_pos[0, :2] - start[:2], axis=1).max() < 0.003
    assert np.abs(world.object_linvel[0, :2]).max() < 0.005


def test_a_ball_dropped_into_a_bowl_stays_in_it():
    world, _ = stack([("ball", 0.51, 0.12, 0.06), ("bowl", 0.5, 0.1, 0.0)])
    ball, bowl = world.object_pos[0, :2]
    assert np.linalg.norm((ball - bowl)[:2]) < 0.03
    assert 0.015 < ball[2] < 0.05 and np.abs(world.object_linvel[0, 0]).max() < 0.03


def test_a_mug_has_an_inside():
    """Something smaller than its opening falls to its floor and not through it."""
    world, _ = stack([("ball", 0.5, 0.1, 0.07), ("mug", 0.5, 0.1, 0.0)])
    world.set_objects(np.array([0]), [[ObjectSpec("ball", "small"), ObjectSpec("mug", "large")]])
    pos, quat = world.object_pos.copy(), world.object_quat.copy()
    pos[0, 0], pos[0, 1] = (0.5, 0.1, 0.11), (0.5, 0.1, ObjectSpec("mug", "large").half_height)
    quat[0, :2] = (1, 0, 0, 0)
    world.place(np.array([0]), pos, quat)
    world.step(round(2.0 / world.model.opt.timestep))
    ball, mug = world.object_pos[0, :2]
    assert np.linalg.norm((ball - mug)[:2]) < 0.012
    assert ball[2] - mug[2] < 0.01  # below the rim, on the floor
    assert ball[2] > 0.02


def test_a_grasped_object_neither_slips_nor_buzzes_when_shaken():
    world = World(3, n_threads=1)
    ids = np.arange(3)
    world.set_objects(ids, [[ObjectSpec(k, mass_scale=1.4)] for k in ("cube", "cylinder", "ball")])
    tcp = world.tcp_pos[0].copy()
    control = TcpDeltaController(world, 10.0)
    pos, quat = np.zeros((3, world.n_slots, 3)), np.zeros((3, world.n_slots, 4))
    quat[..., 0] = 1
    pos[:, 0] = (*tcp[:2], KINDS["cube"].half_height)
    world.place(ids, pos, quat)
    world.forward()
    substeps = round(0.1 / world.model.opt.timestep)

    def act(delta, grip, steps):
        for _ in range(steps):
            control.apply(world, np.tile([*delta, 0, 0, 0, grip], (3, 1)).astype(float))
            world.step(substeps)

    for _ in range(12):
        act(np.clip((np.array([*tcp[:2], 0.02]) - world.tcp_pos[0]) / 0.05, -1, 1), 1, 1)
    act((0, 0, 0), -1, 5)
    act((0, 0, 1), -1, 4)

    def in_hand():
        away = world.object_pos[:, 0] - world.tcp_pos
        return np.einsum("nji,nj->ni", world.tcp_mat, away)

    held = in_hand()
    for _ in range(3):
        for delta in ((0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1)):
            act(delta, -1, 2)
    act((0, 0, 0), -1, 5)
    assert world.finger_touch[:, 0].all()
    assert np.linalg.norm(in_hand() - held, axis=1).max() < 0.005
    held = in_hand()
    world.step(round(10.0 / world.model.opt.timestep))
    assert np.linalg.norm(in_hand() - held, axis=1).max() < 0.001
    speeds = []
    for _ in range(20):
        world.step(2)
        speeds.append(np.abs(world.object_linvel[:, 0]).max())
    assert max(speeds) < 0.02


def test_a_tilted_round_thing_does_not_wobble_on():
    names = [k for k in KINDS if KINDS[k].round and not KINDS[k].mark and k != "plate"]
    world, tilt = World(len(names), n_threads=1), np.deg2rad(6.0)
    ids = np.arange(world.n)
    world.set_objects(ids, [[ObjectSpec(k, "large", mass_scale=0.7)] for k in names])
    pos, quat = np.zeros((world.n, world.n_slots, 3)), np.zeros((world.n, world.n_slots, 4))
    quat[..., 0] = 1
    for i, kind in enumerate(names):
        spec = ObjectSpec(kind, "large")
        pos[i, 0] = (0.5, 0.1, spec.half_height * np.cos(tilt) + spec.radius * np.sin(tilt))
        quat[i, 0] = (np.cos(tilt / 2), np.sin(tilt / 2), 0, 0)
    world.place(ids, pos, quat)
    speed = world.qvel[ids]
    speed[:, world._slot_dof[0, 4]] = 4.0
    world.qvel[ids] = speed
    world.step(round(3.0 / world.model.opt.timestep))
    still = np.linalg.norm(world.object_angvel[:, 0], axis=1) < 0.5
    assert still.all(), [k for k, s in zip(names, still, strict=True) if not s]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts pages as Linux does")
def test_a_pile_needs_no_more_memory_than_an_empty_table():
    def pages():
        return int(Path("/proc/self/statm").read_text().split()[1])

    world = World(64, n_threads=1)
    assert not world.present.any() and not world.start_pos.any() and not world.time.any()
    ids, pos, quat = np.arange(64), np.zeros((64, 6, 3)), np.zeros((64, 6, 4))
    pos[...] = np.array([0.45, 0.0, 0.02]) + np.outer(np.arange(6), [0.03, 0.0, 0.0])
    quat[..., 0] = 1.0
    world.set_objects(ids, [[ObjectSpec("brick")] * 6] * 64)
    world.place(ids, pos, quat)
    before = pages()
    world.step(1)
    assert world.backend.data_of(0).ncon >= 36
    assert pages() - before < 64 * 5  # of 4 KiB; 45 a world had they not been used before
