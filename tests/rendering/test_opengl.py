"""Images by OpenGL: culling changes nothing, moved objects show, depth agrees with geometry."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import scenes

from vla_gym.envs.vector import TabletopVectorEnv
from vla_gym.rendering import Renderer
from vla_gym.rendering.opengl import OpenGLRenderer, _SceneRenderer
from vla_gym.rendering.renderer import BACKGROUND
from vla_gym.world.objects import ObjectSpec
from vla_gym.world.world import World

pytestmark = pytest.mark.skipif(not scenes.has_gl(), reason="there is no OpenGL")


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
def test_geoms_out_of_view_are_culled_and_images_stay_the_same(world, camera, monkeypatch):
    pool = OpenGLRenderer(world, size=64, n_threads=1)
    quick, marks = pool.render(camera).copy(), pool.segment(camera).copy()
    left_out = []

    def everything(scene, number):
        left_out.append(out_of_view(scene, number).sum())
        return np.zeros(scene.model.ngeom, bool)

    out_of_view = _SceneRenderer._out_of_view
    monkeypatch.setattr(_SceneRenderer, "_out_of_view", everything)
    np.testing.assert_array_equal(pool.render(camera), quick)
    np.testing.assert_array_equal(pool.segment(camera), marks)
    assert min(left_out) > 0
    pool.close()


def test_a_sleeping_object_is_drawn_where_it_has_been_moved(world):
    pool = OpenGLRenderer(world, size=64, n_threads=1)
    world.step(300)
    before = pool.render("fixed").copy()
    world.move(0, 0, (0.5, 0.0))
    after = pool.render("fixed")
    assert (before[0] != after[0]).any()
    assert (before[1:] == after[1:]).all()
    pool.close()


def test_depth_of_the_table_is_its_distance_along_the_optical_axis(world):
    """Pixels on the table: rays through their centres meet the plane z = 0."""
    renderer = OpenGLRenderer(world, size=64, n_threads=1)
    clip = world.model.vis.map.znear * world.model.stat.extent  # nearer points are cut away
    for camera, near_and_far in (("fixed", (0.8, 1.2)), ("wrist", (0.1, 0.5))):
        depth, labels = renderer.depth(camera), renderer.segment(camera)
        assert depth.shape == (world.n, 64, 64) and depth.dtype == np.float32
        seen = []
        for i in range(world.n):
            data = world.backend.data_of(i)
            mujoco_id = world.model.camera(camera).id
            pos, mat = data.cam_xpos[mujoco_id], data.cam_xmat[mujoco_id].reshape(3, 3)
            tan = np.tan(np.radians(world.model.cam_fovy[mujoco_id]) / 2)
            axis = ((np.arange(64) + 0.5) / 64 * 2 - 1) * tan
            u, v = np.meshgrid(axis, -axis)
            rays = np.stack([u, v, -np.ones_like(u)], axis=-1) @ mat.T
            with np.errstate(divide="ignore"):
                expected = -pos[2] / rays[..., 2]  # multiples of a ray with depth 1
            hit = pos + expected[..., None] * rays
            half, centre = np.array([0.42, 0.60]) - 0.01, np.array([0.45, 0.0])
            table = (labels[i] == BACKGROUND) & (expected > clip)
            table &= (np.abs(hit[..., :2] - centre) < half).all(axis=-1)
            np.testing.assert_allclose(depth[i][table], expected[table], atol=1e-3)
            seen.append(expected[table])
        seen = np.concatenate(seen)
        assert seen.min() < near_and_far[0] and seen.max() > near_and_far[1]
    renderer.close()


def test_depth_where_nothing_is_hit_is_the_far_plane(world):
    renderer = OpenGLRenderer(world, size=32, n_threads=1)
    far = world.model.vis.map.zfar * world.model.stat.extent
    assert renderer.depth("wrist").max() <= far * (1 + 1e-6)
    renderer.close()


class FlatRenderer:
    """The simplest second implementation: images of one colour."""

    def __init__(self, n, size):
        self.n, self.image_size, self.closed = n, size, False

    def _full(self, ids, value, channels, dtype):
        count = self.n if ids is None else len(ids)
        return np.full((count, self.image_size, self.image_size, *channels), value, dtype)

    def render(self, camera="fixed", ids=None):
        return self._full(ids, 7 if camera == "fixed" else 9, (3,), np.uint8)

    def segment(self, camera="fixed", ids=None):
        return self._full(ids, BACKGROUND, (), np.int8)

    def depth(self, camera="fixed", ids=None):
        return self._full(ids, 1.0, (), np.float32)

    def close(self):
        self.closed = True


def test_an_environment_takes_another_renderer(world):
    assert isinstance(OpenGLRenderer(world), Renderer)
    venv = TabletopVectorEnv("Pick", num_envs=2, image_size=16, n_threads=1)
    flat = FlatRenderer(2, 16)
    assert isinstance(flat, Renderer)
    venv.renderer = flat
    obs, _ = venv.reset(seed=0)
    assert (obs["image"] == 7).all() and (obs["wrist_image"] == 9).all()
    obs, *_ = venv.step(np.zeros((2, 7)))
    assert venv.observation_space.contains(obs)
    venv.close()
    assert flat.closed
