"""Rows of pixels of spheres, ellipsoids, capsules and cylinders.

All kernels keep w, the inverse of the depth: it is what decides which of two surfaces is nearer
(the larger w), and needs no division. A ray d = (u, v, 1) from the camera meets a quadric where
A t^2 + 2 B t + C = 0, with A and B polynomials in u and v, and C > 0 a constant that says that the
camera is outside. Divided by t^2 that is C w^2 + 2 B w + A = 0, and the nearer point is

    w = (sqrt(B^2 - A C) - B) / C.

In one row v is constant, so B = b0 + b1 u and B^2 - A C = q0 + q1 u + q2 u^2 with numbers that are
computed once, in double precision. Pixels that miss have B^2 < A C.

What is nearer than the near plane, w > `nearest`, is cut away, and `show` decides about the rest.
"""

from __future__ import annotations

import math

from numba import float32, float64, int32, void

from vla_gym.rendering.native.compiling import kernel
from vla_gym.rendering.native.depth_order import show
from vla_gym.rendering.native.layouts import (
    BLOCK,
    DEPTHS,
    F32,
    I32,
    MATRIX,
    PAINT,
    PIXELS,
    RASTER,
    RECTANGLE,
    U64,
    VECTOR,
)
from vla_gym.rendering.native.lighting import shade


@kernel(void(DEPTHS, PIXELS, RASTER, RECTANGLE, float32, VECTOR, float64, PAINT, int32))
def sphere_rows(depths, pixels, raster, box, nearest, centre, c, paint, mark):
    """A sphere: A = d . d, B = -d . centre, C = |centre|^2 - radius^2; normal d - w centre.

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        raster: Rays of the pixels.
        box: Pixels to draw.
        nearest: Inverse distance of the near plane.
        centre: In the camera frame [m].
        c: C above.
        paint: From `vla_gym.rendering.native.lighting.paint_of`.
        mark: The geom's byte in place.
    """
    stride, u0, du, v0, dv = raster
    xa, xb, ya, yb = box
    cx, cy, cz = centre
    fx, fy, fz, inverse_c, zero = F32(cx), F32(cy), F32(cz), F32(1.0 / c), F32(0)
    for y in range(ya, yb):
        v = v0 + dv * F32(y)
        b0, b1 = -(float(v) * cy + cz), -cx
        q0 = F32(b0 * b0 - (float(v) * float(v) + 1.0) * c)
        q1, q2 = F32(2.0 * b0 * b1), F32(b1 * b1 - c)
        e0, e1 = F32(b0), F32(b1)
        for x in range(xa, xb, BLOCK):
            start = U64(y * stride + x)
            left = u0 + du * F32(x)
            for i in range(BLOCK):
                k = start + U64(i)
                u = left + du * F32(I32(i))
                square = (q2 * u + q1) * u + q0
                w = (math.sqrt(max(square, zero)) - (e0 + e1 * u)) * inverse_c
                w = w if (square >= zero) & (w <= nearest) else zero
                colour = shade(u - fx * w, v - fy * w, F32(1) - fz * w, u, v, paint)
                show(depths, pixels, k, w, colour | mark)


