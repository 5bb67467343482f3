"""Measures the executed motion and turns what exceeds a limit into costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.hand import HandGeometry
from vla_gym.safety.limits import SafetyConfig
from vla_gym.safety.zones import Zones
from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

COSTS = (
    "tcp_speed", "joint_speed", "acceleration", "workspace", "table", "keep_out", "contact_force",
    "grasp_force", "emergency_stop",
)  # fmt: skip
"""Names of the costs: ``info["cost_tcp_speed"]`` and so on."""
PEAKS = ("tcp_speed", "joint_speed", "acceleration", "contact_force", "grasp_force")
"""Names of what is told as the highest of a control step: ``info["peak_tcp_speed"]`` and so on, in
m/s, rad/s, m/s^2 and N."""
_MM = 1e-3
"""Rounding of positions that is no violation [m]."""


@dataclass
class Forces:
    """Forces on the hand now."""

    contact: NDArray
    """Force of the surroundings on the hand, estimated from the joints. Shape (n, 3), [N]."""
    grasp: NDArray
    """Force of each finger. Shape (n,), [N]."""
    fragile: NDArray[np.bool_]
    """Whether something fragile is touched. Shape (n,)."""


class Monitor:
    """Watches n worlds at the rate at which the filter runs.

    Args:
        world: The worlds.
        config: What to watch for.
    """

    def __init__(self, world: World, config: SafetyConfig) -> None:
        self.world, self.config = world, config
        self.fragile = np.array([name in config.limits.fragile for name in KINDS])
        self._joint_limit = np.array(config.limits.joint_speed)
        self._before = np.zeros((world.n, 3))
        self.costs: dict[str, NDArray] = {}
        self.peaks: dict[str, NDArray] = {}
        self.begin_step()

    def begin_step(self) -> None:
        """Forget the last control step's peaks and costs."""
        n = self.world.n
        self.costs = {name: np.zeros(n) for name in COSTS}
        self.peaks = {name: np.zeros(n) for name in PEAKS}
        self._before = self.world.tcp_linvel.copy()

    def forces(self, jacobian: NDArray) -> Forces:
        """Forces at this moment.

        The contact force is what explains the joints' constraint torques best, as arms without a
        force sensor estimate it; forces between the fingers do not show in it.

        Args:
            jacobian: Of the TCP, translation and rotation. Shape (n, 6, n_arm).
        """
        world = self.world
        torque = world.constraint_torque
        gram = jacobian @ jacobian.transpose(0, 2, 1) + 1e-4 * np.eye(6)
        wrench = np.linalg.solve(gram, jacobian @ torque[..., None])[..., 0]
        touched = world.finger_touch.any(axis=2) & world.present
        fragile = (touched & self.fragile[world.kind_id]).sum(axis=1) > 0
        touching = world.finger_touch.any(axis=(1, 2))
        grasp = np.where(touching, np.abs(world.gripper_force), 0.0)
        return Forces(wrench[:, :3], grasp, fragile)

    def look(self, hand: HandGeometry, zones: Zones, forces: Forces, seconds: float) -> None:
        """Take note of how things are.

        Args:
            hand: Where the hand is.
            zones: What to stay out of.
            forces: What acts on it.
            seconds: Time since the last look [s].
        """
        world, limits = self.world, self.config.limits
        velocity = world.tcp_linvel
        speed = np.linalg.norm(velocity, axis=1)
        joints = np.abs(world.qvel[:, : world.n_arm])
        change = np.linalg.norm(velocity - self._before, axis=1) / seconds
        self._before = velocity.copy()
        contact = np.linalg.norm(forces.contact, axis=1)
        for name, now in zip(
            PEAKS, (speed, joints.max(axis=1), change, contact, forces.grasp), strict=True
        ):
            np.maximum(self.peaks[name], now, out=self.peaks[name])
        low = np.array(limits.workspace_low) - world.tcp_pos
        high = world.tcp_pos - np.array(limits.workspace_high)
        lowest = (world.tcp_pos[:, None] + hand.corners)[:, :, 2].min(axis=1)
        contact_limit = np.where(forces.fragile, limits.fragile_contact_force, limits.contact_force)
        grasp_limit = np.where(forces.fragile, limits.fragile_grasp_force, limits.grasp_force)
        self._charge("tcp_speed", speed > limits.tcp_speed)
        self._charge("joint_speed", (joints / self._joint_limit).max(axis=1) > 1.0)
        self._charge("acceleration", change > limits.tcp_acceleration)
        self._charge("workspace", np.maximum(low, high).max(axis=1) > _MM)
        self._charge("table", lowest < limits.table_distance - _MM)
        self._charge("keep_out", self._depth(hand, zones) > _MM)
        self._charge("contact_force", contact > contact_limit)
        self._charge("grasp_force", forces.grasp > grasp_limit + 0.5)

    def _depth(self, hand: HandGeometry, zones: Zones) -> NDArray:
        """Largest depth of a sphere of the hand in any zone. Shape (n,), [m]."""
        if not zones.radius.shape[1]:
            return np.full(self.world.n, -np.inf)
        points = self.world.tcp_pos[:, None] + hand.spheres
        distance, _ = zones.distance(points)
        gap = distance - hand.radii[..., None]
        gap = np.where((hand.radii > 0)[..., None], gap, np.inf)
        return -gap.min(axis=(1, 2))

    def _charge(self, name: str, broken: NDArray[np.bool_]) -> None:
        self.costs[name] = np.maximum(self.costs[name], broken)
