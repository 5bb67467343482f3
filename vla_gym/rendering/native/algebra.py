"""Quaternions and vectors of plain numbers."""

from __future__ import annotations

from numba import float64, void

from vla_gym.rendering.native.compiling import setup
from vla_gym.rendering.native.layouts import MATRIX, QUATERNION, VECTOR


@setup(QUATERNION(QUATERNION, QUATERNION))
def product(a, b):
    """The rotation b followed by a."""
    return (
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )


@setup(VECTOR(QUATERNION, VECTOR))
def rotated(q, v):
    """A vector turned by a unit quaternion: v + 2 w (r x v) + 2 r x (r x v), q = (w, r)."""
    w, x, y, z = q
    a, b, c = 2 * (y * v[2] - z * v[1]), 2 * (z * v[0] - x * v[2]), 2 * (x * v[1] - y * v[0])
    return (
        v[0] + w * a + y * c - z * b,
        v[1] + w * b + z * a - x * c,
        v[2] + w * c + x * b - y * a,
    )


@setup(void(QUATERNION, MATRIX))
def to_matrix(q, out):
    """The rotation matrix of a unit quaternion, its columns the turned axes. Shape (3, 3)."""
    w, x, y, z = q
    out[0, 0] = w * w + x * x - y * y - z * z
    out[1, 1] = w * w - x * x + y * y - z * z
    out[2, 2] = w * w - x * x - y * y + z * z
    out[0, 1], out[0, 2] = 2 * (x * y - w * z), 2 * (x * z + w * y)
    out[1, 0], out[1, 2] = 2 * (x * y + w * z), 2 * (y * z - w * x)
    out[2, 0], out[2, 1] = 2 * (x * z - w * y), 2 * (y * z + w * x)


@setup(VECTOR(MATRIX, VECTOR))
def times(m, v):
    """The product m v."""
    return (
        m[0, 0] * v[0] + m[0, 1] * v[1] + m[0, 2] * v[2],
        m[1, 0] * v[0] + m[1, 1] * v[1] + m[1, 2] * v[2],
        m[2, 0] * v[0] + m[2, 1] * v[1] + m[2, 2] * v[2],
    )


@setup(VECTOR(MATRIX, VECTOR))
def transposed_times(m, v):
    """m^T v: with m a frame, the coordinates of v along its axes."""
    return (
        m[0, 0] * v[0] + m[1, 0] * v[1] + m[2, 0] * v[2],
        m[0, 1] * v[0] + m[1, 1] * v[1] + m[2, 1] * v[2],
        m[0, 2] * v[0] + m[1, 2] * v[1] + m[2, 2] * v[2],
    )


@setup(VECTOR(VECTOR, VECTOR))
def plus(a, b):
    """The sum a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@setup(VECTOR(VECTOR, float64, VECTOR))
def along(a, t, b):
    """The point a + t b."""
    return a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]


@setup(float64(VECTOR, VECTOR))
def dot(a, b):
    """The product a . b."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@setup(VECTOR(VECTOR, VECTOR))
def crossed(a, b):
    """The product a x b."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