@kernel(
    void(
        DEPTHS, PIXELS, RASTER, RECTANGLE, float32, MATRIX, VECTOR, VECTOR, float64, PAINT, int32
    )
)  # fmt: skip
def ellipsoid_rows(depths, pixels, raster, box, nearest, frame, half, eye, c, paint, mark):
    """An ellipsoid: the unit sphere in coordinates in which it is one.

    With R its frame and S its half axes, a(d) = S^-1 R^T d and p = `eye` the camera's place in
    these coordinates: A = a . a, B = a . p, C = p . p - 1; normal R S^-1 (a + w p).

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        raster: Rays of the pixels.
        box: Pixels to draw.
        nearest: Inverse distance of the near plane.
        frame: R.
        half: S [m].
        eye: p.
        c: C above.
        paint: From `vla_gym.rendering.native.lighting.paint_of`.
        mark: The geom's byte in place.
    """
    stride, u0, du, v0, dv = raster
    xa, xb, ya, yb = box
    px, py, pz = eye
    inverse_c, zero = F32(1.0 / c), F32(0)
    # rows of R S^-1; a(d) = its transpose times d
    r00, r01, r02 = frame[0, 0] / half[0], frame[0, 1] / half[1], frame[0, 2] / half[2]
    r10, r11, r12 = frame[1, 0] / half[0], frame[1, 1] / half[1], frame[1, 2] / half[2]
    r20, r21, r22 = frame[2, 0] / half[0], frame[2, 1] / half[1], frame[2, 2] / half[2]
    # the normal's part with w, and its part with u
    wx, wy = F32(r00 * px + r01 * py + r02 * pz), F32(r10 * px + r11 * py + r12 * pz)
    wz = F32(r20 * px + r21 * py + r22 * pz)
    gx, gy = F32(r00 * r00 + r01 * r01 + r02 * r02), F32(r10 * r00 + r11 * r01 + r12 * r02)
    gz = F32(r20 * r00 + r21 * r01 + r22 * r02)
    for y in range(ya, yb):
        v = v0 + dv * F32(y)
        vv = float(v)
        ax, ay, az = r10 * vv + r20, r11 * vv + r21, r12 * vv + r22
        b0, b1 = ax * px + ay * py + az * pz, r00 * px + r01 * py + r02 * pz
        a0, a1 = ax * ax + ay * ay + az * az, 2.0 * (ax * r00 + ay * r01 + az * r02)
        a2 = r00 * r00 + r01 * r01 + r02 * r02
        q0, q1, q2 = F32(b0 * b0 - a0 * c), F32(2.0 * b0 * b1 - a1 * c), F32(b1 * b1 - a2 * c)
        e0, e1 = F32(b0), F32(b1)
        nx, ny = F32(r00 * ax + r01 * ay + r02 * az), F32(r10 * ax + r11 * ay + r12 * az)
        nz = F32(r20 * ax + r21 * ay + r22 * az)
        for x in range(xa, xb, BLOCK):
            start = U64(y * stride + x)
            left = u0 + du * F32(x)
            for i in range(BLOCK):
                k = start + U64(i)
                u = left + du * F32(I32(i))
                square = (q2 * u + q1) * u + q0
                w = (math.sqrt(max(square, zero)) - (e0 + e1 * u)) * inverse_c
                w = w if (square >= zero) & (w <= nearest) else zero
                colour = shade(
                    nx + gx * u + wx * w, ny + gy * u + wy * w, nz + gz * u + wz * w, u, v, paint
                )
                show(depths, pixels, k, w, colour | mark)


