"""The pinhole camera: world points to image coordinates, and back onto a plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PinholeCamera:
    """Pose and field of view of a pinhole camera."""

    pos: NDArray
    """Camera centre, world frame. Shape (3,), [m]."""
    mat: NDArray
    """Camera axes (x right, y up, looks along -z) as columns. Shape (3, 3)."""
    tan_half: float
    """Tangent of half the (square) field of view."""

    def project(self, points: NDArray) -> NDArray:
        """World points to image coordinates.

        Args:
            points: World frame. Shape (..., 3), [m].

        Returns:
            u to the right and v down, [-1, 1] inside the image. Shape (..., 2).
        """
        local = (np.asarray(points) - self.pos) @ self.mat
        depth = -local[..., 2:3] * self.tan_half
        return local[..., :2] * np.array([1.0, -1.0]) / depth

    def deproject(self, uv: NDArray, z: float = 0.025) -> NDArray:
        """Image coordinates to points on a horizontal plane.

        Args:
            uv: u to the right and v down, [-1, 1]. Shape (..., 2).
            z: Height of the plane [m].

        Returns:
            World frame. Shape (..., 3), [m]. Rays that do not meet the plane within 5 m end there.
        """
        return deproject_onto_plane(self.pos, self.mat, self.tan_half, np.asarray(uv, float), z)


def deproject_onto_plane(
    pos: NDArray, mat: NDArray, tan_half: float, uv: NDArray, z: float
) -> NDArray:
    """`PinholeCamera.deproject` for one camera, or one for each leading index.

    Args:
        pos: Camera centres, as they broadcast against the points. Shape (3,) or (..., 1, 3), [m].
        mat: Camera axes as columns. Shape (3, 3) or (..., 3, 3).
        tan_half: Tangent of half the field of view.
        uv: Shape (..., 2).
        z: Height of the plane [m].

    Returns:
        World frame. Shape (..., 3), [m].
    """
    local = np.stack([uv[..., 0] * tan_half, -uv[..., 1] * tan_half, -np.ones(uv.shape[:-1])], -1)
    ray = local @ np.swapaxes(mat, -1, -2)
    down = np.minimum(ray[..., 2], -1e-6)
    t = np.minimum((z - pos[..., 2]) / down, 5.0)
    return pos + t[..., None] * ray
