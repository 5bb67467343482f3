"""Layouts of the tables and buffers that kernels read and write, and their numba types."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import float32, float64, from_dtype, int8, int32, int64, types

from vla_gym.rendering.native.scene_tables import (
    BODY_ROW,
    CAMERA_ROW,
    GEOM_ROW,
    JOINT_ROW,
    LIGHT_ROW,
    MATERIAL_ROW,
    TEXTURE_ROW,
)

VECTOR = types.UniTuple(float64, 3)
"""A point or direction."""
QUATERNION = types.UniTuple(float64, 4)
"""A rotation, wxyz."""
MATRIX = float64[:, ::1]
"""Rows of numbers; of a 3 x 3 frame the columns are its axes."""
RECTANGLE = types.UniTuple(int64, 4)
"""Pixels of an image: first column, last + 1, first row, last + 1. As wide as whole blocks."""
BOUNDS = types.UniTuple(float64, 4)
"""Tangents of the outermost rays that meet a shape: left, right, lower, upper."""
DEPTHS = float32[::1]
"""Inverse distances along the optical axis, row by row from the top; 1 / far where nothing is."""
PIXELS = int32[::1]
"""Red, green, blue and the geom's number, a byte each from the lowest; as long as DEPTHS."""
PAINT = types.UniTuple(float32, 21)
"""How a curved geom is lit, see `vla_gym.rendering.native.lighting`."""

_SCENE = {
    "bodies": from_dtype(BODY_ROW)[::1],
    "joints": from_dtype(JOINT_ROW)[::1],
    "geoms": from_dtype(GEOM_ROW)[::1],
    "cameras": from_dtype(CAMERA_ROW)[::1],
    "lights": from_dtype(LIGHT_ROW)[::1],
    "materials": from_dtype(MATERIAL_ROW)[::1],
    "textures": from_dtype(TEXTURE_ROW)[::1],
    "texels": int32[::1],
    "corners": float64[:, :, ::1],
    "normals": float64[:, :, ::1],
    "labels": int8[::1],
    "near": float64,
    "far": float64,
}
_LIVE = {
    "qpos": float64[:, :],
    "geom_type": int32[:, :],
    "geom_size": float64[:, :, :],
    "geom_pos": float64[:, :, :],
    "geom_quat": float64[:, :, :],
    "geom_rgba": float32[:, :, :],
    "geom_group": int32[:, :],
    "geom_matid": int32[:, :],
    "light_dir": float64[:, :, :],
    "light_diffuse": float32[:, :, :],
    "cam_pos": float64[:, :, :],
    "cam_quat": float64[:, :, :],
}
_RASTER = {"stride": int64, "u0": float32, "du": float32, "v0": float32, "dv": float32}
_SCREEN = {
    "width": int64, "height": int64, "stride": int64, "tan_x": float64, "tan_y": float64,
}  # fmt: skip
_BUFFERS = {
    "depths": DEPTHS,
    "pixels": PIXELS,
    "body_pos": MATRIX,
    "body_quat": MATRIX,
    "frame": MATRIX,
    "eye": MATRIX,
    "lights": MATRIX,
    "corners": MATRIX,
    "edges": float32[:, ::1],
    "shares": float32[:, ::1],
    "faces": float32[:, :, ::1],
    "textured": int64[:, ::1],
    "block": float32[::1],
    "texel": int32[::1],
}

SceneTables = namedtuple("SceneTables", _SCENE)
"""What all worlds share, from `vla_gym.rendering.native.scene_tables`."""
Live = namedtuple("Live", _LIVE)
"""What each world has for itself: MuJoCo's own arrays with a leading (n,) axis."""
Raster = namedtuple("Raster", _RASTER)
"""Pixels in a row of the buffers, and the ray (u0 + du x, v0 + dv y, 1) of column x and row y."""
Screen = namedtuple("Screen", _SCREEN)
"""Size of the image [px], pixels in a row of the buffers, tangents of the half fields of view."""
Buffers = namedtuple("Buffers", _BUFFERS)
"""Working memory of one thread, see `vla_gym.rendering.native.frame`."""

SCENE = types.NamedTuple(tuple(_SCENE.values()), SceneTables)
LIVE = types.NamedTuple(tuple(_LIVE.values()), Live)
RASTER = types.NamedTuple(tuple(_RASTER.values()), Raster)
SCREEN = types.NamedTuple(tuple(_SCREEN.values()), Screen)
BUFFERS = types.NamedTuple(tuple(_BUFFERS.values()), Buffers)
LIVE_TYPES = tuple(_LIVE.values())

BLOCK = 16
"""Pixels that a kernel computes together; with 8 the same kernels are three times slower."""
F32, I32, U64 = np.float32, np.int32, np.uint64
"""Short names: within kernels every number must have a type, or it is a 64 bit one. Indices are
unsigned, because a signed one may be negative, which costs the vector instructions."""