@kernel(
    void(
        DEPTHS, PIXELS, RASTER, RECTANGLE, float32, MATRIX, VECTOR, VECTOR, float64, float64,
        PAINT, int32,
    )
)  # fmt: skip
def capsule_rows(
    depths, pixels, raster, box, nearest, frame, centre, eye, radius, half, paint, mark
):
    """A capsule: the nearest of a tube and of a sphere at each end.

    With m = R^T d and o = `eye` in the geom's own frame, whose z is the axis: the tube has
    A = mx^2 + my^2, B = mx ox + my oy, C = ox^2 + oy^2 - radius^2, and is there where
    |oz + mz t| <= half, which is |oz w + mz| <= half w. The sphere at z = s has
    A + mz^2, B + mz (oz - s), C + (oz - s)^2. A shape with C <= 0 has the camera inside, and does
    not show. The normal points away from the nearest point of the axis.

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        raster: Rays of the pixels.
        box: Pixels to draw.
        nearest: Inverse distance of the near plane.
        frame: R.
        centre: In the camera frame [m].
        eye: o [m].
        radius: [m].
        half: Half the length of the axis [m].
        paint: From `vla_gym.rendering.native.lighting.paint_of`.
        mark: The geom's byte in place.
    """
    stride, u0, du, v0, dv = raster
    xa, xb, ya, yb = box
    ox, oy, oz = eye
    zero, one = F32(0), F32(1)
    c = ox * ox + oy * oy - radius * radius
    cp, cm = c + (oz - half) * (oz - half), c + (oz + half) * (oz + half)
    inverse_c = F32(1.0 / c) if c > 0.0 else zero
    inverse_p = F32(1.0 / cp) if cp > 0.0 else zero
    inverse_m = F32(1.0 / cm) if cm > 0.0 else zero
    fz, fh = F32(oz), F32(half)
    axis_x, axis_y, axis_z = F32(frame[0, 2]), F32(frame[1, 2]), F32(frame[2, 2])
    cx, cy, cz = F32(centre[0]), F32(centre[1]), F32(centre[2])
    mx, my, mz = frame[0, 0], frame[0, 1], frame[0, 2]  # parts of m with u
    b1, a2 = mx * ox + my * oy, mx * mx + my * my
    d1 = F32(mz)
    for y in range(ya, yb):
        v = v0 + dv * F32(y)
        vv = float(v)
        kx, ky = frame[1, 0] * vv + frame[2, 0], frame[1, 1] * vv + frame[2, 1]
        kz = frame[1, 2] * vv + frame[2, 2]
        a0, a1, b0 = kx * kx + ky * ky, 2.0 * (kx * mx + ky * my), kx * ox + ky * oy
        s0, s1, s2 = F32(b0 * b0 - a0 * c), F32(2.0 * b0 * b1 - a1 * c), F32(b1 * b1 - a2 * c)
        e0, e1, d0 = F32(b0), F32(b1), F32(kz)
        t0, t1, t2 = a0 + kz * kz, a1 + 2.0 * kz * mz, a2 + mz * mz
        pb0, pb1 = b0 + kz * (oz - half), b1 + mz * (oz - half)
        mb0, mb1 = b0 + kz * (oz + half), b1 + mz * (oz + half)
        p0, p1 = F32(pb0 * pb0 - t0 * cp), F32(2.0 * pb0 * pb1 - t1 * cp)
        m0, m1 = F32(mb0 * mb0 - t0 * cm), F32(2.0 * mb0 * mb1 - t1 * cm)
        p2, m2 = F32(pb1 * pb1 - t2 * cp), F32(mb1 * mb1 - t2 * cm)
        g0, g1, h0, h1 = F32(pb0), F32(pb1), F32(mb0), F32(mb1)
        for x in range(xa, xb, BLOCK):
            start = U64(y * stride + x)
            left = u0 + du * F32(x)
            for i in range(BLOCK):
                k = start + U64(i)
                u = left + du * F32(I32(i))
                dz = d0 + d1 * u
                square = (s2 * u + s1) * u + s0
                w = (math.sqrt(max(square, zero)) - (e0 + e1 * u)) * inverse_c
                w = w if (square >= zero) & (abs(fz * w + dz) <= fh * w) else zero
                square = (p2 * u + p1) * u + p0
                wp = (math.sqrt(max(square, zero)) - (g0 + g1 * u)) * inverse_p
                wp = wp if square >= zero else zero
                square = (m2 * u + m1) * u + m0
                wm = (math.sqrt(max(square, zero)) - (h0 + h1 * u)) * inverse_m
                wm = wm if square >= zero else zero
                w = max(w, max(wp, wm))
                w = w if w <= nearest else zero
                along = max(-fh * w, min(fh * w, fz * w + dz))
                colour = shade(
                    u - cx * w - axis_x * along, v - cy * w - axis_y * along,
                    one - cz * w - axis_z * along, u, v, paint,
                )  # fmt: skip
                show(depths, pixels, k, w, colour | mark)


