"""The native renderer draws what MuJoCo's OpenGL draws with fine meshes of 96 slices."""

import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import scenes

from vla_gym.rendering import opengl
from vla_gym.rendering.gl_context import make_context
from vla_gym.rendering.native.native_renderer import NativeRenderer

pytestmark = pytest.mark.skipif(not scenes.has_gl(), reason="there is no OpenGL")


@pytest.fixture(scope="module")
def world():
    return scenes.tables(24)


@pytest.fixture
def fine(world, monkeypatch):
    """An OpenGL renderer of `world` whose round geoms have as many faces as here."""
    model_of = world.backend.model_of

    def fine_model_of(i, into=None):
        model = model_of(i, into)
        if into is None:
            model.vis.quality.numslices, model.vis.quality.numstacks = 96, 48
        return model

    monkeypatch.setattr(world.backend, "model_of", fine_model_of)
    monkeypatch.setattr(opengl, "_COARSE_SIZE", 0)
    made = opengl.OpenGLRenderer(world, 64, n_threads=1)
    yield made
    made.close()


@pytest.mark.parametrize("camera", ["fixed", "wrist"])
def test_tables_look_the_same(world, fine, camera):
    colours, labels, depths = NativeRenderer(world, 64, n_threads=1).render_all(camera)
    difference = np.abs(colours.astype(int) - fine.render(camera)).max(axis=-1)
    assert (difference > 10).mean() <= 5e-4
    assert difference.mean() < 1.0
    assert (labels == fine.segment(camera)).mean() >= 0.9998
    expected = fine.depth(camera)
    # the flat faces of OpenGL's round geoms are up to 0.2% off; edges may be anywhere
    assert (np.abs(depths - expected) < 2e-3 * expected).mean() > 0.999


def drawn(model, size=128):
    """Colours and geoms by both renderers, from each camera."""
    context = make_context(size, size)
    context.make_current()
    model.vis.global_.offwidth = model.vis.global_.offheight = size
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    scene, gl = mujoco.MjvScene(model, 100), mujoco.MjrContext(model, 100)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, gl)
    rect, view = mujoco.MjrRect(0, 0, size, size), mujoco.MjvCamera()
    view.type = mujoco.mjtCamera.mjCAMERA_FIXED
    rasteriser, found = scenes.rasteriser_of(model), []
    for camera in range(model.ncam):
        view.fixedcamid = camera
        mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, view, 7, scene)
        images = []
        for flat in (False, True):
            scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flat
            scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = flat
            image = np.empty((size, size, 3), np.uint8)
            mujoco.mjr_render(rect, scene, gl)
            mujoco.mjr_readPixels(image, None, rect, gl)
            images.append(image[::-1].astype(int))
        ids = {g.segid + 1: g.objid for g in scene.geoms[: scene.ngeom]} | {0: -1}
        codes = images[1] @ np.array([1, 256, 65536])
        geom = np.vectorize(ids.get)(codes)
        own, labels, _ = rasteriser.draw(camera, (size, size), labels=True)
        found.append((own[0].astype(int), labels[0], images[0], geom))
    gl.free()
    context.free()
    return found


def test_meshes_lights_and_materials_look_the_same():
    assets = scenes.ALL_KINDS_ASSETS + '<material name="m" emission=".2" specular=".8"/>'
    model = scenes.model_of(
        scenes.ALL_KINDS + '<geom type="cylinder" size=".05 .02" pos=".2 .2 .2" material="m"/>',
        assets,
    )
    for own, labels, colour, geom in drawn(model):
        difference = np.abs(own - colour).max(axis=-1)
        inside = labels == geom
        assert inside.mean() > 0.998
        # OpenGL computes light at vertices only: highlights on large faces differ
        assert (difference[inside] > 12).mean() < 0.005 and difference[inside].mean() < 1.5


ARROW = np.zeros((32, 32, 3), np.uint8)
ARROW[4:28, 4:10], ARROW[4:10, 4:24], ARROW[20:28, 20:28] = (255, 0, 0), (0, 255, 0), (90, 90, 255)


@pytest.mark.parametrize("uniform", ["false", "true"])
@pytest.mark.parametrize("kind", ["box", "plane"])
def test_textures_are_laid_on_every_face_as_opengl_lays_them(kind, uniform):
    """None is mirrored, turned or shifted; seen from all sides, near and from afar."""
    views = [(1.2, 0.9, 0.8), (-1.2, 0.9, 0.8), (-0.9, -1.2, 0.8), (1.0, -1.0, 0.6)]
    views += [] if kind == "plane" else [(0.9, 1.0, -0.9), (-3.0, -2.5, -2.0)]
    cameras = "".join(
        f'<camera pos="{x} {y} {z}" xyaxes="{-y} {x} 0 {-x * z} {-y * z} {x * x + y * y}"/>'
        for x, y, z in views
    )
    spec = mujoco.MjSpec.from_string(
        scenes.xml_of(
            f'<geom type="{kind}" size=".4 .3 .2" material="m"/>{cameras}',
            f'<texture name="t" type="2d" builtin="flat" width="32" height="32"/>'
            f'<material name="m" texture="t" texrepeat="3 2" texuniform="{uniform}"/>',
        )
    )
    spec.texture("t").builtin = mujoco.mjtBuiltin.mjBUILTIN_NONE
    spec.texture("t").nchannel = 3
    spec.texture("t").data = ARROW.tobytes()
    model = spec.compile()
    for own, labels, colour, geom in drawn(model):
        shown = (labels == 0) & (geom == 0)
        assert shown.mean() > 0.02 and (labels == geom).mean() > 0.998
        difference = np.abs(own - colour).max(axis=-1)[shown]
        # levels of detail change once in 16 pixels here, and in OpenGL in each
        assert difference.mean() < 4 and (difference > 40).mean() < 0.02
        assert np.std(colour[shown], axis=0).max() > 10
