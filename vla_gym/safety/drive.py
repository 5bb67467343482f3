"""`LimitedDrive`: moves the arm by joint velocities that keep to limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.constraints import at_most, half_spaces, joint_share, too_fast
from vla_gym.safety.filter import nearest
from vla_gym.safety.limits import Limits
from vla_gym.safety.snapshot import Snapshot
from vla_gym.world.model import PHYSICS_TIMESTEP
from vla_gym.world.world import World

_LEVER = 0.15
"""Length by which angular speeds are weighed against linear ones in the projection [m]."""
_HEADROOM, _JOINT_HEADROOM = 0.8, 0.72
"""Shares of the TCP's and the joints' speed limits that are commanded, as the servos overshoot."""
_NEAR_HAND = 0.08
"""Distance from the TCP within which a fragile object limits the grip force [m]."""


class LimitedDrive:
    """Turns desired twists into joint targets, several times per control step.

    Speed and acceleration are clipped, the twist is projected onto half-spaces for workspace, table
    and zones (a control barrier function, Ames et al. 2019), joint speeds are scaled to theirs.

    Args:
        world: The simulation.
        limits: Limits, resolved for the robot.
        damping: Damping of the inverse kinematics, as of the controller.
    """

    def __init__(self, world: World, limits: Limits, damping: float) -> None:
        self.world, self.limits = world, limits
        self._ridge = damping**2 * np.eye(6)
        self._joint_limit = _JOINT_HEADROOM * np.array(limits.joint_speed)
        self._low, self._high = world.model.jnt_range[: world.n_arm].T
        self.twist = np.zeros((world.n, 6))
        """Twist commanded last. Shape (n, 6), [m/s, rad/s]."""
        self.joint_speed = np.zeros((world.n, world.n_arm))
        """Joint speeds commanded last. Shape (n, n_arm), [rad/s]."""

    def start(self, ids: NDArray[np.int64]) -> None:
        """Episodes start with the arm at rest. Shape (m,)."""
        self.twist[ids] = self.joint_speed[ids] = 0.0

    def close(self) -> None:
        """Restore the gripper's own force range."""
        self.world.grip_force_range[:] = self.world.model.actuator_forcerange[self.world.n_arm]

    def project(self, twist: NDArray, now: Snapshot) -> NDArray:
        """The nearest twists within the half-spaces of workspace, table, zones and forces.

        Args:
            twist: Shape (n, 6), [m/s, rad/s].
            now: The present state.
        """
        normals, least = half_spaces(self.world, self.limits, now.hand, now.zones, now.forces)
        lever = np.repeat([1.0, _LEVER], 3)
        return nearest(twist * lever, normals / lever, least) / lever

    def command(
        self, wanted: NDArray, now: Snapshot, stopped: NDArray[np.bool_], n_substeps: int
    ) -> NDArray:
        """Write the joint targets of the next physics steps.

        Args:
            wanted: Desired twists. Shape (n, 6), [m/s, rad/s].
            now: The present state.
            stopped: Where the arm has to brake. Shape (n,).
            n_substeps: Physics steps until the next command.

        Returns:
            The twists that the commanded joint speeds produce. Shape (n, 6), [m/s, rad/s].
        """
        world, limits = self.world, self.limits
        seconds = n_substeps * PHYSICS_TIMESTEP
        # a stop brakes as hard as the servos can: its acceleration is not limited
        horizon = np.where(stopped, 1e9, seconds)
        twist = self._clip_speed(np.where(stopped[:, None], 0.0, wanted))
        twist = self.twist + at_most(
            twist - self.twist, limits.tcp_acceleration * horizon,
            limits.tool_turn_acceleration * horizon,
        )  # fmt: skip
        twist = self._clip_speed(np.where(stopped[:, None], 0.0, self.project(twist, now)))
        speed = self._joint_speed(twist, now.jacobian, limits.joint_acceleration * horizon)
        angles = world.qpos[:, : world.n_arm]
        # a servo with this lag moves at `speed` if its target leads by that much
        target = angles + speed * (world.robot.servo_lag + seconds / 2)
        world.ctrl[:, : world.n_arm] = np.clip(target, self._low, self._high)
        self._limit_grip(now)
        self.joint_speed, self.twist = speed, np.einsum("nij,nj->ni", now.jacobian, speed)
        return self.twist

    def _clip_speed(self, twist: NDArray) -> NDArray:
        return at_most(twist, _HEADROOM * self.limits.tcp_speed, self.limits.tool_turn_speed)

    def _joint_speed(self, twist: NDArray, jacobian: NDArray, max_change: NDArray) -> NDArray:
        """Joint speeds for a twist, within limits of speed, range and change [rad/s]."""
        gram = jacobian @ jacobian.transpose(0, 2, 1) + self._ridge
        speed = (jacobian.transpose(0, 2, 1) @ np.linalg.solve(gram, twist[..., None]))[..., 0]
        speed *= joint_share(self.world, speed, self._joint_limit)[:, None]
        change = speed - self.joint_speed
        largest = np.maximum(np.abs(change).max(axis=1), 1e-9)
        speed = self.joint_speed + change * np.minimum(1.0, max_change / largest)[:, None]
        return speed / too_fast(self.world, self.limits)[:, None] ** 2

    def _limit_grip(self, now: Snapshot) -> None:
        """Limit the fingers' force, more so while a fragile object is touched or near."""
        world, limits = self.world, self.limits
        near = np.linalg.norm(world.object_pos - world.tcp_pos[:, None], axis=2) < _NEAR_HAND
        gentle = now.forces.fragile | (near & now.fragile).any(axis=1)
        most = np.where(gentle, limits.fragile_grasp_force, limits.grasp_force)
        most = np.minimum(most, world.robot.gripper.finger_force)
        world.grip_force_range[:] = np.stack([-most, most], axis=1)
