"""Rows of pixels of a triangle."""

from __future__ import annotations

from numba import float32, int32, void

from vla_gym.rendering.native.algebra import crossed, dot
from vla_gym.rendering.native.compiling import kernel, setup
from vla_gym.rendering.native.depth_order import show
from vla_gym.rendering.native.layouts import (
    BLOCK,
    DEPTHS,
    F32,
    I32,
    MATRIX,
    PIXELS,
    RASTER,
    RECTANGLE,
    U64,
    VECTOR,
)

_ROWS = float32[:, ::1]


@setup(void(MATRIX, _ROWS))
def place_edges(corners, edges):
    """Write the planes through the camera and the edges of a triangle.

    The plane opposite corner i has the normal e = P_j x P_k, turned so that e . P_i > 0. A ray d is
    inside the triangle where e . d >= 0 for all three, and these numbers are in the proportion of
    the corners' shares of the point that the ray hits.

    Args:
        corners: Of the triangle, in rows [m]. Shape (3, 3).
        edges: Output, e of each corner in rows. Shape (3, 3).
    """
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        a = corners[j, 0], corners[j, 1], corners[j, 2]
        b = corners[k, 0], corners[k, 1], corners[k, 2]
        e = crossed(a, b)
        sign = 1.0 if dot(e, (corners[i, 0], corners[i, 1], corners[i, 2])) > 0.0 else -1.0
        for c in range(3):
            edges[i, c] = sign * e[c]


@kernel(void(DEPTHS, PIXELS, RASTER, RECTANGLE, float32, VECTOR, _ROWS, _ROWS, int32))
def triangle_rows(depths, pixels, raster, box, nearest, plane, edges, shares, mark):
    """A triangle whose colour changes evenly between its corners.

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        raster: Rays of the pixels.
        box: Pixels to draw.
        nearest: Inverse distance of the near plane.
        plane: w = plane . (u, v, 1) on the triangle.
        edges: From `place_edges`.
        shares: Sums over the corners of their edges, times red, green, blue and 1. Shape (4, 3).
        mark: The geom's byte in place.
    """
    stride, u0, du, v0, dv = raster
    xa, xb, ya, yb = box
    zero, top, half = F32(0), F32(255), F32(0.5)
    wu, wv, wc = F32(plane[0]), F32(plane[1]), F32(plane[2])
    a1, b1, c1 = edges[0, 0], edges[1, 0], edges[2, 0]
    r1, g1, q1, s1 = shares[0, 0], shares[1, 0], shares[2, 0], shares[3, 0]
    for y in range(ya, yb):
        v = v0 + dv * F32(y)
        a0, b0 = edges[0, 1] * v + edges[0, 2], edges[1, 1] * v + edges[1, 2]
        c0, w0 = edges[2, 1] * v + edges[2, 2], wc + wv * v
        r0, g0 = shares[0, 1] * v + shares[0, 2], shares[1, 1] * v + shares[1, 2]
        q0, s0 = shares[2, 1] * v + shares[2, 2], shares[3, 1] * v + shares[3, 2]
        for x in range(xa, xb, BLOCK):
            start = U64(y * stride + x)
            left = u0 + du * F32(x)
            for i in range(BLOCK):
                k = start + U64(i)
                u = left + du * F32(I32(i))
                w = w0 + wu * u
                inside = (
                    (a0 + a1 * u >= zero)
                    & (b0 + b1 * u >= zero)
                    & (c0 + c1 * u >= zero)
                    & (w <= nearest)
                )
                f = top / (s0 + s1 * u)
                red, green = I32((r0 + r1 * u) * f + half), I32((g0 + g1 * u) * f + half)
                blue = I32((q0 + q1 * u) * f + half)
                colour = red | (green << I32(8)) | (blue << I32(16)) | mark
                show(depths, pixels, k, w if inside else zero, colour)
