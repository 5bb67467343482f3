"""`Guard`: the actuator that executes actions within limits and measures what was executed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.safety.approval import Approval, ApprovalRequest
from vla_gym.safety.constraints import at_most
from vla_gym.safety.drive import LimitedDrive
from vla_gym.safety.limits import SafetyConfig
from vla_gym.safety.monitor import Monitor
from vla_gym.safety.snapshot import Snapshot
from vla_gym.world.actuator import Played
from vla_gym.world.controller import TcpDeltaController
from vla_gym.world.model import PHYSICS_TIMESTEP
from vla_gym.world.world import World

_CHUNK = 3
"""Physics steps between two commands of the filter: 100 Hz."""
_CHANGE = 0.15
"""Change of an action, in units of a full one, from which it counts as an intervention."""


class Guard:
    """Executes actions within limits, measures the motion and reports costs; an `Actuator`.

    In the modes "clip" and "veto" the hand is driven at constant velocity through each control
    step, corrected 100 times a second by `LimitedDrive`. In "report" the plain controller acts and
    is only measured.

    Args:
        world: The simulation.
        controller: Maps actions to joint targets.
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
        self.drive = LimitedDrive(world, config.limits, controller.config.damping)
        self._scale = controller.scale * control_hz  # full speed [m/s, rad/s]
        self.protected = np.zeros((world.n, world.n_slots), bool)
        """Objects that the hand keeps away from. Shape (n, n_slots), writable."""
        self.stopped = np.zeros(world.n, bool)
        """Where the arm is stopped. Shape (n,)."""
        self._held = np.zeros(world.n, bool)  # stopped until `release`
        self.clock = time.perf_counter
        """Measures time; `time.thread_time` excludes what other processes take."""
        self.seconds = 0.0
        """Time that filtering and measuring took in the last control step, without physics [s]."""

    # ---- emergency stop -----------------------------------------------------------------------

    def stop(self, mask: NDArray[np.bool_] | None = None) -> None:
        """Stop the arm at once, until `release` is called, over episodes too; the grip is kept.

        Args:
            mask: Sub-environments, or None for all. Shape (n,).
        """
        rows = slice(None) if mask is None else np.asarray(mask, bool)
        self.stopped[rows] = self._held[rows] = True

    def release(self, mask: NDArray[np.bool_] | None = None) -> None:
        """End a stop.

        Args:
            mask: Sub-environments, or None for all. Shape (n,).
        """
        rows = slice(None) if mask is None else np.asarray(mask, bool)
        self.stopped[rows] = self._held[rows] = False

    # ---- actuator -----------------------------------------------------------------------------

    def start(self, ids: NDArray[np.int64], played: Sequence[Played]) -> None:
        """Episodes start; stops that a force has triggered end.

        Args:
            ids: Sub-environments. Shape (m,).
            played: For each of them, role -> the slots that play it.
        """
        self.drive.start(ids)
        self.stopped[ids] = self._held[ids]
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
        """As `vla_gym.world.actuator.Actuator.execute`, within the limits."""
        self.seconds = 0.0
        self.monitor.begin_step()
        executed = actions.copy()
        if self.config.mode == "report":
            self.controller.apply(self.world, actions)
            for k in _chunks(n_substeps):
                self.world.step(k)
                self._measure(k)
            return executed
        wanted, now = executed[:, :6] * self._scale, self._look()
        if self.config.mode == "veto":
            self._veto(wanted, now)
        self._command_gripper(executed)
        total = np.zeros_like(wanted)
        for k in _chunks(n_substeps):
            begin = self.clock()
            twist = self.drive.command(wanted, now, self.stopped, k)
            self.seconds += self.clock() - begin
            total += k * twist
            self.world.step(k)
            now = self._measure(k)
        executed[:, :6] = np.clip(total / n_substeps / self._scale, -1.0, 1.0)
        return executed

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
        out["safety_intervened"] = (np.abs(executed - asked) > _CHANGE).any(axis=1)
        out["executed_action"] = executed
        return out

    def get_state(self) -> dict[str, NDArray]:
        """What carries over from step to step, as copies."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        for name, array in self._arrays().items():
            array[...] = state[name]

    def close(self) -> None:
        """Restore the gripper's own force range."""
        self.drive.close()

    # ---- inside -------------------------------------------------------------------------------

    def _arrays(self) -> dict[str, NDArray]:
        drive = self.drive
        return {"protected": self.protected, "stopped": self.stopped, "held": self._held,
                "twist": drive.twist, "joint_speed": drive.joint_speed}  # fmt: skip

    def _look(self) -> Snapshot:
        return Snapshot.of(self.world, self.config, self.protected)

    def _measure(self, k: int) -> Snapshot:
        """Measure what k physics steps have brought, and stop where the force is too high."""
        begin = self.clock()
        now = self._look()
        self.monitor.measure(now, k * PHYSICS_TIMESTEP)
        if self.config.mode != "report":
            strength = np.linalg.norm(now.forces.contact, axis=1)
            self.stopped |= strength > self.config.limits.emergency_force
        self.seconds += self.clock() - begin
        return now

    def _command_gripper(self, actions: NDArray) -> None:
        """Write the gripper's target; a stopped one keeps its own, also in `actions`."""
        world = self.world
        width = world.ctrl[:, world.n_arm]
        actions[self.stopped, 6] = np.where(width[self.stopped] > 0.0, 1.0, -1.0)
        opening = world.model.actuator_ctrlrange[world.n_arm, 1]
        width[:] = np.where(actions[:, 6] >= 0.0, opening, 0.0)

    def _veto(self, wanted: NDArray, now: Snapshot) -> None:
        """Set twists that would exceed a limit to zero, in place, unless a person approves."""
        limits = self.config.limits
        slow = at_most(wanted, limits.tcp_speed, limits.tool_turn_speed)
        near = self.drive.project(slow, now)
        for i in np.flatnonzero((np.abs(near - wanted) / self._scale > _CHANGE).any(axis=1)):
            reasons = []
            if np.abs(slow[i] - wanted[i]).max() > 1e-6:
                reasons.append("faster than allowed")
            if (slow[i] != near[i]).any():
                reasons.append("towards a limit of position or force")
            what = f"move the hand by {np.round(wanted[i, :3], 2).tolist()} m/s"
            request = ApprovalRequest(what, tuple(reasons), int(i))
            if self.approval is None or not self.approval(request):
                wanted[i] = 0.0


def _chunks(n_substeps: int) -> list[int]:
    full, rest = divmod(n_substeps, _CHUNK)
    return [_CHUNK] * full + ([rest] if rest else [])
