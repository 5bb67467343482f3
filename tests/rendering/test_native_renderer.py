"""The native renderer as a `Renderer`: threads, ids, live state, errors, its cache, without GL."""

import json
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
import scenes

import vla_gym  # noqa: F401
from vla_gym.cli import main
from vla_gym.errors import RenderingError, UnknownNameError
from vla_gym.rendering import Renderer, make_renderer
from vla_gym.rendering.native import compiling, loading
from vla_gym.rendering.native.native_renderer import NativeRenderer, Rasteriser
from vla_gym.rendering.opengl import OpenGLRenderer
from vla_gym.world.mujoco_backend import MujocoBackend
from vla_gym.world.visuals import Visuals
from vla_gym.world.world import World

GOLDEN = Path(__file__).parent / "native.png"
"""Written by ``python tests/rendering/test_native_renderer.py``; look at it before a commit."""


@pytest.fixture(scope="module")
def world():
    return scenes.tables(9)


@pytest.fixture(scope="module")
def renderer(world):
    made = NativeRenderer(world, 40, n_threads=1)
    yield made
    made.close()


def test_it_is_a_renderer_and_the_default(world, renderer):
    assert isinstance(renderer, Renderer)
    assert isinstance(make_renderer(world), NativeRenderer)
    assert isinstance(make_renderer(world, backend="opengl"), OpenGLRenderer)


@pytest.mark.parametrize("camera", ["fixed", "wrist"])
def test_threads_give_the_same_bits_as_one(world, renderer, camera):
    threaded = NativeRenderer(world, 40, n_threads=3)
    for one, many in zip(renderer.render_all(camera), threaded.render_all(camera), strict=True):
        np.testing.assert_array_equal(one, many)
    threaded.close()


def test_one_pass_gives_what_three_give(renderer):
    colours, labels, depths = renderer.render_all("wrist")
    np.testing.assert_array_equal(colours, renderer.render("wrist"))
    np.testing.assert_array_equal(labels, renderer.segment("wrist"))
    np.testing.assert_array_equal(depths, renderer.depth("wrist"))
    assert colours.dtype == np.uint8 and labels.dtype == np.int8 and depths.dtype == np.float32


@pytest.mark.parametrize(
    "ids", [np.array([7, 0, 3]), np.arange(9)[::-2], np.array([2, 2]), np.array([], int), [5], [-1]]
)
def test_any_ids_in_any_order(renderer, ids):
    every = renderer.render("fixed")
    np.testing.assert_array_equal(renderer.render("fixed", ids), every[np.asarray(ids, int)])


def test_ids_that_do_not_exist(renderer):
    for wrong in ([9], [-10]):
        with pytest.raises(IndexError, match="-9 to 8"):
            renderer.render("fixed", wrong)
    with pytest.raises(UnknownNameError, match="fixed"):
        renderer.render("fixd")


def test_it_draws_the_present_state():
    world = scenes.tables(3)
    renderer = NativeRenderer(world, 64, n_threads=1)
    before = renderer.render("fixed")
    world.move(1, 0, (0.5, 0.0))
    moved = renderer.render("fixed")
    assert (moved[1] != before[1]).any()
    np.testing.assert_array_equal(moved[[0, 2]], before[[0, 2]])
    world.set_visuals(np.array([2]), [Visuals(table_rgb=(1.0, 0.0, 0.0))])
    repainted = renderer.render("fixed")
    assert (repainted[2] != moved[2]).any()
    np.testing.assert_array_equal(repainted[:2], moved[:2])


def test_it_looks_as_it_did(renderer):
    """Processors round differently: a few edge pixels and single steps of colour may."""
    golden = np.asarray(Image.open(GOLDEN)).astype(int)
    difference = np.abs(_sheet(renderer) - golden).max(axis=-1)
    assert (difference > 2).mean() < 0.002
    assert golden.std() > 30  # a picture of something


def _sheet(renderer):
    rows = [np.concatenate(list(renderer.render(camera)), axis=1) for camera in ("fixed", "wrist")]
    return np.concatenate(rows).astype(int)


LIGHT = '<light type="{}" castshadow="{}"/>'
TEXTURE = '<texture name="t" type="{}" builtin="checker" width="{}" height="{}" rgb1="1 0 0"/>'
MESH = f'<mesh name="m" vertex="{scenes._POINTS}"/>'
MATERIAL = '<material name="m" {}/>'


