"""What the native renderer shows where: against MuJoCo's rays and against geometry. Needs no GL."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import scenes

from vla_gym.rendering.native.native_renderer import NativeRenderer

SIZE = 48


def test_every_kind_of_geom_is_where_rays_hit_it():
    """On joints of every type, from cameras that are fixed and that move."""
    backend, rasteriser = scenes.all_kinds(6)
    seen = set()
    for camera in range(backend.model.ncam):
        _, labels, depths = rasteriser.draw(
            camera, (SIZE, SIZE), colour=False, labels=True, depth=True
        )
        for i in range(backend.n):
            geom, depth = scenes.traced(backend, i, camera, SIZE)
            within = (depth > 0.02) & (depth < 20)
            # but for pixels whose centre is on an edge, to the last digit
            assert (geom == labels[i])[within].mean() > 0.999
            same = within & (geom == labels[i]) & (geom >= 0)
            np.testing.assert_allclose(depths[i][same], depth[same], rtol=2e-5)
            seen |= set(geom[same].tolist())
    assert seen == set(range(backend.model.ngeom))


@pytest.mark.parametrize("camera", ["fixed", "wrist"])
def test_tables_are_where_rays_hit_them(camera):
    world = scenes.tables(6)
    renderer = NativeRenderer(world, SIZE, n_threads=1)
    depths = renderer.depth(camera)
    near = world.model.vis.map.znear * world.model.stat.extent
    for i in range(world.n):
        geom, depth = scenes.traced(world.backend, i, world.model.camera(camera).id, SIZE)
        expected = np.minimum(depth, world.model.vis.map.zfar * world.model.stat.extent)
        error = np.abs(depths[i] - expected) / expected
        assert (error[depth > near] < 2e-5).mean() > 0.999
        assert (geom >= 0).any()


def at_middle(body, camera='<camera pos="0 0 1"/>'):
    """The geom in the middle of the image, and its depth."""
    rasteriser = scenes.rasteriser_of(scenes.model_of(body + camera))
    _, labels, depths = rasteriser.draw(0, (15, 15), labels=True, depth=True)
    return labels[0, 7, 7], depths[0, 7, 7]


WALL = '<geom type="box" size="1 1 .1" pos="0 0 -.1"/>'
"""Geom 0, its surface at a distance of 1 from the camera."""


@pytest.mark.parametrize("kind", ["sphere", "box", "cylinder", "capsule", "ellipsoid"])
def test_what_is_nearer_than_the_near_plane_is_cut_away(kind):
    """The near plane is at 2 cm; the back of a cut shape does not show, as in OpenGL."""
    for height, expected in ((0.95, 1), (0.985, 0), (0.993, 0)):
        body = f'{WALL}<geom type="{kind}" size=".005 .005 .005" pos="0 0 {height}"/>'
        shown, depth = at_middle(body)
        assert shown == expected, height
        assert depth == pytest.approx(1.0 if expected == 0 else 0.05, abs=0.011)


@pytest.mark.parametrize("kind", ["sphere", "box", "cylinder", "capsule", "ellipsoid"])
def test_a_camera_within_a_geom_sees_what_is_outside(kind):
    shown, depth = at_middle(f'{WALL}<geom type="{kind}" size=".3 .3 .3" pos="0 0 .9"/>')
    assert shown == 0 and depth == pytest.approx(1.0, abs=1e-5)


def test_a_plane_does_not_show_from_below():
    below = '<camera pos="0 0 -1" euler="180 0 0"/>'
    sphere = '<geom type="sphere" size=".1" pos="0 0 .5"/>'
    shown, _ = at_middle(f'<geom type="plane" size="1 1 .1"/>{sphere}', below)
    assert shown == 1


@pytest.mark.parametrize(
    "geom", ['type="box" size=".1 .1 .1"', 'type="cylinder" size=".1 .1"',
             'type="ellipsoid" size=".1 .2 .1"', 'type="capsule" size=".1 .1"'],
)  # fmt: skip
def test_of_two_surfaces_as_near_the_later_geom_shows(geom):
    shown, _ = at_middle(f"<geom {geom}/><geom {geom}/><geom {geom}/>")
    assert shown == 2
    # a flat face in a plane: the plane first, then the face, and the other way round
    flat = (
        '<geom type="plane" size="1 1 .1"/>',
        '<geom type="box" size=".1 .1 .1" pos="0 0 -.1"/>',
    )
    assert at_middle("".join(flat))[0] == 1 and at_middle("".join(flat[::-1]))[0] == 1


def test_circles_are_round_to_the_pixel():
    """A ball and the end of a cylinder, seen from the front: pixels within the exact circle."""
    size, tan = 256, np.tan(np.radians(45) / 2)
    axis = ((np.arange(size) + 0.5) / size * 2 - 1) * tan
    u, v = np.meshgrid(axis, -axis)
    camera = '<camera pos="0 0 1" fovy="45"/>'
    for geom, radius in (('type="sphere" size=".3"', 0.3 / np.sqrt(1 - 0.09)),
                         ('type="cylinder" size=".3 .1" pos="0 0 -.1"', 0.3)):  # fmt: skip
        model = scenes.model_of(f"<geom {geom}/>{camera}")
        labels = scenes.rasteriser_of(model).draw(0, (size, size), labels=True)[1][0]
        distance = np.hypot(u, v) / radius
        clear = np.abs(distance - 1) > 1e-5
        np.testing.assert_array_equal((labels == 0)[clear], (distance < 1)[clear])


def test_images_need_not_be_square_or_as_wide_as_a_block():
    model = scenes.model_of(f'{WALL}<geom size=".2"/><camera pos="0 0 2"/>')
    rasteriser = scenes.rasteriser_of(model)
    square = rasteriser.draw(0, (40, 40), labels=True)[1][0]
    for width in (8, 24, 40):
        cut = slice((40 - width) // 2, (40 + width) // 2)
        labels = rasteriser.draw(0, (width, 40), labels=True)[1][0]
        np.testing.assert_array_equal(labels, square[:, cut])


def test_an_endless_plane_reaches_to_the_far_plane():
    model = scenes.model_of('<geom type="plane" size="0 0 1"/><camera pos="0 0 1" euler="89 0 0"/>')
    labels, depths = scenes.rasteriser_of(model).draw(0, (33, 33), labels=True, depth=True)[1:]
    below = labels[0, :, 16] == 0
    assert below[-1] and not below[0] and 10 < depths[0, below, 16].max() <= 20
