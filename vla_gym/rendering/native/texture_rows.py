"""Multiplies what shows of a flat face by its texture, after everything has been drawn.

Only what is still to be seen is worth the effort: textures cost more than all else. The work on a
block is cut into loops of one job each, because reading from scattered places cannot be done by
vector instructions, and would keep the arithmetic around it from using them.
"""

from __future__ import annotations

import math

from numba import float32, from_dtype, int32, int64, types, void

from vla_gym.rendering.native.box_rows import EYE, FACES, M0, MU, MV, W0, WU, WV
from vla_gym.rendering.native.compiling import kernel
from vla_gym.rendering.native.layouts import (
    BLOCK,
    DEPTHS,
    F32,
    I32,
    PIXELS,
    RASTER,
    RECTANGLE,
    U64,
)
from vla_gym.rendering.native.scene_tables import TEXTURE_ROW

LAYING = types.UniTuple(float32, 4)
"""Texture coordinates s = a x + b and t = c y + d at a point (x, y) of a face [m]: a, b, c, d."""
_LINE = types.UniTuple(float32, 6)
"""On one row of a face: w = 0 + 1 u, s = (2 + 3 u) / w + b and t = (4 + 5 u) / w + d."""
_RIGHT, _DOWN, _SUM = 0, BLOCK, 2 * BLOCK  # parts of `block`
_PLACE, _FETCHED = 0, BLOCK  # parts of `texel`
_TINY = 1e-6
_NEGLIGIBLE = 0.004
"""Share of a level of detail that changes no colour by a whole step."""
_SAME_DEPTH = 4e-6
"""Relative difference of inverse depths that are the same but for rounding."""


@kernel(float32(FACES, int64, int64, int64, LAYING, _LINE, float32, float32, float32, int64))
def _level_of_detail(faces, axis, x_axis, y_axis, laying, line, u, du, dv, size):
    """How often the texture is halved where a ray hits: log2 of the texels that a pixel spans."""
    t = F32(1) / max(line[0] + line[1] * u, F32(_TINY))
    s_at, t_at = (line[2] + line[3] * u) * t, (line[4] + line[5] * u) * t
    # derivatives of s and t to the right and upwards, by the rule for quotients
    s_right, t_right = (line[3] - s_at * line[1]) * t * du, (line[5] - t_at * line[1]) * t * du
    s_up = (laying[0] * faces[x_axis, MV] - s_at * faces[axis, WV]) * t * dv
    t_up = (laying[2] * faces[y_axis, MV] - t_at * faces[axis, WV]) * t * dv
    texels = max(s_right * s_right + t_right * t_right, s_up * s_up + t_up * t_up)
    texels *= F32(size) * F32(size)
    return F32(0.5) * F32(math.log2(max(texels, F32(1))))


@kernel(void(float32[::1], int32[::1], LAYING, _LINE, float32, float32, int64))
def _find_texels(block, texel, laying, line, left, du, width):
    """Write which texel each pixel of a block shows, and how far it is to the next ones."""
    last, n, zero, most = I32(width - 1), F32(width), F32(0), F32(1e6)
    shift = n - F32(0.5)  # to a texel's centre, and by one repetition, so that nothing is negative
    for i in range(BLOCK):
        u = left + du * F32(I32(i))
        t = F32(1) / max(line[0] + line[1] * u, F32(_TINY))
        x = min(max(((line[2] + line[3] * u) * t + laying[1]) * n + shift, zero), most)
        y = min(max(((line[4] + line[5] * u) * t + laying[3]) * n + shift, zero), most)
        column, row = I32(x), I32(y)
        block[U64(_RIGHT + i)] = x - F32(column)
        block[U64(_DOWN + i)] = y - F32(row)
        texel[U64(_PLACE + i)] = (row & last) * I32(width) + (column & last)


@kernel(void(int32[::1], int32[::1], int64))
def _fetch(texel, texels, first):
    """Read texels, each with its neighbours."""
    for i in range(BLOCK):
        texel[U64(_FETCHED + i)] = texels[U64(first) + U64(texel[U64(_PLACE + i)])]


