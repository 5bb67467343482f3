"""The pinhole camera projects and deprojects consistently, and as the rendered image shows."""

import numpy as np

from vla_gym.rendering import make_renderer
from vla_gym.world.objects import ObjectSpec
from vla_gym.world.world import World


def test_deprojection_inverts_projection():
    camera = World(1, n_threads=1).pinhole()
    points = np.random.default_rng(0).uniform([0.3, -0.3], [0.7, 0.3], (30, 2))
    points = np.concatenate([points, np.full((30, 1), 0.04)], axis=1)
    np.testing.assert_allclose(camera.deproject(camera.project(points), 0.04), points, atol=1e-12)


def test_rays_above_the_horizon_end_after_five_metres():
    camera = World(1, n_threads=1).pinhole()
    point = camera.deproject(np.array([0.0, -40.0]))
    assert np.isfinite(point).all()


def test_an_object_is_where_its_projection_says():
    world, spot = World(1, n_threads=1), np.array([0.5, 0.2, 0.022])
    ids = np.arange(1)
    world.set_objects(ids, [[ObjectSpec("ball")]])
    pos, quat = np.zeros((1, world.n_slots, 3)), np.zeros((1, world.n_slots, 4))
    pos[0, 0], quat[..., 0] = spot, 1.0
    world.place(ids, pos, quat)
    world.forward(ids)
    renderer = make_renderer(world, 128, 1)
    rows, columns = np.nonzero(renderer.segment()[0] == 0)
    renderer.close()
    seen = np.array([columns.mean(), rows.mean()]) + 0.5
    np.testing.assert_allclose((world.pinhole().project(spot) + 1) * 64, seen, atol=1.0)
