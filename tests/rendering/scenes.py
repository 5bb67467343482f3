"""Models for the tests of renderers, and what is common to these tests."""

import mujoco
import numpy as np

from vla_gym.errors import RenderingError
from vla_gym.rendering.gl_context import make_context
from vla_gym.rendering.native.native_renderer import Rasteriser
from vla_gym.world.mujoco_backend import MujocoBackend
from vla_gym.world.objects import ObjectSpec
from vla_gym.world.patterns import PATTERNS
from vla_gym.world.visuals import Visuals
from vla_gym.world.world import World

KINDS = ("mug", "bottle", "plate", "cabinet", "drawer", "ball", "cylinder", "bowl", "can", "cone")
_POINTS = " ".join(f"{x:.4f}" for x in np.random.default_rng(0).normal(0, 0.04, 60))
_HEAD = """<mujoco><statistic extent="1" center="0 0 0"/>
<visual><map znear="0.02" zfar="20"/><quality offsamples="0" numslices="96" numstacks="48"/>
<headlight ambient=".3 .3 .3" diffuse=".3 .3 .3" specular=".2 .2 .2"/></visual>"""


def has_gl():
    try:
        make_context(8, 8).free()
    except RenderingError:
        return False
    return True


def xml_of(body, assets=""):
    """A model with some elements in its worldbody."""
    return f"{_HEAD}<asset>{assets}</asset><worldbody>{body}</worldbody></mujoco>"


def model_of(body, assets=""):
    """As `xml_of`, compiled."""
    return mujoco.MjModel.from_xml_string(xml_of(body, assets))


def rasteriser_of(model):
    """A rasteriser of one simulation that labels each geom by its number."""
    labels = np.array([*range(model.ngeom), -1]).astype(np.int8)
    return Rasteriser(MujocoBackend(model, 1, 1), labels, 1)


ALL_KINDS = """
<light type="directional" dir="-.2 .3 -1" diffuse=".5 .5 .45" specular=".3 .3 .3"
  castshadow="false"/>
<geom type="plane" size="1 1 .1" rgba=".4 .5 .4 1" material="dull"/>
<body pos="0 0 .1"><joint type="hinge" axis="0 1 .2" pos=".05 .02 0"/>
  <geom type="box" size=".04 .03 .05" pos=".1 .15 .05" euler="0 0 30" rgba=".8 .5 .2 1"/>
  <body pos="0 .1 .02" euler="10 20 30"><joint type="slide" axis="1 1 0"/>
    <geom type="cylinder" size=".03 .04" pos=".12 -.3 .04" euler="0 20 0" rgba=".9 .4 .6 1"/>
    <geom type="capsule" size=".015 .05" pos="-.15 -.05 .08" euler="30 50 0" rgba=".3 .8 .9 1"/>
  </body></body>
<body pos="-.1 -.2 .15"><joint type="ball" pos="0 .03 0"/>
  <geom type="ellipsoid" size=".07 .02 .03" euler="0 0 50" rgba=".5 .2 .7 1"/>
  <geom type="mesh" mesh="hull" pos="0 .14 .1" rgba=".2 .7 .4 1"/></body>
<body pos=".15 -.02 .1"><freejoint/>
  <geom type="sphere" size=".03" rgba=".9 .9 .3 1"/>
  <camera name="moving" pos="0 -.2 .2" euler="40 0 10" fovy="60"/></body>
<camera name="side" pos=".6 0 .45" xyaxes="0 1 0 -.66 0 .75" fovy="40"/>
<camera name="above" pos="0.02 -.1 .5" xyaxes="1 0 0 0 .95 .3" fovy="80"/>
"""
ALL_KINDS_ASSETS = f'<mesh name="hull" vertex="{_POINTS}"/><material name="dull" specular="0"/>'


def all_kinds(n, seed=0):
    """Worlds with geoms of every kind on joints of every type, each in its own pose and sizes."""
    model = model_of(ALL_KINDS, ALL_KINDS_ASSETS)
    backend, rng = MujocoBackend(model, n, 1), np.random.default_rng(seed)
    backend.bind("qpos")[:] += rng.normal(0, 0.1, (n, model.nq))
    sizes = backend.expand("geom_size")
    solid = model.geom_type < mujoco.mjtGeom.mjGEOM_MESH.value
    sizes[:, solid & (model.geom_type > 0)] *= rng.uniform(0.6, 1.0, (n, 1, 1))
    labels = np.array([*range(model.ngeom), -1], np.int8)
    return backend, Rasteriser(backend, labels, 1)


def tables(n, seed=5):
    """A `World` with things, arms and appearances drawn at random."""
    world, rng, ids = World(n, n_slots=6, n_threads=1), np.random.default_rng(seed), np.arange(n)
    rows = [
        [ObjectSpec(str(k), "medium", tuple(rng.uniform(0.1, 1, 3))) for k in rng.choice(KINDS, 6)]
        for _ in ids
    ]
    world.set_objects(ids, rows)
    pos = rng.uniform([0.3, -0.3, 0.03], [0.7, 0.3, 0.2], (n, 6, 3))
    quat = rng.normal(size=(n, 6, 4))
    world.place(ids, pos, quat / np.linalg.norm(quat, axis=-1, keepdims=True))
    world.reset_robot(ids, world.home_qpos + rng.normal(0, 0.3, (n, world.n_arm)))
    looks = [Visuals.novel(rng, frozenset({"backgrounds", "lights", "cameras"})) for _ in ids]
    looks[0] = Visuals(pattern=next(iter(PATTERNS)))
    world.set_visuals(ids, looks)
    world.forward()
    return world


def rays(model, data, camera, size):
    """Origin of the rays through pixels' centres, and rays of depth 1. Shape (size, size, 3)."""
    pos, mat = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
    tan = np.tan(np.radians(model.cam_fovy[camera]) / 2)
    axis = ((np.arange(size) + 0.5) / size * 2 - 1) * tan
    u, v = np.meshgrid(axis, -axis)
    return pos, np.stack([u, v, -np.ones_like(u)], axis=-1) @ mat.T


def traced(backend, i, camera, size):
    """Geom (-1 for none) and depth of each pixel by `mj_multiRay`. Shapes (size, size)."""
    model, data = backend.model_of(i), backend.data_of(i)
    # what sleeps, cameras on static bodies too, would keep its old pose
    model.opt.enableflags &= ~mujoco.mjtEnableBit.mjENBL_SLEEP.value
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    pos, rays_ = rays(model, data, camera, size)
    n = size * size
    geom, distance = np.full(n, -1, np.int32), np.zeros(n)
    vec = rays_.reshape(n, 3)
    length = np.linalg.norm(vec, axis=1)
    mujoco.mj_multiRay(
        model, data, pos, (vec / length[:, None]).ravel(), np.array([1, 1, 1, 0, 0, 0], np.uint8),
        1, -1, geom, distance, None, n, mujoco.mjMAXVAL,
    )  # fmt: skip
    depth = np.where(geom >= 0, distance / length, np.inf)
    return geom.reshape(size, size), depth.reshape(size, size)
