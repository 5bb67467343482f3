"""Rows of pixels of boxes and planes."""

from __future__ import annotations

from numba import boolean, float32, int32, int64, void

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

W0, WU, WV, EYE, M0, MU, MV, HALF_LENGTH, SIDE = range(9)
"""Columns of a table of faces, an axis of the box in each row: w = W0 + WU u + WV v on the face of
that axis which shows; EYE, where the camera is on the axis; M0 + MU u + MV v, how far the ray goes
along it; HALF_LENGTH of the box [m]; SIDE, 1 or -1 for the face that shows, 0 for none."""
FACES = float32[:, ::1]
"""Type of such a table."""
_HIDDEN = 1e30
_ROUNDING = 1e-6
"""Share of the lengths by which a face is widened: its edge lies on it."""


@setup(int64(FACES, MATRIX, VECTOR, VECTOR, boolean))
def place_faces(faces, frame, half, eye, is_plane):
    """Write the table of the faces that show; a plane is a box without height and underside.

    On the face at s of an axis, s = +-half, the ray from `eye` o along m meets o + m t = s, so
    w = 1 / t = m / (s - o), and m is linear in u and v.

    Args:
        faces: Output. Shape (3, 9).
        frame: The geom's axes as columns.
        half: Half the box's lengths [m].
        eye: The camera in the geom's frame [m].
        is_plane: Whether only the upper face of the third axis exists.

    Returns:
        How many faces show; with none, the camera is inside or below.
    """
    shown = 0
    for axis in range(3):
        o, h = eye[axis], half[axis]
        row = faces[axis]
        row[EYE], row[M0], row[MU], row[MV] = o, frame[2, axis], frame[0, axis], frame[1, axis]
        row[HALF_LENGTH] = h + _ROUNDING * (abs(o) + h)
        side = 1.0 if o > h else (-1.0 if o < -h else 0.0)
        if is_plane and (axis < 2 or side < 0.0):
            side = 0.0
        row[SIDE], row[W0], row[WU], row[WV] = side, _HIDDEN, 0.0, 0.0
        if side != 0.0:
            shown += 1
            f = 1.0 / (side * h - o)
            row[W0], row[WU], row[WV] = frame[2, axis] * f, frame[0, axis] * f, frame[1, axis] * f
    return shown


@kernel(void(DEPTHS, PIXELS, RASTER, RECTANGLE, float32, FACES, int32, int32, int32))
def box_rows(depths, pixels, raster, box, nearest, faces, colour0, colour1, colour2):
    """A box of which each face has one colour.

    The ray enters the box where it has met all faces that show, the last of them at the smallest w;
    it is a hit if that point is within the box: |o + m t| <= half, which is |o w + m| <= half w.

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        raster: Rays of the pixels.
        box: Pixels to draw.
        nearest: Inverse distance of the near plane.
        faces: From `place_faces`.
        colour0: Pixel of the face of the first axis.
        colour1: Of the second.
        colour2: Of the third.
    """
    stride, u0, du, v0, dv = raster
    xa, xb, ya, yb = box
    zero = F32(0)
    p0, p1, p2 = faces[0, WU], faces[1, WU], faces[2, WU]
    m0, m1, m2 = faces[0, MU], faces[1, MU], faces[2, MU]
    o0, o1, o2 = faces[0, EYE], faces[1, EYE], faces[2, EYE]
    h0, h1, h2 = faces[0, HALF_LENGTH], faces[1, HALF_LENGTH], faces[2, HALF_LENGTH]
    for y in range(ya, yb):
        v = v0 + dv * F32(y)
        w0, l0 = faces[0, W0] + faces[0, WV] * v, faces[0, M0] + faces[0, MV] * v
        w1, l1 = faces[1, W0] + faces[1, WV] * v, faces[1, M0] + faces[1, MV] * v
        w2, l2 = faces[2, W0] + faces[2, WV] * v, faces[2, M0] + faces[2, MV] * v
        for x in range(xa, xb, BLOCK):
            start = U64(y * stride + x)
            left = u0 + du * F32(x)
            for i in range(BLOCK):
                k = start + U64(i)
                u = left + du * F32(I32(i))
                wa, wb, wc = w0 + p0 * u, w1 + p1 * u, w2 + p2 * u
                w = min(wa, min(wb, wc))
                colour = colour0 if wa == w else (colour1 if wb == w else colour2)
                inside = (
                    (abs(o0 * w + l0 + m0 * u) <= h0 * w)
                    & (abs(o1 * w + l1 + m1 * u) <= h1 * w)
                    & (abs(o2 * w + l2 + m2 * u) <= h2 * w)
                    & (w <= nearest)
                )
                show(depths, pixels, k, w if inside else zero, colour)