@kernel(void(float32[::1], int32[::1], int64, float32))
def _blend(block, texel, channel, share):
    """Add a share of the mean of four texels, each weighted by how near it is."""
    at, low = U64(_SUM + channel * BLOCK), I32(255)
    for i in range(BLOCK):
        four, right, down = texel[U64(_FETCHED + i)], block[U64(_RIGHT + i)], block[U64(_DOWN + i)]
        a, b = F32(four & low), F32((four >> I32(8)) & low)
        c, d = F32((four >> I32(16)) & low), F32((four >> I32(24)) & low)
        upper, lower = a + right * (b - a), c + right * (d - c)
        block[at + U64(i)] += share * (upper + down * (lower - upper))


@kernel(void(DEPTHS, PIXELS, float32[::1], int64, int64, _LINE, float32, float32, int32))
def _multiply(depths, pixels, block, start, channels, line, left, du, geom):
    """Multiply the colours of the pixels that show the face."""
    half, one, scale, low = F32(0.5), F32(1), F32(1.0 / 255.0), I32(255)
    second = U64(_SUM + (BLOCK if channels > 1 else 0))
    third = U64(_SUM + (2 * BLOCK if channels > 1 else 0))
    for i in range(BLOCK):
        k = U64(start) + U64(i)
        w = line[0] + line[1] * (left + du * F32(I32(i)))
        old = pixels[k]
        same = abs(w - depths[k]) <= F32(_SAME_DEPTH) * w
        mine = (((old >> I32(24)) & low) == geom) & same
        # others are multiplied by 1: leaving them out would be a masked write, see `show`
        red = block[U64(_SUM + i)] * scale if mine else one
        green = block[second + U64(i)] * scale if mine else one
        blue = block[third + U64(i)] * scale if mine else one
        r = I32(red * F32(old & low) + half)
        g = I32(green * F32((old >> I32(8)) & low) + half)
        b = I32(blue * F32((old >> I32(16)) & low) + half)
        pixels[k] = r | (g << I32(8)) | (b << I32(16)) | (old & I32(-(1 << 24)))


@kernel(
    void(
        DEPTHS, PIXELS, RASTER, RECTANGLE, FACES, int64, int64, int64, LAYING,
        from_dtype(TEXTURE_ROW), int32[::1], int32, float32[::1], int32[::1],
    )
)  # fmt: skip
def texture_rows(
    depths, pixels, raster, box, faces, axis, x_axis, y_axis, laying, texture, texels, geom,
    block, texel,
):  # fmt: skip
    """Lay a texture on one face, interpolated between texels and between levels of detail.

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        raster: Rays of the pixels.
        box: Pixels that the geom may touch.
        faces: From `vla_gym.rendering.native.box_rows.place_faces`.
        axis: Axis of the face.
        x_axis: Axis along which s runs.
        y_axis: Axis along which t runs.
        laying: Texture coordinates on the face.
        texture: A row of the scene's textures.
        texels: Of all textures, each with its neighbours.
        geom: Number of the geom.
        block: Working memory. Shape (5 BLOCK,).
        texel: Working memory. Shape (2 BLOCK,).
    """
    stride, u0, du, v0, dv = raster
    xa, xb, ya, yb = box
    a, b, c, d = laying
    offsets = (a, b + a * faces[x_axis, EYE], c, d + c * faces[y_axis, EYE])
    for y in range(ya, yb):
        v = v0 + dv * F32(y)
        line = (
            faces[axis, W0] + faces[axis, WV] * v, faces[axis, WU],
            a * (faces[x_axis, M0] + faces[x_axis, MV] * v), a * faces[x_axis, MU],
            c * (faces[y_axis, M0] + faces[y_axis, MV] * v), c * faces[y_axis, MU],
        )  # fmt: skip
        for x in range(xa, xb, BLOCK):
            left = u0 + du * F32(x)
            middle = left + du * F32(BLOCK / 2)
            detail = _level_of_detail(
                faces, axis, x_axis, y_axis, laying, line, middle, du, dv, texture.size
            )
            detail = min(detail, F32(texture.levels - 1))
            coarse = int(detail)
            part = detail - F32(coarse)
            for i in range(3 * BLOCK):
                block[U64(_SUM + i)] = F32(0)
            for step in range(2):
                share = part if step else F32(1) - part
                if share <= F32(_NEGLIGIBLE):
                    continue
                level = min(coarse + step, texture.levels - 1)
                _find_texels(block, texel, offsets, line, left, du, texture.size >> level)
                for channel in range(texture.channels):
                    _fetch(texel, texels, texture.start[level] + channel * texture.plane)
                    _blend(block, texel, channel, share)
            start = y * stride + x
            _multiply(depths, pixels, block, start, texture.channels, line, left, du, geom)
