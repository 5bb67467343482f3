"""Whole images of many worlds: the entry point of the kernels."""

from __future__ import annotations

import numpy as np
from numba import float32, int8, int64, uint8, void

from vla_gym.rendering.native.algebra import plus, product, rotated, to_matrix
from vla_gym.rendering.native.body_poses import orientation, place_bodies, position
from vla_gym.rendering.native.compiling import entry, kernel, setup
from vla_gym.rendering.native.geom_setup import draw_geom, lay_texture
from vla_gym.rendering.native.layouts import (
    BLOCK,
    BUFFERS,
    DEPTHS,
    F32,
    I32,
    LIVE,
    LIVE_TYPES,
    PIXELS,
    RASTER,
    SCENE,
    SCREEN,
    U64,
    Buffers,
    Live,
    Raster,
    Screen,
)
from vla_gym.rendering.native.lighting import place_lights

_NOTHING = -(1 << 24)  # colour 0, geom 255


@kernel(void(DEPTHS, PIXELS, float32))
def _clear(depths, pixels, farthest):
    """Fill the buffers with nothing, at the far plane."""
    for i in range(depths.size):
        depths[U64(i)] = farthest
    for i in range(pixels.size):
        pixels[U64(i)] = I32(_NOTHING)


@kernel(void(uint8[:, :, ::1], PIXELS, int64))
def _write_colours(out, pixels, stride):
    """Take the colours out of the buffer. Shape of the output (height, width, 3)."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            pixel = pixels[U64(y * stride + x)]
            out[U64(y), U64(x), U64(0)] = pixel & I32(255)
            out[U64(y), U64(x), U64(1)] = (pixel >> I32(8)) & I32(255)
            out[U64(y), U64(x), U64(2)] = (pixel >> I32(16)) & I32(255)


@kernel(void(int8[:, ::1], PIXELS, int64, int8[::1]))
def _write_labels(out, pixels, stride, labels):
    """Look up what the geoms in the buffer are. Shape of the output (height, width)."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[U64(y), U64(x)] = labels[U64((pixels[U64(y * stride + x)] >> I32(24)) & I32(255))]


