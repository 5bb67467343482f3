"""Arm poses that bring the tool to a place: inverse kinematics of one arm at a time."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from vla_gym.world.world import World

DOWN = np.diag([1.0, -1.0, -1.0])
"""Orientation of a tool that points straight down, fingers along y."""


class ArmSolver:
    """Damped least squares on a copy of the arm.

    Args:
        world: Whose robot.
    """

    def __init__(self, world: World) -> None:
        self.world, self.model = world, world.model
        self.data = mujoco.MjData(self.model)
        self._jac = np.zeros((6, self.model.nv))

    def solve(
        self, goal: NDArray, mat: NDArray = DOWN, start: NDArray | None = None, steps: int = 25
    ) -> tuple[NDArray, float]:
        """Joint angles with the tool at a place.

        Args:
            goal: Of the tool centre point, world frame. Shape (3,), [m].
            mat: Orientation of the tool. Shape (3, 3).
            start: Joint angles to begin from; None for home. Shape (n_arm,), [rad].
            steps: Iterations.

        Returns:
            Joint angles (n_arm,), within their limits, and how far off the tool is [m].
        """
        n, site, data, jac = self.world.n_arm, self.world.tcp_site, self.data, self._jac
        low, high = self.model.jnt_range[:n].T
        data.qpos[:n] = self.world.home_qpos if start is None else start
        for _ in range(steps):
            mujoco.mj_kinematics(self.model, data)
            mujoco.mj_comPos(self.model, data)
            now = data.site_xmat[site].reshape(3, 3)
            err = np.r_[goal - data.site_xpos[site], 0.5 * np.cross(now.T, mat.T).sum(axis=0)]
            mujoco.mj_jacSite(self.model, data, jac[:3], jac[3:], site)
            j = jac[:, :n]
            data.qpos[:n] += j.T @ np.linalg.solve(j @ j.T + 1e-4 * np.eye(6), err)
            data.qpos[:n] = np.clip(data.qpos[:n], low, high)
        tcp, _ = self.tool(data.qpos[:n])
        return data.qpos[:n].copy(), float(np.linalg.norm(goal - tcp))

    def tool(self, qpos: NDArray) -> tuple[NDArray, NDArray]:
        """Where the tool is with these joint angles: position (3,) and orientation (3, 3)."""
        self.data.qpos[: self.world.n_arm] = qpos
        mujoco.mj_kinematics(self.model, self.data)
        site = self.world.tcp_site
        return self.data.site_xpos[site].copy(), self.data.site_xmat[site].reshape(3, 3).copy()
