"""`Snapshot`: what filter and monitor need to know at one moment, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.hand import HandGeometry
from vla_gym.safety.limits import Limits, SafetyConfig
from vla_gym.safety.zones import Zones
from vla_gym.world.objects import KINDS
from vla_gym.world.world import World

_DAMPING = 1e-4
"""Damping of the least squares that estimate the contact force [m^2]."""


@dataclass(frozen=True)
class Forces:
    """Forces on the hand."""

    contact: NDArray
    """Force of the surroundings on the hand, estimated from the joints. Shape (n, 3), [N]."""
    grasp: NDArray
    """Force of each finger. Shape (n,), [N]."""
    fragile: NDArray[np.bool_]
    """Whether a fragile object is touched. Shape (n,)."""

    @classmethod
    def of(cls, world: World, jacobian: NDArray, fragile: NDArray[np.bool_]) -> Forces:
        """The present forces.

        The contact force is the least-squares fit to the joints' constraint torques, as an arm
        without a force sensor estimates it. Forces between the fingers are not part of it.

        Args:
            world: The simulation.
            jacobian: Of the TCP, translation and rotation. Shape (n, 6, n_arm).
            fragile: Which slots hold a fragile object. Shape (n, n_slots).
        """
        torque = world.constraint_torque
        gram = jacobian @ jacobian.transpose(0, 2, 1) + _DAMPING * np.eye(6)
        wrench = np.linalg.solve(gram, jacobian @ torque[..., None])[..., 0]
        touched: NDArray[np.bool_] = np.any(world.finger_touch, axis=2)
        grasp = np.where(np.any(touched, axis=1), np.abs(world.gripper_force), 0.0)
        return cls(wrench[:, :3], grasp, np.any(touched & fragile, axis=1))


@dataclass(frozen=True)
class Snapshot:
    """The hand, the zones around it and the forces on it at one moment."""

    hand: HandGeometry
    zones: Zones
    jacobian: NDArray
    """Of the TCP. Shape (n, 6, n_arm), [m/rad, 1]."""
    forces: Forces
    fragile: NDArray[np.bool_]
    """Which slots hold a fragile object. Shape (n, n_slots)."""

    @classmethod
    def of(cls, world: World, config: SafetyConfig, protected: NDArray[np.bool_]) -> Snapshot:
        """The present state.

        Args:
            world: The simulation.
            config: Limits, resolved for the robot, and zones.
            protected: Which objects to keep away from. Shape (n, n_slots).
        """
        jacobian, fragile = world.tcp_jac.transpose(0, 2, 1), fragile_slots(world, config.limits)
        return cls(
            HandGeometry.of(world),
            Zones.of(world, config.keep_out, protected, config.limits.object_distance),
            jacobian,
            Forces.of(world, jacobian, fragile),
            fragile,
        )


def fragile_slots(world: World, limits: Limits) -> NDArray[np.bool_]:
    """Which slots hold an object of a fragile kind. Shape (n, n_slots)."""
    kinds = np.array([name in limits.fragile for name in KINDS])
    return kinds[world.kind_id] & world.present
