"""Light of the headlight and one lamp, as OpenGL's fixed pipeline computes it.

Both are directional. At a point with normal n, seen along -e (unit vectors in the camera frame), a
light from direction l adds

    rgba * ambient + rgba * diffuse * max(n . l, 0) + material * specular * max(n . h, 0)^exponent

with h halfway between l and e, the last only where n . l > 0; the material adds rgba * emission.
A row of the table of lights is l, ambient, diffuse, specular (12 numbers).
"""

from __future__ import annotations

import math

from numba import float32, float64, int32, int64, void

from vla_gym.rendering.native.algebra import dot, rotated, times
from vla_gym.rendering.native.body_poses import orientation
from vla_gym.rendering.native.compiling import part, setup
from vla_gym.rendering.native.layouts import (
    BUFFERS,
    F32,
    I32,
    LIVE,
    MATRIX,
    PAINT,
    QUATERNION,
    SCENE,
    VECTOR,
)

_INVISIBLE = 12.0
"""Where exponent * (1 - n . h) is more, a highlight is less than e^-12 of its peak: left out."""


@setup(void(SCENE, LIVE, int64, BUFFERS))
def place_lights(scene, live, world, buffers):
    """Write the table of both lights, in the camera frame. Needs the camera's `eye` frame."""
    for k in range(2):
        light, row = scene.lights[k], buffers.lights[k]
        for c in range(3):
            row[3 + c], row[6 + c] = light.ambient[c], light.diffuse[c]
            row[9 + c] = light.specular[c]
        row[0], row[1], row[2] = 0.0, 0.0, -1.0  # from the camera
        j = light.index
        if j >= 0:
            beams = live.light_dir
            beam = beams[world, j, 0], beams[world, j, 1], beams[world, j, 2]
            beam = times(buffers.eye, rotated(orientation(buffers, light.body), beam))
            for c in range(3):
                row[c], row[6 + c] = -beam[c], live.light_diffuse[world, j, c]


@setup(VECTOR(VECTOR, VECTOR, QUATERNION, float64, float64, float64, MATRIX))
def lit(normal, point, rgba, specular, exponent, emission, lights):
    """Colour of a surface at one point, not limited to 1.

    Args:
        normal: Unit vector.
        point: Where it is, in the camera frame [m].
        rgba: Colour; the fourth number is not used.
        specular: Of the material.
        exponent: Of the highlight.
        emission: Of the material.
        lights: The table of both lights.
    """
    r, g, b = emission * rgba[0], emission * rgba[1], emission * rgba[2]
    distance = math.sqrt(dot(point, point))
    for k in range(2):
        light = lights[k]
        l = light[0], light[1], light[2]  # noqa: E741
        towards = dot(normal, l)
        diffuse, shine = max(towards, 0.0), 0.0
        if towards > 0.0:
            h = l[0] - point[0] / distance, l[1] - point[1] / distance, l[2] - point[2] / distance
            cosine = dot(normal, h) / math.sqrt(dot(h, h) + 1e-20)
            if cosine > 0.0 and exponent * (1.0 - cosine) < _INVISIBLE:
                shine = specular * cosine**exponent
        r += rgba[0] * (light[3] + light[6] * diffuse) + light[9] * shine
        g += rgba[1] * (light[4] + light[7] * diffuse) + light[10] * shine
        b += rgba[2] * (light[5] + light[8] * diffuse) + light[11] * shine
    return r, g, b


@setup(int32(VECTOR, int32))
def packed(colour, mark):
    """A pixel of the buffers: a colour from 0 to 1, limited to that, and the geom's byte."""
    r = I32(min(max(colour[0], 0.0), 1.0) * 255.0 + 0.5)
    g = I32(min(max(colour[1], 0.0), 1.0) * 255.0 + 0.5)
    b = I32(min(max(colour[2], 0.0), 1.0) * 255.0 + 0.5)
    return r | (g << I32(8)) | (b << I32(16)) | mark


@setup(PAINT(QUATERNION, float64, float64, MATRIX))
def paint_of(rgba, specular, emission, lights):
    """What `shade` needs of a geom, times the material's numbers.

    These are the colour that no light's direction changes, then of each light its direction, its
    diffuse colour and its specular colour.
    """
    a, b = lights[0], lights[1]
    red, green, blue, s = rgba[0], rgba[1], rgba[2], specular
    return (
        F32(red * (emission + a[3] + b[3])),
        F32(green * (emission + a[4] + b[4])),
        F32(blue * (emission + a[5] + b[5])),
        F32(a[0]), F32(a[1]), F32(a[2]), F32(red * a[6]), F32(green * a[7]), F32(blue * a[8]),
        F32(s * a[9]), F32(s * a[10]), F32(s * a[11]),
        F32(b[0]), F32(b[1]), F32(b[2]), F32(red * b[6]), F32(green * b[7]), F32(blue * b[8]),
        F32(s * b[9]), F32(s * b[10]), F32(s * b[11]),
    )  # fmt: skip


@part(float32(float32, float32, float32, float32, float32, float32))
def _highlight(nx, ny, nz, hx, hy, hz):
    """The cosine between a unit vector n and a vector h, to the power of 64."""
    h = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz + F32(1e-20))
    h = max(h, F32(0))
    h = h * h
    h = h * h
    h = h * h
    h = h * h
    h = h * h
    return h * h


@part(int32(float32, float32, float32, float32, float32, PAINT))
def shade(nx, ny, nz, u, v, p):
    """A pixel of a curved geom, without the geom's byte; highlights have the exponent 64.

    Args:
        nx: Normal to the right, of any length.
        ny: Normal upwards.
        nz: Normal forwards.
        u: Ray of the pixel to the right.
        v: Ray of the pixel upwards.
        p: From `paint_of`.
    """
    zero, one, top, half = F32(0), F32(1), F32(255), F32(0.5)
    s = one / math.sqrt(nx * nx + ny * ny + nz * nz + F32(1e-20))
    nx, ny, nz = nx * s, ny * s, nz * s
    s = one / math.sqrt(u * u + v * v + one)
    ex, ey, ez = u * s, v * s, s  # away from the camera
    a = max(nx * p[3] + ny * p[4] + nz * p[5], zero)
    b = max(nx * p[12] + ny * p[13] + nz * p[14], zero)
    shine_a = _highlight(nx, ny, nz, p[3] - ex, p[4] - ey, p[5] - ez)
    shine_b = _highlight(nx, ny, nz, p[12] - ex, p[13] - ey, p[14] - ez)
    shine_a = shine_a if a > zero else zero
    shine_b = shine_b if b > zero else zero
    red = p[0] + a * p[6] + shine_a * p[9] + b * p[15] + shine_b * p[18]
    green = p[1] + a * p[7] + shine_a * p[10] + b * p[16] + shine_b * p[19]
    blue = p[2] + a * p[8] + shine_a * p[11] + b * p[17] + shine_b * p[20]
    red, green, blue = min(red, one) * top, min(green, one) * top, min(blue, one) * top
    return I32(red + half) | (I32(green + half) << I32(8)) | (I32(blue + half) << I32(16))
