"""Which pixels a shape can touch: exact rectangles around its image.

Camera frame: x right, y up, z forward. A ray is (u, v, 1), so u and v are tangents of its angles to
the right and upwards, and a point at depth z is z times its ray.
"""

from __future__ import annotations

import math

from numba import boolean, float64

from vla_gym.rendering.native.algebra import plus, times
from vla_gym.rendering.native.compiling import setup
from vla_gym.rendering.native.layouts import (
    BLOCK,
    BOUNDS,
    MATRIX,
    RECTANGLE,
    SCREEN,
    VECTOR,
)

_FAR = 1e9
EVERYWHERE = (-_FAR, _FAR, -_FAR, _FAR)
"""Bounds of a shape that reaches behind the camera."""
_BEHIND = 1e-3
"""Corners nearer than this to the camera's plane have no usable image [m]."""


@setup(boolean(SCREEN, VECTOR, float64))
def may_show(screen, centre, radius):
    """Whether a ball around a point reaches into the pyramid of view."""
    x, y, z = centre
    # distances from the pyramid's sides, times the lengths of their normals (1, 0, -tan)
    side_x, side_y = abs(x) - screen.tan_x * z, abs(y) - screen.tan_y * z
    norm_x = math.sqrt(1.0 + screen.tan_x * screen.tan_x)
    norm_y = math.sqrt(1.0 + screen.tan_y * screen.tan_y)
    return z >= -radius and side_x <= radius * norm_x and side_y <= radius * norm_y


@setup(BOUNDS(MATRIX, VECTOR, VECTOR))
def ellipsoid_bounds(frame, half, centre):
    """Bounds of an ellipsoid; with a half axis of 0 of a flat disc.

    A plane l through the camera, l . p = 0, touches the ellipsoid p = c + R S n, |n| = 1, where
    (l . c)^2 = |S R^T l|^2, which is l^T M l = 0 with M = R S^2 R^T - c c^T. For the upright planes
    l = (1, 0, -k) that is M00 - 2 k M02 + k^2 M22 = 0, and its two roots are the tangents of the
    outermost rays. M22 >= 0 says that the camera's own plane (0, 0, 1) cuts the ellipsoid.

    Args:
        frame: R, its axes as columns.
        half: S, half the lengths of its axes [m].
        centre: c [m].
    """
    cx, cy, cz = centre
    a, b, c = half[0] * half[0], half[1] * half[1], half[2] * half[2]
    r = frame
    m22 = a * r[2, 0] * r[2, 0] + b * r[2, 1] * r[2, 1] + c * r[2, 2] * r[2, 2] - cz * cz
    if cz <= 0.0 or m22 >= 0.0:
        return EVERYWHERE
    m00 = a * r[0, 0] * r[0, 0] + b * r[0, 1] * r[0, 1] + c * r[0, 2] * r[0, 2] - cx * cx
    m11 = a * r[1, 0] * r[1, 0] + b * r[1, 1] * r[1, 1] + c * r[1, 2] * r[1, 2] - cy * cy
    m02 = a * r[0, 0] * r[2, 0] + b * r[0, 1] * r[2, 1] + c * r[0, 2] * r[2, 2] - cx * cz
    m12 = a * r[1, 0] * r[2, 0] + b * r[1, 1] * r[2, 1] + c * r[1, 2] * r[2, 2] - cy * cz
    x = math.sqrt(max(m02 * m02 - m00 * m22, 0.0))
    y = math.sqrt(max(m12 * m12 - m11 * m22, 0.0))
    # dividing by the negative m22 turns the larger numerator into the smaller root
    return (m02 + x) / m22, (m02 - x) / m22, (m12 + y) / m22, (m12 - y) / m22


@setup(BOUNDS(BOUNDS, BOUNDS))
def both(a, b):
    """Bounds of two shapes together."""
    return min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3])


@setup(BOUNDS(MATRIX, VECTOR, VECTOR))
def box_bounds(frame, half, centre):
    """Bounds of a box: those of its corners. Arguments as of `ellipsoid_bounds`."""
    left, right, lower, upper = _FAR, -_FAR, _FAR, -_FAR
    for j in range(8):
        a = half[0] if j & 1 else -half[0]
        b = half[1] if j & 2 else -half[1]
        c = half[2] if j & 4 else -half[2]
        x, y, z = plus(centre, times(frame, (a, b, c)))
        if z < _BEHIND:
            return EVERYWHERE
        u, v = x / z, y / z
        left, right, lower, upper = min(left, u), max(right, u), min(lower, v), max(upper, v)
    return left, right, lower, upper


@setup(BOUNDS(MATRIX))
def triangle_bounds(corners):
    """Bounds of a triangle, its corners in rows."""
    left, right, lower, upper = _FAR, -_FAR, _FAR, -_FAR
    for j in range(3):
        z = corners[j, 2]
        if z < _BEHIND:
            return EVERYWHERE
        u, v = corners[j, 0] / z, corners[j, 1] / z
        left, right, lower, upper = min(left, u), max(right, u), min(lower, v), max(upper, v)
    return left, right, lower, upper


@setup(RECTANGLE(SCREEN, BOUNDS))
def rectangle(screen, bounds):
    """Pixels whose centres are within bounds, widened to whole blocks; (0, 0, 0, 0) for none."""
    left, right, lower, upper = bounds
    w, h = float(screen.width), float(screen.height)
    # column x has its centre at u = (2 (x + 1/2) / w - 1) tan_x; rows count downwards
    first = max(0.0, math.ceil((left / screen.tan_x + 1.0) * 0.5 * w - 0.5))
    last = min(w, math.floor((right / screen.tan_x + 1.0) * 0.5 * w - 0.5) + 1.0)
    top = max(0.0, math.ceil((1.0 - upper / screen.tan_y) * 0.5 * h - 0.5))
    bottom = min(h, math.floor((1.0 - lower / screen.tan_y) * 0.5 * h - 0.5) + 1.0)
    if first >= last or top >= bottom:
        return 0, 0, 0, 0
    width = (int(last) - int(first) + BLOCK - 1) // BLOCK * BLOCK
    start = min(int(first), screen.stride - width)  # no block leaves its row
    return start, start + width, int(top), int(bottom)
