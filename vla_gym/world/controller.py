"""Turns TCP displacements and a gripper command into joint targets, by damped least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.world import World

REFERENCE_HZ = 10.0
"""Control rate of the displacements below; at other rates they scale so that speed is kept."""


@dataclass(frozen=True)
class ControllerConfig:
    """Limits of one control step."""

    translation: float = 0.05
    """Largest TCP displacement per axis at 10 Hz [m]."""
    rotation: float = 0.25
    """Largest TCP rotation per axis at 10 Hz [rad]."""
    damping: float = 0.02
    """Damping of the least squares; bounds joint speed near singular poses."""


class TcpDeltaController:
    """Maps actions in [-1, 1] to the actuators of a `World`.

    Displacements are relative to the measured TCP, not to the last target, so that a policy needs
    no memory of its targets.

    Args:
        world: The simulation.
        control_hz: Control steps per second; displacements scale with its inverse.
        config: Limits.
    """

    def __init__(
        self, world: World, control_hz: float, config: ControllerConfig | None = None
    ) -> None:
        self.config = config or ControllerConfig()
        ratio = REFERENCE_HZ / control_hz
        self.scale = np.repeat([self.config.translation * ratio, self.config.rotation * ratio], 3)
        # a servo with this lag covers only part of the distance to its target in a control step
        self._lead = 1.0 / -math.expm1(-1.0 / (control_hz * world.robot.servo_lag))
        model, self.n_arm = world.model, world.n_arm
        self._low, self._high = model.jnt_range[: self.n_arm].T
        self._width = model.actuator_ctrlrange[self.n_arm, 1]
        workspace = world.robot.workspace
        self._box = np.array([workspace.low, workspace.high])
        self._ridge = self.config.damping**2 * np.eye(6)

    def apply(self, world: World, action: NDArray) -> None:
        """Write the actuator targets of one control step.

        Args:
            world: The simulation.
            action: Translation, rotation vector (world frame), gripper (negative closes, others
                open). Shape (n, 7), in [-1, 1].
        """
        delta = action[:, :6] * self.scale
        pos = world.tcp_pos
        shift = np.clip(pos + delta[:, :3], *self._box) - pos
        # a TCP outside of the workspace may stay there, but not move further out
        delta[:, :3] = np.clip(shift, -self.scale[:3], self.scale[:3])
        world.ctrl[:, : self.n_arm] = self.tcp_delta_to_ctrl(delta, world)
        world.ctrl[:, self.n_arm] = np.where(action[:, 6] >= 0.0, self._width, 0.0)

    def tcp_delta_to_ctrl(self, delta: NDArray, world: World) -> NDArray:
        """Joint targets that move the TCP within one control step.

        One damped least-squares step (Wampler 1986), scaled up to compensate for servo lag; targets
        are clipped to the joint limits.

        Args:
            delta: Translation and rotation vector, world frame. Shape (n, 6), [m, rad].
            world: The simulation; its state is the point of linearisation.

        Returns:
            Joint position targets. Shape (n, n_arm), [rad].
        """
        jac = world.tcp_jac
        gram = jac.transpose(0, 2, 1) @ jac + self._ridge
        step = (jac @ np.linalg.solve(gram, delta[..., None]))[..., 0]
        return np.clip(world.qpos[:, : self.n_arm] + self._lead * step, self._low, self._high)
