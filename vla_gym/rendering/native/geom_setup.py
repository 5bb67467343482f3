"""From a geom of one world to the numbers of its kernel."""

from __future__ import annotations

import math

from numba import boolean, float32, float64, from_dtype, int32, int64, void

from vla_gym.rendering.native.algebra import (
    along,
    crossed,
    dot,
    plus,
    product,
    rotated,
    times,
    to_matrix,
    transposed_times,
)
from vla_gym.rendering.native.body_poses import orientation, position
from vla_gym.rendering.native.box_rows import FACES, SIDE, box_rows, place_faces
from vla_gym.rendering.native.compiling import setup
from vla_gym.rendering.native.layouts import (
    BOUNDS,
    BUFFERS,
    F32,
    I32,
    LIVE,
    QUATERNION,
    RASTER,
    RECTANGLE,
    SCENE,
    SCREEN,
    VECTOR,
)
from vla_gym.rendering.native.lighting import lit, packed, paint_of
from vla_gym.rendering.native.outlines import (
    both,
    box_bounds,
    ellipsoid_bounds,
    may_show,
    rectangle,
    triangle_bounds,
)
from vla_gym.rendering.native.quadric_rows import (
    capsule_rows,
    cylinder_rows,
    ellipsoid_rows,
    sphere_rows,
)
from vla_gym.rendering.native.scene_tables import MATERIAL_ROW
from vla_gym.rendering.native.texture_rows import texture_rows
from vla_gym.rendering.native.triangle_rows import place_edges, triangle_rows

PLANE, SPHERE, CAPSULE, ELLIPSOID, CYLINDER, BOX, MESH = 0, 2, 3, 4, 5, 6, 7
"""Of mjtGeom."""
_GROUPS = 3
_ENDLESS = 1e6
"""Half the length of a plane without end [m]."""
_LARGE = 0.1
"""Boxes of this radius and more have the mean of the light at a face's corners; smaller ones have
that in its middle, which differs by less than a step of colour [m]."""
_MATERIAL = from_dtype(MATERIAL_ROW)


@setup(VECTOR(LIVE, int64, int64))
def _half_lengths(live, world, g):
    """Half the lengths of a geom along its axes [m]."""
    kind, size = live.geom_type[world, g], live.geom_size
    a, b, c = size[world, g, 0], size[world, g, 1], size[world, g, 2]
    if kind == SPHERE:
        return a, a, a
    if kind == CAPSULE:
        return a, a, a + b
    if kind == CYLINDER:
        return a, a, b
    if kind == PLANE:
        return a if a > 0.0 else _ENDLESS, b if b > 0.0 else _ENDLESS, 0.0
    return a, b, c


@setup(float64(int64, VECTOR))
def _radius(kind, half):
    """Radius of a ball around a geom [m]."""
    if kind in (SPHERE, CAPSULE, ELLIPSOID):
        return max(half[0], max(half[1], half[2]))
    if kind == CYLINDER:
        return math.sqrt(half[0] * half[0] + half[2] * half[2])
    return math.sqrt(dot(half, half))


@setup(VECTOR(SCENE, LIVE, int64, int64, BUFFERS))
def _centre(scene, live, world, g, buffers):
    """Where a geom is, in the camera frame [m]."""
    body, pos = scene.geoms[g].body, live.geom_pos
    local = pos[world, g, 0], pos[world, g, 1], pos[world, g, 2]
    at = plus(position(buffers, body), rotated(orientation(buffers, body), local))
    eye = buffers.eye
    return times(eye, (at[0] - eye[3, 0], at[1] - eye[3, 1], at[2] - eye[3, 2]))


@setup(void(SCENE, LIVE, int64, int64, BUFFERS))
def _place_frame(scene, live, world, g, buffers):
    """Write a geom's axes in the camera frame as columns of `buffers.frame`."""
    quat, frame = live.geom_quat, buffers.frame
    local = quat[world, g, 0], quat[world, g, 1], quat[world, g, 2], quat[world, g, 3]
    to_matrix(product(orientation(buffers, scene.geoms[g].body), local), frame)
    for c in range(3):
        axis = times(buffers.eye, (frame[0, c], frame[1, c], frame[2, c]))
        frame[0, c], frame[1, c], frame[2, c] = axis