@kernel(void(float32[:, ::1], DEPTHS, int64))
def _write_depths(out, depths, stride):
    """Turn inverse depths into depths. Shape of the output (height, width)."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[U64(y), U64(x)] = F32(1) / depths[U64(y * stride + x)]


@setup(void(SCENE, LIVE, int64, int64, BUFFERS))
def _place_camera(scene, live, world, camera, buffers):
    """Write the camera's axes to the right, up and forwards into rows, and its place into the last.

    MuJoCo's cameras look against their third axis.
    """
    pos, quat, eye = live.cam_pos, live.cam_quat, buffers.eye
    body = scene.cameras[camera].body
    local = pos[world, camera, 0], pos[world, camera, 1], pos[world, camera, 2]
    turn = (
        quat[world, camera, 0], quat[world, camera, 1], quat[world, camera, 2],
        quat[world, camera, 3],
    )  # fmt: skip
    turn, frame = product(orientation(buffers, body), turn), buffers.frame
    to_matrix(turn, frame)
    at = plus(position(buffers, body), rotated(orientation(buffers, body), local))
    for c in range(3):
        eye[0, c], eye[1, c], eye[2, c] = frame[c, 0], frame[c, 1], -frame[c, 2]
        eye[3, c] = at[c]


@setup(void(SCENE, LIVE, int64, int64, BUFFERS, SCREEN, RASTER))
def _draw_world(scene, live, world, camera, buffers, screen, raster):
    """Fill the buffers with the image of one world."""
    place_bodies(scene, live, world, buffers)
    _place_camera(scene, live, world, camera, buffers)
    place_lights(scene, live, world, buffers)
    _clear(buffers.depths, buffers.pixels, F32(1.0 / scene.far))
    textured = 0
    for g in range(scene.geoms.size):
        textured = draw_geom(scene, live, world, g, buffers, screen, raster, textured)
    for slot in range(textured):
        lay_texture(scene, live, world, buffers, raster, slot)


@entry(BUFFERS(SCENE, SCREEN))
def _new_buffers(scene, screen):
    """Working memory for images of one size.

    `eye` has the camera's axes in rows 0 to 2 and its place in row 3; `frame`, `corners`, `edges`
    and `shares` belong to the geom or triangle that is being drawn; `faces` and `textured` list
    the geoms with textures, with one place more than there can be.
    """
    n, bodies, geoms = screen.stride * screen.height, scene.bodies.size, scene.geoms.size
    return Buffers(
        np.empty(n, np.float32), np.empty(n, np.int32),
        np.empty((bodies, 3)), np.empty((bodies, 4)),
        np.empty((3, 3)), np.empty((4, 3)), np.empty((2, 12)),
        np.empty((3, 3)), np.empty((3, 3), np.float32), np.empty((4, 3), np.float32),
        np.empty((geoms + 1, 3, 9), np.float32), np.empty((geoms + 1, 5), np.int64),
        np.empty(5 * BLOCK, np.float32), np.empty(2 * BLOCK, np.int32),
    )  # fmt: skip


@entry(
    void(
        SCENE, *LIVE_TYPES, int64[::1], int64, int64, int64,
        uint8[:, :, :, ::1], int8[:, :, ::1], float32[:, :, ::1],
    )
)  # fmt: skip
def draw_worlds(
    scene, qpos, geom_type, geom_size, geom_pos, geom_quat, geom_rgba, geom_group, geom_matid,
    light_dir, light_diffuse, cam_pos, cam_quat, worlds, camera, width, height,
    colours, labels, depths,
):  # fmt: skip
    """Draw some worlds, without holding Python's lock.

    Args:
        scene: What all worlds share.
        qpos: Joint positions. Shape (n, nq).
        geom_type: As in MuJoCo's model, with a leading (n,) axis; the following ones too.
        geom_size: [m].
        geom_pos: [m].
        geom_quat: wxyz.
        geom_rgba: 0 to 1.
        geom_group: Groups from 3 on are not drawn.
        geom_matid: -1 for none.
        light_dir: Directions of the lights' rays.
        light_diffuse: 0 to 1.
        cam_pos: [m].
        cam_quat: wxyz.
        worlds: Which worlds to draw. Shape (m,).
        camera: Number of the camera.
        width: Of the images [px].
        height: Of the images [px].
        colours: Output, (m, height, width, 3), or (0, ...) if not wanted.
        labels: Output, (m, height, width), or (0, ...) if not wanted.
        depths: Output, (m, height, width), or (0, ...) if not wanted [m].
    """
    live = Live(
        qpos, geom_type, geom_size, geom_pos, geom_quat, geom_rgba, geom_group, geom_matid,
        light_dir, light_diffuse, cam_pos, cam_quat,
    )  # fmt: skip
    stride = (width + BLOCK - 1) // BLOCK * BLOCK
    tan_y = scene.cameras[camera].tan
    tan_x = tan_y * width / height
    screen = Screen(width, height, stride, tan_x, tan_y)
    raster = Raster(
        stride, F32((1.0 / width - 1.0) * tan_x), F32(2.0 / width * tan_x),
        F32((1.0 - 1.0 / height) * tan_y), F32(-2.0 / height * tan_y),
    )  # fmt: skip
    buffers = _new_buffers(scene, screen)
    for k in range(worlds.size):
        _draw_world(scene, live, worlds[k], camera, buffers, screen, raster)
        if colours.shape[0] > 0:
            _write_colours(colours[k], buffers.pixels, stride)
        if labels.shape[0] > 0:
            _write_labels(labels[k], buffers.pixels, stride, scene.labels)
        if depths.shape[0] > 0:
            _write_depths(depths[k], buffers.depths, stride)
