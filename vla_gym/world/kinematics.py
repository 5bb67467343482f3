"""Inverse kinematics of one arm at a time, for start poses and expert planning."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from vla_gym.geometry.rotations import TOOL_DOWN


class ArmSolver:
    """Damped least squares on a copy of the arm, apart from all simulations.

    Args:
        model: Its first joints are the arm's.
        n_arm: Number of arm joints.
        tcp_site: Site of the tool centre point.
    """

    def __init__(self, model: mujoco.MjModel, n_arm: int, tcp_site: int) -> None:
        self.model, self.n_arm, self.tcp_site = model, n_arm, tcp_site
        self.data = mujoco.MjData(self.model)
        self._jac = np.zeros((6, self.model.nv))

    def solve(
        self, goal: ArrayLike, start: ArrayLike, mat: NDArray = TOOL_DOWN, steps: int = 25,
        share: float = 1.0,
    ) -> tuple[NDArray, float]:  # fmt: skip
        """Joint angles with the tool at a pose.

        Args:
            goal: Position of the tool centre point, world frame. Shape (3,), [m].
            start: Initial joint angles. Shape (n_arm,), [rad].
            mat: Orientation of the tool. Shape (3, 3).
            steps: Iterations.
            share: Share of each least-squares step that is taken.

        Returns:
            Joint angles (n_arm,), within their limits, and the remaining position error [m].
        """
        n, site, data, jac = self.n_arm, self.tcp_site, self.data, self._jac
        low, high = self.model.jnt_range[:n].T
        data.qpos[:n] = start
        for _ in range(steps):
            mujoco.mj_kinematics(self.model, data)
            mujoco.mj_comPos(self.model, data)
            now = data.site_xmat[site].reshape(3, 3)
            turn = 0.5 * np.cross(now.T, mat.T).sum(axis=0)
            err = np.r_[np.subtract(goal, data.site_xpos[site]), turn]
            mujoco.mj_jacSite(self.model, data, jac[:3], jac[3:], site)
            j = jac[:, :n]
            step = j.T @ np.linalg.solve(j @ j.T + 1e-4 * np.eye(6), err)
            data.qpos[:n] += share * step
            data.qpos[:n] = np.clip(data.qpos[:n], low, high)
        tcp, _ = self.tool(data.qpos[:n])
        return data.qpos[:n].copy(), float(np.linalg.norm(np.subtract(goal, tcp)))

    def tool(self, qpos: NDArray) -> tuple[NDArray, NDArray]:
        """Forward kinematics: position (3,) and orientation (3, 3) of the tool."""
        self.data.qpos[: self.n_arm] = qpos
        mujoco.mj_kinematics(self.model, self.data)
        site = self.tcp_site
        return self.data.site_xpos[site].copy(), self.data.site_xmat[site].reshape(3, 3).copy()