@setup(QUATERNION(LIVE, int64, int64, _MATERIAL))
def _rgba(live, world, g, material):
    """A geom's colour: its own, unless that is the default and a material has another."""
    own = live.geom_rgba
    r, g_, b = float(own[world, g, 0]), float(own[world, g, 1]), float(own[world, g, 2])
    if r == 0.5 and g_ == 0.5 and b == 0.5 and own[world, g, 3] == 1.0:
        return material.rgba[0], material.rgba[1], material.rgba[2], material.rgba[3]
    return r, g_, b, 1.0


@setup(int32(QUATERNION, _MATERIAL, FACES, int64, VECTOR, VECTOR, BUFFERS, int32))
def _face_colour(rgba, material, faces, axis, half, centre, buffers, mark):
    """The pixel of the face of a box that shows along one of its axes; 0 if none does."""
    frame, side = buffers.frame, float(faces[axis, SIDE])
    if side == 0.0:
        return I32(0)
    normal = side * frame[0, axis], side * frame[1, axis], side * frame[2, axis]
    middle = along(centre, half[axis], normal)
    specular, exponent, emission = material.specular, material.exponent, material.emission
    if _radius(BOX, half) < _LARGE:
        colour = lit(normal, middle, rgba, specular, exponent, emission, buffers.lights)
        return packed(colour, mark)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    total = 0.0, 0.0, 0.0
    for corner in range(4):
        a = half[i] if corner & 1 else -half[i]
        b = half[j] if corner & 2 else -half[j]
        point = along(middle, a, (frame[0, i], frame[1, i], frame[2, i]))
        point = along(point, b, (frame[0, j], frame[1, j], frame[2, j]))
        colour = lit(normal, point, rgba, specular, exponent, emission, buffers.lights)
        total = plus(total, colour)
    return packed((0.25 * total[0], 0.25 * total[1], 0.25 * total[2]), mark)


@setup(boolean(QUATERNION, _MATERIAL, FACES, boolean, VECTOR, VECTOR, BUFFERS, RASTER,
               RECTANGLE, float32, int32))  # fmt: skip
def _draw_box(rgba, material, faces, is_plane, half, centre, buffers, raster, box, nearest, mark):
    """Draw a box or plane; returns whether any face shows."""
    eye = transposed_times(buffers.frame, (-centre[0], -centre[1], -centre[2]))
    if place_faces(faces, buffers.frame, half, eye, is_plane) == 0:
        return False
    colour0 = _face_colour(rgba, material, faces, 0, half, centre, buffers, mark)
    colour1 = _face_colour(rgba, material, faces, 1, half, centre, buffers, mark)
    colour2 = _face_colour(rgba, material, faces, 2, half, centre, buffers, mark)
    box_rows(buffers.depths, buffers.pixels, raster, box, nearest, faces, colour0, colour1, colour2)
    return True


@setup(void(QUATERNION, _MATERIAL, int64, VECTOR, VECTOR, BUFFERS, RASTER, RECTANGLE, float32,
            int32))  # fmt: skip
