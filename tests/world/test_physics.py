import numpy as np

from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.world import World


def drop(height):
    names = list(KINDS)
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
