"""`Guard`: stands between actions and the robot, and executes only what keeps to the limits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.approval import Approval, ApprovalRequest
from vla_gym.safety.constraints import at_most, half_spaces, joint_share, too_fast
from vla_gym.safety.filter import nearest
from vla_gym.safety.hand import HandGeometry
from vla_gym.safety.limits import SafetyConfig
from vla_gym.safety.monitor import Forces, Monitor
from vla_gym.safety.zones import Zones
from vla_gym.world.actuator import Played
from vla_gym.world.controller import TcpDeltaController
from vla_gym.world.model import PHYSICS_TIMESTEP
from vla_gym.world.world import World

_CHUNK = 3
"""Physics steps between two looks of the filter: 100 Hz."""
_LEVER = 0.15
"""Length that makes turning and moving comparable [m]."""
_HEADROOM, _JOINT_HEADROOM = 0.8, 0.72
"""Shares of the hand's and the joints' speed limits that are commanded; the servos overshoot the
rest."""
_VETO_SHARE = 0.15
"""Change of an action, in units of a full one, from which it counts as breaking a limit."""


@dataclass(frozen=True)
class _Now:
    """How things are between two spells of physics."""

    hand: HandGeometry
    zones: Zones
    jacobian: NDArray
    """Of the TCP. Shape (n, 6, n_arm)."""
    forces: Forces


class Guard:
    """Executes actions in n worlds within limits, measures what was done, and tells the cost.

    In the modes "clip" and "veto" the hand is driven at constant speed through each control step
    by joint velocities, corrected 100 times a second: speed and acceleration limits, half-spaces
    for workspace, table and keep-out zones whose approach speed falls with the distance (a control
    barrier function, Ames et al. 2019), a scale for joint speeds. In "report" the plain controller
    runs, and is watched.

    Args:
        world: The worlds.
        controller: Maps displacements to joints.
        control_hz: Control steps per second.
        config: Limits and mode.
        approval: Asked in mode "veto" whether a flagged action may be executed as far as the limits
            allow; without it none is.
    """

    def __init__(
        self, world: World, controller: TcpDeltaController, control_hz: float,
        config: SafetyConfig, approval: Approval | None = None,
    ) -> None:  # fmt: skip
        config = replace(config, limits=config.limits.resolve(world.robot))
        self.world, self.controller = world, controller
        self.config, self.approval = config, approval
        self.monitor = Monitor(world, config)
        self._scale = controller.scale * control_hz  # full speed [m/s, rad/s]
        self._joint_limit = _JOINT_HEADROOM * np.array(config.limits.joint_speed)
        n_arm = world.n_arm
        self._range_low, self._range_high = world.model.jnt_range[:n_arm].T
        n = world.n
        self.protected = np.zeros((n, world.n_slots), bool)
        """Things that the hand keeps away from. Shape (n, n_slots); may be written."""
        self.stopped = np.zeros(n, bool)
        self._by_hand = np.zeros(n, bool)
        self._twist, self._speed = np.zeros((n, 6)), np.zeros((n, n_arm))
        self.clock = time.perf_counter
        """Tells the time; `time.thread_time` leaves out what other processes take."""
        self.seconds = 0.0
        """Time spent in the last control step on filtering and measuring, without physics [s]."""

    # ---- emergency stop -----------------------------------------------------------------------

    def stop(self, mask: NDArray[np.bool_] | None = None) -> None:
        """Stop the arm at once and keep it so, over episodes, until `release`; the grip stays.

        Args:
            mask: Worlds, or None for all. Shape (n,).
        """
        rows = slice(None) if mask is None else np.asarray(mask, bool)
        self.stopped[rows] = self._by_hand[rows] = True

    def release(self, mask: NDArray[np.bool_] | None = None) -> None:
        """End a stop.

        Args:
            mask: Worlds, or None for all. Shape (n,).
        """
        rows = slice(None) if mask is None else np.asarray(mask, bool)
        self.stopped[rows] = self._by_hand[rows] = False

    # ---- state --------------------------------------------------------------------------------

    def get_state(self) -> dict[str, NDArray]:
        """What carries over from step to step, as copies."""
        names = ("protected", "stopped", "_by_hand", "_twist", "_speed")
        return {name: getattr(self, name).copy() for name in names}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        for name in self.get_state():
            getattr(self, name)[...] = state[name]

    def close(self) -> None:
        """Give the gripper its own force back."""
        self.world.grip_force_range[:] = self.world.model.actuator_forcerange[self.world.n_arm]

    # ---- the actuator of one step -------------------------------------------------------------

    def start(self, ids: NDArray[np.int64], played: Sequence[Played]) -> None:
        """Episodes start; stops that were tripped by a force end.

        Args:
            ids: Sub-environments. Shape (m,).
            played: For each of them, role -> the slots that play it.
        """
        self._twist[ids] = self._speed[ids] = 0.0
        self.stopped[ids] = self._by_hand[ids]
        self.protected[ids] = False
        for i, roles in zip(ids, played, strict=True):
            for role in self.config.keep_away:
                self.keep_away(int(i), roles.get(role, ()))

    def keep_away(self, i: int, slots: Sequence[int]) -> None:
        """Keep the hand away from objects until the episode ends.

        Args:
            i: Sub-environment.
            slots: Slots of the objects.
        """
        self.protected[i, list(slots)] = True

    def execute(self, actions: NDArray, n_substeps: int) -> NDArray:
        """Run one control step within the limits.

        Args:
            actions: Translation, rotation vector, gripper; further columns are passed on. Shape
                (n, 7) or (n, 8), in [-1, 1].
            n_substeps: Physics steps of one control step.

        Returns:
            The executed actions, shaped as `actions`.
        """
        self.seconds = 0.0
        self.monitor.begin_step()
        if self.config.mode == "report":
            self.controller.apply(self.world, actions)
            for k in _chunks(n_substeps):
                self.world.step(k)
                self._watch(k)
            return actions.copy()
        action = actions.copy()
        wanted = action[:, :6] * self._scale
        now = self._look()
        if self.config.mode == "veto":
            self._veto(wanted, now)
        width = self.world.ctrl[:, self.world.n_arm]
        width_high = self.world.model.actuator_ctrlrange[self.world.n_arm, 1]
        action[self.stopped, 6] = np.where(width[self.stopped] > 0.0, 1.0, -1.0)
        width[:] = np.where(action[:, 6] >= 0.0, width_high, 0.0)
        total = np.zeros_like(wanted)
        for k in _chunks(n_substeps):
            begun = self.clock()
            twist = self._drive(np.where(self.stopped[:, None], 0.0, wanted), now, k)
            self.seconds += self.clock() - begun
            total += k * twist
            self.world.step(k)
            now = self._watch(k)
        action[:, :6] = np.clip(total / n_substeps / self._scale, -1.0, 1.0)
        return action

    def info(self, asked: NDArray, executed: NDArray) -> dict[str, Any]:
        """Entries of the step's infos: costs, peaks, the executed action, whether it differs.

        Args:
            asked: Actions as the policy chose them. Shape (n, 7) or (n, 8).
            executed: From `execute`.
        """
        self.monitor.costs["emergency_stop"] = self.stopped.astype(float)
        out: dict[str, Any] = {f"cost_{k}": v.copy() for k, v in self.monitor.costs.items()}
        out |= {f"peak_{k}": v.copy() for k, v in self.monitor.peaks.items()}
        out["cost"] = np.sum(list(self.monitor.costs.values()), axis=0)
        out["safety_intervened"] = (np.abs(executed - asked) > _VETO_SHARE).any(axis=1)
        out["executed_action"] = executed
        return out

    # ---- inside -------------------------------------------------------------------------------

    def _watch(self, k: int) -> _Now:
        """Take note of what k physics steps have brought."""
        begun = self.clock()
        now = self._look()
        self.monitor.look(now.hand, now.zones, now.forces, k * PHYSICS_TIMESTEP)
        if self.config.mode != "report":
            strength = np.linalg.norm(now.forces.contact, axis=1)
            self.stopped |= strength > self.config.limits.emergency_force
        self.seconds += self.clock() - begun
        return now

    def _look(self) -> _Now:
        c, jacobian = self.config, self.world.tcp_jac.transpose(0, 2, 1)
        zones = Zones.of(self.world, c.keep_out, self.protected, c.limits.object_distance)
        return _Now(HandGeometry.of(self.world), zones, jacobian, self.monitor.forces(jacobian))

    def _drive(self, wanted: NDArray, now: _Now, k: int) -> NDArray:
        """Write joint targets for the next k physics steps; returns the twist they are to bring.

        Args:
            wanted: Twists. Shape (n, 6), [m/s, rad/s].
            now: How things are.
            k: Physics steps.
        """
        world, limits = self.world, self.config.limits
        seconds = k * PHYSICS_TIMESTEP
        twist = at_most(wanted, _HEADROOM * limits.tcp_speed, limits.tool_turn_speed)
        # a stop brakes as hard as the servos can
        hurry = np.where(self.stopped, 1e9, seconds)
        twist = self._twist + at_most(
            twist - self._twist, limits.tcp_acceleration * hurry,
            limits.tool_turn_acceleration * hurry,
        )  # fmt: skip
        normals, least = half_spaces(world, limits, now.hand, now.zones, now.forces)
        lever = np.repeat([1.0, _LEVER], 3)
        twist = nearest(twist * lever, normals / lever, least) / lever
        twist = np.where(self.stopped[:, None], 0.0, twist)
        twist = at_most(twist, _HEADROOM * limits.tcp_speed, limits.tool_turn_speed)
        jacobian = now.jacobian
        gram = jacobian @ jacobian.transpose(0, 2, 1) + self.controller.config.damping**2 * np.eye(
            6
        )
        speed = (jacobian.transpose(0, 2, 1) @ np.linalg.solve(gram, twist[..., None]))[..., 0]
        speed *= joint_share(world, speed, self._joint_limit)[:, None]
        change = speed - self._speed
        most = limits.joint_acceleration * hurry
        speed = self._speed + change * np.minimum(
            1.0, most / np.maximum(np.abs(change).max(axis=1), 1e-9))[:, None]  # fmt: skip
        speed /= too_fast(world, limits)[:, None] ** 2
        self._speed, twist = speed, np.einsum("nij,nj->ni", jacobian, speed)
        angles = world.qpos[:, : world.n_arm]
        # a servo with this lag moves at `speed` if its target leads by so much
        target = angles + speed * (world.robot.servo_lag + seconds / 2)
        world.ctrl[:, : world.n_arm] = np.clip(target, self._range_low, self._range_high)
        self._limit_grip(now.forces)
        self._twist = twist
        return twist

    def _limit_grip(self, forces: Forces) -> None:
        """Let the fingers press only as hard as what is next to them bears."""
        world, limits = self.world, self.config.limits
        fragile = self.monitor.fragile[world.kind_id] & world.present
        near = np.linalg.norm(world.object_pos - world.tcp_pos[:, None], axis=2) < 0.08
        gentle = forces.fragile | (near & fragile).any(axis=1)
        most = np.where(gentle, limits.fragile_grasp_force, limits.grasp_force)
        most = np.minimum(most, world.robot.gripper.finger_force)
        world.grip_force_range[:] = np.stack([-most, most], axis=1)

    def _veto(self, wanted: NDArray, now: _Now) -> None:
        """Replace, in place, what would break a limit by rest, unless a person approves."""
        limits, world = self.config.limits, self.world
        slow = at_most(wanted, limits.tcp_speed, limits.tool_turn_speed)
        normals, least = half_spaces(world, limits, now.hand, now.zones, now.forces)
        lever = np.repeat([1.0, _LEVER], 3)
        near = nearest(slow * lever, normals / lever, least) / lever
        for i in np.flatnonzero((np.abs(near - wanted) / self._scale > _VETO_SHARE).any(axis=1)):
            reasons = ["faster than allowed"] if np.abs(slow[i] - wanted[i]).max() > 1e-6 else []
            reasons += ["towards a limit of place or force"] if (slow[i] != near[i]).any() else []
            what = f"move the hand by {np.round(wanted[i, :3], 2).tolist()} m/s"
            request = ApprovalRequest(what, tuple(reasons), int(i))
            if self.approval is None or not self.approval(request):
                wanted[i] = 0.0


def _chunks(substeps: int) -> list[int]:
    full, rest = divmod(substeps, _CHUNK)
    return [_CHUNK] * full + ([rest] if rest else [])
