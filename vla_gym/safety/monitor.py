"""`Monitor`: measures the executed motion and turns exceeded limits into costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.limits import SafetyConfig
from vla_gym.safety.snapshot import Snapshot
from vla_gym.world.world import World

COSTS = (
    "tcp_speed", "joint_speed", "acceleration", "workspace", "table", "keep_out", "contact_force",
    "grasp_force", "emergency_stop",
)  # fmt: skip
"""Names of the costs: ``info["cost_tcp_speed"]`` and so on."""
PEAKS = ("tcp_speed", "joint_speed", "acceleration", "contact_force", "grasp_force")
"""Measurements whose maximum over a control step is reported: ``info["peak_tcp_speed"]`` and so on,
in m/s, rad/s, m/s^2, N and N."""
_POSITION_SLACK = 1e-3
"""Positions may exceed limits by so much without a cost [m]."""
_GRASP_SLACK = 0.5
"""The same for the force of a finger, which overshoots its command a little [N]."""


class Monitor:
    """Measures n sub-environments each time it is given a snapshot.

    Args:
        world: The simulation.
        config: Limits, resolved for the robot, and zones.
    """

    def __init__(self, world: World, config: SafetyConfig) -> None:
        self.world, self.config = world, config
        self._joint_limit = np.array(config.limits.joint_speed)
        self._velocity = np.zeros((world.n, 3))  # at the last measurement
        self.costs: dict[str, NDArray] = {}
        """Cost -> 1 where its limit has been exceeded in this control step, else 0. Shapes (n,)."""
        self.peaks: dict[str, NDArray] = {}
        """Measurement -> its maximum in this control step. Shapes (n,)."""
        self.begin_step()

    def begin_step(self) -> None:
        """Start a control step: costs and peaks return to zero."""
        n = self.world.n
        self.costs = {name: np.zeros(n) for name in COSTS}
        self.peaks = {name: np.zeros(n) for name in PEAKS}
        self._velocity = self.world.tcp_linvel.copy()

    def measure(self, now: Snapshot, seconds: float) -> None:
        """Update costs and peaks.

        Args:
            now: The present state.
            seconds: Time since the last measurement [s].
        """
        world, limits, forces = self.world, self.config.limits, now.forces
        velocity = world.tcp_linvel
        speed = np.linalg.norm(velocity, axis=1)
        joints = np.abs(world.qvel[:, : world.n_arm])
        acceleration = np.linalg.norm(velocity - self._velocity, axis=1) / seconds
        self._velocity = velocity.copy()
        contact = np.linalg.norm(forces.contact, axis=1)
        measured = (speed, joints.max(axis=1), acceleration, contact, forces.grasp)
        for name, value in zip(PEAKS, measured, strict=True):
            np.maximum(self.peaks[name], value, out=self.peaks[name])
        low = np.array(limits.workspace_low) - world.tcp_pos
        high = world.tcp_pos - np.array(limits.workspace_high)
        lowest = (world.tcp_pos[:, None] + now.hand.corners)[:, :, 2].min(axis=1)
        contact_limit = np.where(forces.fragile, limits.fragile_contact_force, limits.contact_force)
        grasp_limit = np.where(forces.fragile, limits.fragile_grasp_force, limits.grasp_force)
        self._charge("tcp_speed", speed > limits.tcp_speed)
        self._charge("joint_speed", (joints / self._joint_limit).max(axis=1) > 1.0)
        self._charge("acceleration", acceleration > limits.tcp_acceleration)
        self._charge("workspace", np.maximum(low, high).max(axis=1) > _POSITION_SLACK)
        self._charge("table", lowest < limits.table_distance - _POSITION_SLACK)
        self._charge("keep_out", self._depth(now) > _POSITION_SLACK)
        self._charge("contact_force", contact > contact_limit)
        self._charge("grasp_force", forces.grasp > grasp_limit + _GRASP_SLACK)

    def _depth(self, now: Snapshot) -> NDArray:
        """Largest depth of a sphere of the hand in any zone. Shape (n,), [m]."""
        hand, zones = now.hand, now.zones
        if not zones.radius.shape[1]:
            return np.full(self.world.n, -np.inf)
        distance, _ = zones.distance(self.world.tcp_pos[:, None] + hand.spheres)
        gap = distance - hand.radii[..., None]
        gap = np.where((hand.radii > 0)[..., None], gap, np.inf)
        return -gap.min(axis=(1, 2))

    def _charge(self, name: str, exceeded: NDArray[np.bool_]) -> None:
        self.costs[name] = np.maximum(self.costs[name], exceeded)