def _draw_round(rgba, material, kind, half, centre, buffers, raster, box, nearest, mark):
    """Draw a sphere, ellipsoid, capsule or cylinder."""
    frame, depths, pixels = buffers.frame, buffers.depths, buffers.pixels
    paint = paint_of(rgba, material.specular, material.emission, buffers.lights)
    eye = transposed_times(frame, (-centre[0], -centre[1], -centre[2]))
    radius = half[0]
    if kind == SPHERE:
        c = dot(centre, centre) - radius * radius
        if c > 0.0:
            sphere_rows(depths, pixels, raster, box, nearest, centre, c, paint, mark)
    elif kind == ELLIPSOID:
        eye = eye[0] / half[0], eye[1] / half[1], eye[2] / half[2]
        c = dot(eye, eye) - 1.0
        if c > 0.0:
            ellipsoid_rows(depths, pixels, raster, box, nearest, frame, half, eye, c, paint, mark)
    elif kind == CAPSULE:
        reach = half[2] - radius
        # from within, the ends' spheres would show inside
        beyond = eye[2] - min(max(eye[2], -reach), reach)
        if eye[0] * eye[0] + eye[1] * eye[1] + beyond * beyond > radius * radius:
            capsule_rows(
                depths, pixels, raster, box, nearest, frame, centre, eye, radius, reach, paint,
                mark,
            )  # fmt: skip
    else:
        side = 1.0 if eye[2] > 0.0 else -1.0
        normal = side * frame[0, 2], side * frame[1, 2], side * frame[2, 2]
        end = along(centre, half[2], normal)
        specular, exponent, emission = material.specular, material.exponent, material.emission
        colour = lit(normal, end, rgba, specular, exponent, emission, buffers.lights)
        cylinder_rows(
            depths, pixels, raster, box, nearest, frame, centre, eye, radius, half[2], paint,
            mark, packed(colour, mark),
        )  # fmt: skip


@setup(void(SCENE, QUATERNION, _MATERIAL, int64, VECTOR, BUFFERS, SCREEN, RASTER, float32, int32))
def _draw_mesh(scene, rgba, material, g, centre, buffers, screen, raster, nearest, mark):
    """Draw the triangles of a mesh that face the camera, lit at their corners."""
    frame, corners, shares = buffers.frame, buffers.corners, buffers.shares
    geom = scene.geoms[g]
    for t in range(geom.first_triangle, geom.first_triangle + geom.triangles):
        for j in range(3):
            local = scene.corners[t, j, 0], scene.corners[t, j, 1], scene.corners[t, j, 2]
            corners[j, 0], corners[j, 1], corners[j, 2] = plus(centre, times(frame, local))
        a = corners[0, 0], corners[0, 1], corners[0, 2]
        ab = corners[1, 0] - a[0], corners[1, 1] - a[1], corners[1, 2] - a[2]
        ac = corners[2, 0] - a[0], corners[2, 1] - a[1], corners[2, 2] - a[2]
        # the camera frame is left-handed, so this is the other way round than usual
        normal = crossed(ac, ab)
        distance = dot(normal, a)
        if distance >= 0.0:  # seen from behind
            continue
        box = rectangle(screen, triangle_bounds(corners))
        if box[0] >= box[1]:
            continue
        place_edges(corners, buffers.edges)
        shares[:] = F32(0)
        for j in range(3):
            local = scene.normals[t, j, 0], scene.normals[t, j, 1], scene.normals[t, j, 2]
            colour = lit(
                times(frame, local), (corners[j, 0], corners[j, 1], corners[j, 2]), rgba,
                material.specular, material.exponent, material.emission, buffers.lights,
            )  # fmt: skip
            for c in range(3):
                edge = buffers.edges[j, c]
                shares[0, c] += F32(min(max(colour[0], 0.0), 1.0)) * edge
                shares[1, c] += F32(min(max(colour[1], 0.0), 1.0)) * edge
                shares[2, c] += F32(min(max(colour[2], 0.0), 1.0)) * edge
                shares[3, c] += edge
        # a point t d of the plane has t (n . d) = n . a, so w = n . d / n . a
        plane = normal[0] / distance, normal[1] / distance, normal[2] / distance
        triangle_rows(
            buffers.depths, buffers.pixels, raster, box, nearest, plane, buffers.edges, shares,
            mark,
        )  # fmt: skip


