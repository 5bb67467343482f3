"""Estimates the pose of a displaced camera from where the hand appears in the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.geometry.pinhole import PinholeCamera, deproject_onto_plane
from vla_gym.geometry.rotations import cross_matrix, rotvec_to_mat

_TEMPER = 0.5
"""Weight of a detection as evidence, because errors of successive ones are correlated."""


@dataclass(frozen=True)
class CameraPrior:
    """Expected displacement of a camera, and precision of the hand's detection."""

    shift_m: float = 0.02
    """Standard deviation of the camera's displacement along each axis [m]."""
    turn_rad: float = 0.025
    """Standard deviation of its rotation about each axis [rad]."""
    moved: float = 0.2
    """Probability that the camera has moved."""
    seen: float = 0.025
    """Standard deviation of a detection of the hand, in image coordinates ([-1, 1])."""
    sure: float = 0.5
    """Confidence below which a detection is ignored."""
    gate: float = 4.0
    """Mahalanobis distance beyond which a detection is ignored."""


class CameraTracker:
    """Extended Kalman filters over the displacement and rotation of the fixed cameras.

    The robot knows where its hand is; the position of the hand in the image tells how the camera
    has moved since it was calibrated. The alternative hypothesis, that it has not moved, is kept
    beside the filter and preferred as long as it explains the detections as well.

    Args:
        n: Number of sub-environments.
        nominal: The camera as calibrated.
        prior: Expected displacement and precision.
    """

    def __init__(self, n: int, nominal: PinholeCamera, prior: CameraPrior | None = None) -> None:
        self.nominal, self.prior = nominal, prior or CameraPrior()
        self._start = np.diag(np.square([self.prior.shift_m] * 3 + [self.prior.turn_rad] * 3))
        self.mean = np.zeros((n, 6))
        """Displacement in the world frame [m], rotation vector in the camera frame [rad]. (n, 6)"""
        self.cov = np.tile(self._start, (n, 1, 1))
        self._still = float(np.log(self.prior.moved / (1.0 - self.prior.moved)))
        self.odds = np.full(n, self._still)
        """Log odds that the camera has moved. Shape (n,)."""

    @property
    def pose(self) -> NDArray:
        """Expected displacement: `mean` times the probability of a move. Shape (n, 6)."""
        return self.mean / (1.0 + np.exp(-self.odds))[:, None]

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Reset the filters of these sub-environments."""
        self.mean[ids] = 0.0
        self.cov[ids] = self._start
        self.odds[ids] = self._still

    def update(
        self, ids: NDArray[np.int64], tcp: NDArray, uv: NDArray, confidence: NDArray
    ) -> None:
        """Update with one detection of the hand in each of these sub-environments.

        Args:
            ids: Sub-environments, each at most once. Shape (m,).
            tcp: Tool centre points, world frame. Shape (m, 3), [m].
            uv: The detections, u to the right and v down. Shape (m, 2).
            confidence: That the hand is visible, in [0, 1]. Shape (m,).
        """
        expected, slope = self._project(self.mean[ids], tcp)
        off = uv - expected
        cov = self.cov[ids]
        spread = slope @ cov @ slope.transpose(0, 2, 1) + self.prior.seen**2 * np.eye(2)
        inverse = np.linalg.inv(spread)
        far = np.einsum("ni,nij,nj->n", off, inverse, off)
        use = (confidence > self.prior.sure) & (far < self.prior.gate**2)
        still = uv - self._project(np.zeros_like(self.mean[ids]), tcp)[0]
        var = self.prior.seen**2
        for_still = -0.5 * (still**2).sum(axis=1) / var - np.log(var)
        for_moved = -0.5 * far - 0.5 * np.log(np.linalg.det(spread))
        self.odds[ids] += use * _TEMPER * (for_moved - for_still)
        gain = cov @ slope.transpose(0, 2, 1) @ inverse * use[:, None, None]
        self.mean[ids] += np.einsum("nij,nj->ni", gain, off)
        self.cov[ids] = cov - gain @ slope @ cov

    def deproject(self, mean: NDArray, uv: NDArray, z: float = 0.025) -> NDArray:
        """Project image coordinates onto a horizontal plane, each image by its own camera.

        Args:
            mean: Displacement and rotation of each image's camera, as in `pose`. Shape (m, 6).
            uv: u to the right and v down. Shape (m, r, 2).
            z: Height of the plane [m].

        Returns:
            World frame. Shape (m, r, 3), [m].
        """
        nominal = self.nominal
        pos, mat = nominal.pos + mean[:, None, :3], nominal.mat @ rotvec_to_mat(mean[:, 3:])
        return deproject_onto_plane(pos, mat, nominal.tan_half, uv, z)

    def _project(self, mean: NDArray, points: NDArray) -> tuple[NDArray, NDArray]:
        """Image coordinates of points (m, 2), and their Jacobian in the camera's pose (m, 2, 6)."""
        nominal = self.nominal
        axes = nominal.mat @ rotvec_to_mat(mean[:, 3:])
        local = np.einsum("ni,nij->nj", points - nominal.pos - mean[:, :3], axes)
        x, y, z = local.T
        scale = 1.0 / (z * nominal.tan_half)
        zero = np.zeros_like(x)
        by_u = np.stack([-scale, zero, x * scale / z], -1)
        by_v = np.stack([zero, scale, -y * scale / z], -1)
        by_local = np.stack([by_u, by_v], axis=1)
        by_camera = np.concatenate([-axes.transpose(0, 2, 1), cross_matrix(local)], axis=2)
        return np.stack([-x * scale, y * scale], -1), by_local @ by_camera
