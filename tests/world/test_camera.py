"""Pictures: what a camera does not see is not drawn, and nothing else changes."""

import numpy as np
import pytest

from vla_gym.rendering.opengl import OpenGLRenderer, _Painter
from vla_gym.world.objects import ObjectSpec
from vla_gym.world.world import World


@pytest.fixture
def world():
    made, rng = World(8, n_slots=3, n_threads=1), np.random.default_rng(5)
    ids = np.arange(made.n)
    row = [ObjectSpec("mug", "medium", (1, 0, 0)), ObjectSpec("tray", "large", (0, 1, 0))]
    made.set_objects(ids, [row] * made.n)
    pos = np.zeros((made.n, 3, 3))
    pos[..., :2] = rng.uniform([0.3, -0.3], [0.7, 0.3], (made.n, 3, 2))
    pos[..., 2] = 0.03
    quat = np.tile([1.0, 0, 0, 0], (made.n, 3, 1))
    made.place(ids, pos, quat)
    for i in ids:
        angles = made.home_qpos + rng.normal(0, 0.3, made.n_arm)
        made.reset_robot(ids[i : i + 1], angles)
    made.forward()
    return made


@pytest.mark.parametrize("camera", ["fixed", "wrist"])
def test_what_is_out_of_view_is_left_out_and_nobody_sees_it(world, camera, monkeypatch):
    pool = OpenGLRenderer(world, size=64, n_threads=1)
    quick, marks = pool.render(camera).copy(), pool.segment(camera).copy()
    left_out = []

    def everything(painter, number):
        left_out.append(out_of_view(painter, number).sum())
        return np.zeros(painter.model.ngeom, bool)

    out_of_view = _Painter._out_of_view
    monkeypatch.setattr(_Painter, "_out_of_view", everything)
    np.testing.assert_array_equal(pool.render(camera), quick)
    np.testing.assert_array_equal(pool.segment(camera), marks)
    assert min(left_out) > 0
    pool.close()


def test_a_thing_that_was_asleep_is_drawn_where_it_has_been_put(world):
    pool = OpenGLRenderer(world, size=64, n_threads=1)
    world.step(300)
    before = pool.render("fixed").copy()
    world.move(0, 0, (0.5, 0.0))
    after = pool.render("fixed")
    assert (before[0] != after[0]).any()
    assert (before[1:] == after[1:]).all()
    pool.close()