@kernel(
    void(
        DEPTHS, PIXELS, RASTER, RECTANGLE, float32, MATRIX, VECTOR, VECTOR, float64, float64,
        PAINT, int32, int32,
    )
)  # fmt: skip
def cylinder_rows(
    depths, pixels, raster, box, nearest, frame, centre, eye, radius, half, paint, mark, end_colour
):
    """A cylinder: the tube of `capsule_rows` and the end that faces the camera.

    The end's plane z = s is met at w = mz / (s - oz), and hit within the radius, which is
    A + 2 B w + (ox^2 + oy^2) w^2 <= radius^2 w^2.

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        raster: Rays of the pixels.
        box: Pixels to draw.
        nearest: Inverse distance of the near plane.
        frame: R.
        centre: In the camera frame [m].
        eye: o [m].
        radius: [m].
        half: Half the length of the axis [m].
        paint: From `vla_gym.rendering.native.lighting.paint_of`.
        mark: The geom's byte in place.
        end_colour: The pixel of the end.
    """
    stride, u0, du, v0, dv = raster
    xa, xb, ya, yb = box
    ox, oy, oz = eye
    zero, one, two = F32(0), F32(1), F32(2)
    c = ox * ox + oy * oy - radius * radius
    inverse_c = F32(1.0 / c) if c > 0.0 else zero
    inverse_s = zero
    if oz > half:
        inverse_s = F32(1.0 / (half - oz))
    elif oz < -half:
        inverse_s = F32(1.0 / (-half - oz))
    rr, oo = F32(radius * radius), F32(ox * ox + oy * oy)
    fz, fh = F32(oz), F32(half)
    axis_x, axis_y, axis_z = F32(frame[0, 2]), F32(frame[1, 2]), F32(frame[2, 2])
    cx, cy, cz = F32(centre[0]), F32(centre[1]), F32(centre[2])
    mx, my = frame[0, 0], frame[0, 1]
    b1, a2 = mx * ox + my * oy, mx * mx + my * my
    d1 = F32(frame[0, 2])
    for y in range(ya, yb):
        v = v0 + dv * F32(y)
        vv = float(v)
        kx, ky = frame[1, 0] * vv + frame[2, 0], frame[1, 1] * vv + frame[2, 1]
        d0 = F32(frame[1, 2] * vv + frame[2, 2])
        a0, a1, b0 = kx * kx + ky * ky, 2.0 * (kx * mx + ky * my), kx * ox + ky * oy
        s0, s1, s2 = F32(b0 * b0 - a0 * c), F32(2.0 * b0 * b1 - a1 * c), F32(b1 * b1 - a2 * c)
        c0, c1, c2 = F32(a0), F32(a1), F32(a2)
        e0, e1 = F32(b0), F32(b1)
        for x in range(xa, xb, BLOCK):
            start = U64(y * stride + x)
            left = u0 + du * F32(x)
            for i in range(BLOCK):
                k = start + U64(i)
                u = left + du * F32(I32(i))
                dz, b = d0 + d1 * u, e0 + e1 * u
                square = (s2 * u + s1) * u + s0
                w = (math.sqrt(max(square, zero)) - b) * inverse_c
                w = w if (square >= zero) & (abs(fz * w + dz) <= fh * w) else zero
                we = dz * inverse_s
                outside = (c2 * u + c1) * u + c0 + (two * b + oo * we) * we - rr * we * we
                at_end = (outside <= zero) & (we > w)
                along = fz * w + dz
                colour = shade(
                    u - cx * w - axis_x * along, v - cy * w - axis_y * along,
                    one - cz * w - axis_z * along, u, v, paint,
                )  # fmt: skip
                colour = end_colour if at_end else colour | mark
                w = we if at_end else w
                show(depths, pixels, k, w if w <= nearest else zero, colour)