@setup(BOUNDS(BUFFERS, int64, VECTOR, VECTOR))
def _bounds(buffers, kind, half, centre):
    """Bounds of a geom of any kind but a mesh."""
    frame = buffers.frame
    if kind in (PLANE, BOX):
        return box_bounds(frame, half, centre)
    if kind in (SPHERE, ELLIPSOID):
        return ellipsoid_bounds(frame, half, centre)
    # the ends: spheres of a capsule, discs of a cylinder; they bound what is between them
    thickness = half[0] if kind == CAPSULE else 0.0
    reach = half[2] - thickness
    axis, end = (frame[0, 2], frame[1, 2], frame[2, 2]), (half[0], half[1], thickness)
    above = ellipsoid_bounds(frame, end, along(centre, reach, axis))
    below = ellipsoid_bounds(frame, end, along(centre, -reach, axis))
    return both(above, below)


@setup(int64(SCENE, LIVE, int64, int64, BUFFERS, SCREEN, RASTER, int64))
def draw_geom(scene, live, world, g, buffers, screen, raster, slot):
    """Draw one geom, without its texture.

    Args:
        scene: What all worlds share.
        live: What each world has.
        world: Which world.
        g: Which geom.
        buffers: Working memory.
        screen: Size and field of view.
        raster: Rays of the pixels.
        slot: Place for this geom in the lists of what has a texture.

    Returns:
        The next place: slot + 1 if the geom has a texture and shows.
    """
    if live.geom_group[world, g] >= _GROUPS or live.geom_rgba[world, g, 3] == 0.0:
        return slot
    kind, half = int64(live.geom_type[world, g]), _half_lengths(live, world, g)
    centre = _centre(scene, live, world, g, buffers)
    if not may_show(screen, centre, _radius(kind, half)):
        return slot
    _place_frame(scene, live, world, g, buffers)
    index = live.geom_matid[world, g]
    material = scene.materials[index if index >= 0 else scene.materials.size - 1]
    rgba, nearest, mark = _rgba(live, world, g, material), F32(1.0 / scene.near), I32(g << 24)
    if kind == MESH:
        _draw_mesh(scene, rgba, material, g, centre, buffers, screen, raster, nearest, mark)
        return slot
    box = rectangle(screen, _bounds(buffers, kind, half, centre))
    if box[0] >= box[1]:
        return slot
    if kind not in (PLANE, BOX):
        _draw_round(rgba, material, kind, half, centre, buffers, raster, box, nearest, mark)
    elif _draw_box(
        rgba, material, buffers.faces[slot], kind == PLANE, half, centre, buffers, raster, box,
        nearest, mark,
    ) and material.texture >= 0:  # fmt: skip
        row = buffers.textured[slot]
        row[0], row[1], row[2], row[3], row[4] = g, box[0], box[1], box[2], box[3]
        slot += 1
    return slot


@setup(void(SCENE, LIVE, int64, BUFFERS, RASTER, int64))
def lay_texture(scene, live, world, buffers, raster, slot):
    """Lay the texture on the faces of one geom, from the lists that `draw_geom` has filled."""
    row = buffers.textured[slot]
    g, box = row[0], (row[1], row[2], row[3], row[4])
    material, half = scene.materials[live.geom_matid[world, g]], _half_lengths(live, world, g)
    texture = scene.textures[material.texture]
    for axis in range(3):
        faces = buffers.faces[slot]
        if faces[axis, SIDE] == 0.0:
            continue
        # the two other axes, in order; s grows along the first, t against the second
        x_axis, y_axis = (1 if axis == 0 else 0), (1 if axis == 2 else 2)
        # the texture is repeated so often over the face, or (uniform) over two metres
        s, t = material.repeat[0], material.repeat[1]
        if material.uniform:
            s, t = s * half[0], t * half[1]
        laying = (
            F32(0.5 * s / half[x_axis]), F32(0.5 * s), F32(-0.5 * t / half[y_axis]), F32(0.5 * t)
        )  # fmt: skip
        texture_rows(
            buffers.depths, buffers.pixels, raster, box, faces, axis, x_axis, y_axis, laying,
            texture, scene.texels, I32(g), buffers.block, buffers.texel,
        )  # fmt: skip