@pytest.mark.parametrize(
    ("body", "assets", "name"),
    [
        (LIGHT.format("spot", "false"), "", "spot lights"),
        (LIGHT.format("point", "false"), "", "point lights"),
        (LIGHT.format("directional", "true"), "", "shadows"),
        (2 * LIGHT.format("directional", "false"), "", "2 lights"),
        ('<geom size=".1" rgba="1 1 1 .5"/>', "", "transparency"),
        ('<geom type="hfield" hfield="h"/>',
         '<hfield name="h" nrow="2" ncol="2" size="1 1 1 1" elevation="0 1 0 1"/>',
         "height fields"),
        ('<geom type="mesh" mesh="m" material="m"/>',
         MESH + TEXTURE.format("2d", 8, 8) + MATERIAL.format('texture="t"'), "textured meshes"),
        ('<geom size=".1" material="m"/>',
         TEXTURE.format("2d", 8, 8) + MATERIAL.format('texture="t"'), "textures on round geoms"),
        ('<geom type="box" size=".1 .1 .1" material="m"/>',
         TEXTURE.format("cube", 8, 8) + MATERIAL.format('texture="t"'), "cube textures"),
        ('<geom type="box" size=".1 .1 .1" material="m"/>',
         TEXTURE.format("2d", 8, 12) + MATERIAL.format('texture="t"'), "power of 2"),
        ('<geom size=".1" material="m"/>', MATERIAL.format('shininess=".9"'), "shininess"),
        ('<geom size=".1" material="m"/>', MATERIAL.format('reflectance=".9"'), "reflections"),
        ('<geom size=".1" material="m"/>', MATERIAL.format('rgba="1 0 0 .5"'), "transparent"),
        ('<site size=".1"/>', "", "sites"),
        ('<body mocap="true"><geom size=".1"/></body>', "", "mocap bodies"),
        ('<camera mode="targetbody" target="b"/><body name="b"><geom size=".1"/></body>', "",
         "cameras that track"),
        ("", '<texture type="skybox" builtin="flat" width="8" height="8"/>', "skyboxes"),
        (256 * '<geom size=".1"/>', "", "256 geoms"),
    ],
)  # fmt: skip
def test_what_it_cannot_draw_is_named_with_a_remedy(body, assets, name):
    with pytest.raises(RenderingError, match=name) as caught:
        scenes.rasteriser_of(scenes.model_of(body + '<camera name="c"/>', assets))
    assert "render_backend='opengl'" in str(caught.value)


def test_what_only_one_world_has_is_found():
    backend = MujocoBackend(scenes.model_of('<geom size=".1"/>'), 3, 1)
    labels = np.array([0, -1], np.int8)
    Rasteriser(backend, labels, 1)
    backend.expand("geom_rgba")[2, 0, 3] = 0.5
    with pytest.raises(RenderingError, match="transparency"):
        Rasteriser(backend, labels, 1)


def test_a_world_of_more_geoms_than_it_can_tell_apart_is_drawn_by_opengl():
    world = World(1, n_slots=20, n_threads=1)
    with pytest.raises(RenderingError, match="at most 255"):
        make_renderer(world, backend="native")
    assert isinstance(make_renderer(world), OpenGLRenderer)


def test_environments_choose_it_by_an_argument():
    for name, kind in (("native", NativeRenderer), ("opengl", OpenGLRenderer)):
        env = gym.make("VLAReach-v0", render_backend=name, n_threads=1)
        assert isinstance(env.unwrapped.vector.renderer, kind)
        env.close()
    with pytest.raises(UnknownNameError, match="render_backend.*'native'"):
        gym.make("VLAReach-v0", render_backend="nativ")


WITHOUT_GL = """
import importlib.abc, json, re, sys

class NoGL(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if re.match(r"OpenGL|glfw|mujoco\\.(egl|osmesa|glfw|viewer)|mujoco.*gl_context", name):
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, NoGL())
import gymnasium as gym, numpy as np, vla_gym
env = gym.make("VLAPickPlace-v0", image_size=32, render_mode="rgb_array", n_threads=1)
obs, _ = env.reset(seed=0)
seen = [obs["image"]]
for _ in range(3):
    obs, *_ = env.step(env.action_space.sample())
    seen += [obs["image"], obs["wrist_image"]]
frame = env.render()
vec = vla_gym.make_vec("VLAStack-v0", 3, image_size=16)
batch, _ = vec.reset(seed=0)
maps = open("/proc/self/maps").read() if sys.platform == "linux" else ""
print(json.dumps({
    "std": float(min(image.std() for image in seen)), "frame": frame.shape,
    "batch": batch["wrist_image"].shape, "moved": bool((seen[0] != seen[-2]).any()),
    "libraries": sorted(set(re.findall(r"lib(?:EGL|GL|OSMesa|gallium)[^ /]*\\.so", maps))),
}))
"""


def test_environments_work_where_no_gl_can_be_imported():
    run = subprocess.run([sys.executable, "-c", WITHOUT_GL], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["std"] > 5 and found["frame"] == [480, 480, 3] and found["moved"]
    assert found["batch"] == [3, 16, 16, 3] and found["libraries"] == []


def test_commands_say_whether_it_is_compiled(renderer, monkeypatch, capsys):
    renderer.render()
    assert compiling.is_compiled()
    assert main(["warm-up"]) == 0
    assert "was compiled already" in capsys.readouterr().out
    assert main(["doctor", "--only", "renderer"]) == 0
    out = capsys.readouterr().out
    assert "ok" in out and str(compiling.cache_folder()) in out
    monkeypatch.setattr(compiling, "is_compiled", lambda: False)
    assert main(["doctor", "--only", "renderer"]) == 0
    out = capsys.readouterr().out
    assert "note" in out and "-> vla-gym warm-up" in out


def test_compiling_is_said_and_kept_in_the_chosen_folder(renderer, tmp_path, monkeypatch, capsys):
    renderer.render()  # so that nothing is really compiled here
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiling.cache_folder.cache_clear()
    try:
        assert not compiling.is_compiled()
        assert compiling.cache_folder().parent == tmp_path
        loading.load_kernels()
        assert "half a minute" in capsys.readouterr().err
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(GOLDEN))  # a file, not a folder
        compiling.cache_folder.cache_clear()
        with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
            assert compiling.cache_folder().parent != GOLDEN
    finally:
        monkeypatch.undo()
        compiling.cache_folder.cache_clear()


if __name__ == "__main__":
    image = _sheet(NativeRenderer(scenes.tables(9), 40, n_threads=1)).astype(np.uint8)
    Image.fromarray(image).save(GOLDEN)
