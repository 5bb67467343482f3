"""Rotations: quaternions (wxyz), matrices, rotation vectors."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

TOOL_DOWN = np.diag([1.0, -1.0, -1.0])
"""Orientation of a tool that points straight down, with the fingers closing along y."""
DOWN_AXIS = np.array([0.0, 0.0, -1.0])
"""Axis of a tool that points straight down."""
_DOWN_COLUMNS = np.array([1.0, -1.0, -1.0])
"""Signs of the columns of `TOOL_DOWN`: half a turn about x."""


def quat_to_mat(quat: NDArray) -> NDArray:
    """Rotation matrices of unit quaternions.

    Args:
        quat: wxyz. Shape (..., 4).

    Returns:
        Shape (..., 3, 3).
    """
    quat = np.asarray(quat)
    products = (quat[..., :, None] * quat[..., None, :]).reshape(*quat.shape[:-1], 16)
    return _ONE + _TWICE * (products[..., _FIRST] + _SIGN * products[..., _SECOND])


# entry (i, j) of the matrix is a one, plus or minus twice two products of wxyz, such as 2 (xy - wz)
_ONE = np.eye(3)
_TWICE = 2.0 - 4.0 * np.eye(3)
_FIRST = np.array([[10, 6, 7], [6, 5, 11], [7, 11, 5]])
_SECOND = np.array([[15, 3, 2], [3, 15, 1], [2, 1, 10]])
_SIGN = np.array([[1.0, -1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]])


def cross(a: NDArray, b: NDArray) -> NDArray:
    """Cross product along the last axis; several times faster than numpy's. Shapes (..., 3)."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        out[..., i] = a[..., j] * b[..., k] - a[..., k] * b[..., j]
    return out


def quat_about(axis: str, angle: float) -> NDArray:
    """Quaternion of a turn [rad] about one of the axes "x", "y", "z"."""
    quat = np.array([np.cos(angle / 2), 0.0, 0.0, 0.0])
    quat[1 + "xyz".index(axis)] = np.sin(angle / 2)
    return quat


def quat_multiply(a: NDArray, b: NDArray) -> NDArray:
    """Product of two quaternions: first b, then a."""
    out = np.zeros(4)
    mujoco.mju_mulQuat(out, a, b)
    return out


def rotvec_from_down(mat: NDArray) -> NDArray:
    """Rotation vector from the straight-down home orientation to the tool's.

    Args:
        mat: Tool orientations. Shape (n, 3, 3).

    Returns:
        World frame. Shape (n, 3), [rad].
    """
    rel = mat * _DOWN_COLUMNS
    axis = rel[:, [2, 0, 1], [1, 2, 0]] - rel[:, [1, 2, 0], [2, 0, 1]]
    sine = 0.5 * np.sqrt((axis * axis).sum(axis=1))
    cosine = 0.5 * (rel[:, 0, 0] + rel[:, 1, 1] + rel[:, 2, 2] - 1.0)
    angle = np.arctan2(sine, cosine)
    return axis * (0.5 * angle / np.maximum(sine, 1e-9))[:, None]


def cross_matrix(v: NDArray) -> NDArray:
    """Matrices that multiply to v x w. Shape (n, 3) to (n, 3, 3)."""
    x, y, z = v.T
    zero = np.zeros_like(x)
    rows = [(zero, -z, y), (z, zero, -x), (-y, x, zero)]
    return np.stack([np.stack(row, -1) for row in rows], axis=1)


def rotvec_to_mat(turn: NDArray) -> NDArray:
    """Rotation matrices of rotation vectors. Shape (n, 3) to (n, 3, 3)."""
    angle = np.linalg.norm(turn, axis=1)[:, None, None]
    k = cross_matrix(turn)
    safe = np.maximum(angle, 1e-9)
    return np.eye(3) + np.sinc(angle / np.pi) * k + (1 - np.cos(angle)) / safe**2 * (k @ k)


def look_at(eye: NDArray, target: NDArray, up: tuple[float, float, float] = (0, 0, 1)) -> NDArray:
    """Orientation of a camera at `eye` that looks at `target`.

    Args:
        eye: Camera position. Shape (3,), [m].
        target: Point in the middle of the image. Shape (3,), [m].
        up: Direction that points up in the image.

    Returns:
        Quaternion wxyz of MuJoCo's camera frame (x right, y up, looks along -z). Shape (4,).
    """
    back = np.asarray(eye, float) - np.asarray(target, float)
    back /= np.linalg.norm(back)
    right = np.cross(up, back)
    right /= np.linalg.norm(right)
    mat = np.stack([right, np.cross(back, right), back], axis=1)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, mat.ravel())
    return quat
