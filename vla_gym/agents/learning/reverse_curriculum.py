"""Reverse curriculum: episodes start close to success, for learning without demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.listeners import Listener
from vla_gym.geometry.rotations import TOOL_DOWN, quat_about, quat_to_mat
from vla_gym.skills.lifting import HOVER
from vla_gym.world.grasping import HOME_TOOL, grasp_turn
from vla_gym.world.objects import KINDS
from vla_gym.world.views import View

HOME = 3.0
"""The environment's own start, see `StartMover`."""


class StartMover:
    """Moves sub-environments to other starts, numbered by how much of the task is left.

    From 0 to 1 the gripper holds the object: at 0 low over the target, at 1 anywhere. From 1 to 2
    it holds the object over the object's own position, at 2 at its height. From 2 to 2.5 the open
    gripper is around the object, aligned with its sides, then ever higher and less aligned; from
    there to 3 ever closer to the home pose. Scene and instruction stay as they are.

    Args:
        venv: A `TabletopVectorEnv`.
    """

    def __init__(self, venv: Any) -> None:
        self.core = venv.unwrapped
        self.solver = self.core.world.arm_solver()

    def move(self, i: int, at: float, rng: Generator) -> bool:
        """Move one sub-environment, just reset, to another start.

        Args:
            i: Sub-environment.
            at: The start, from 0 to `HOME`.
            rng: Chooses positions.

        Returns:
            Whether it was possible; if not, the sub-environment stays at its own start.
        """
        if at >= HOME:
            return True
        core, world = self.core, self.core.world
        obj, target = core.named_slots[i]
        spec = core.episodes[i].binding.specs[obj]
        if not KINDS[spec.kind].graspable:
            return False
        pos = np.array(world.object_pos[i])
        anywhere = rng.uniform([0.38, -0.25, 0.10], [0.66, 0.25, 0.24])
        at_object = pos[obj] + [*rng.normal(0.0, 0.004, 2), 0.0]
        at_object[2] = max(at_object[2], 0.016)
        turn = 0.0
        if at <= 1.0:
            rim = pos[target, 2] + core.episodes[i].binding.specs[target].half_height
            over = np.array([*(pos[target, :2] + rng.normal(0.0, 0.01, 2)), rim])
            over[2] += rng.uniform(0.015, 0.05)
            goal = over + at * (anywhere - over) if target != obj else anywhere
        elif at <= 2.0:
            goal = at_object + np.array([0.0, 0.0, (2.0 - at) * rng.uniform(0.02, 0.16)])
        else:
            up, back = min(2 * (at - 2.0), 1.0), max(2 * (at - 2.5), 0.0)
            goal = at_object + np.array([0.0, 0.0, up * HOVER])
            goal += back * (np.array(world.robot.home_tcp) - goal)
            view = View.of(world, core.named_slots[:, 0])
            turn = (1.0 - up) * grasp_turn(view, HOME_TOOL)[i]
        qpos, error = self.solver.solve(
            goal, world.home_qpos, quat_to_mat(quat_about("z", turn)) @ TOOL_DOWN
        )
        if error > 0.01:
            return False
        self._place(i, int(obj), qpos, 2 * KINDS[spec.kind].half_extents[1] * spec.scale, at <= 2.0)
        return True

    def _place(self, i: int, obj: int, qpos: NDArray, width: float, held: bool) -> None:
        world, ids = self.core.world, np.array([i])
        if held:
            pos, quat = np.array(world.object_pos[ids]), np.array(world.object_quat[ids])
            pos[0, obj], quat[0, obj] = self.solver.tool(qpos)[0], [1.0, 0.0, 0.0, 0.0]
            start_pos = world.start_pos[i].copy()
            world.place(ids, pos, quat)
            world.start_pos[i] = start_pos
        world.reset_robot(ids, qpos, width if held else None)
        if held:
            world.ctrl[i, world.n_arm] = 0.0  # the fingers close on the object
        world.forward(ids)


class ReverseCurriculum(Listener):
    """Moves the start of episodes backwards from success, as the policy improves.

    Most episodes start near the frontier, the others anywhere between it and success. After every
    `window` episodes near the frontier it advances if enough of them succeeded, and retreats if
    hardly any did (reverse curricula: Florensa et al. 2017; Tao et al. 2024).

    Args:
        venv: A `TabletopVectorEnv`, whose later episodes are changed.
        seed: Seed of the choices.
        step: Length of a move of the frontier.
        advance: Success rate from which it advances.
        retreat: Success rate below which it retreats.
        window: Episodes between moves.
    """

    def __init__(
        self,
        venv: Any,
        seed: int = 0,
        step: float = 0.1,
        advance: float = 0.6,
        retreat: float = 0.1,
        window: int = 64,
    ) -> None:
        self.mover, self.rng = StartMover(venv), np.random.default_rng(seed)
        self.step, self.advance, self.retreat, self.window = step, advance, retreat, window
        n = venv.num_envs
        self.at, self._ended = np.full(n, HOME), np.full(n, HOME)
        self._state = np.array([step, 0.0, 0.0])  # frontier, episodes near it, successes
        self.mover.core.add_listener(self)

    @property
    def frontier(self) -> float:
        """The start that is being learnt, from 0 to `HOME`."""
        return float(self._state[0])

    @property
    def progress(self) -> float:
        """Scalar to log: the frontier."""
        return self.frontier

    def note(self, done: NDArray[np.bool_], success: NDArray[np.bool_]) -> None:
        """Take in how episodes ended; the next ones have started.

        Args:
            done: Sub-environments whose episode ended. Shape (n,).
            success: Whether it succeeded. Shape (n,).
        """
        near = done & (self._ended >= self._near)
        self._state[1:] += near.sum(), (near & success).sum()
        if self._state[1] >= self.window:
            rate = self._state[2] / self._state[1]
            move = self.step * (float(rate >= self.advance) - float(rate < self.retreat))
            self._state[:] = np.clip(self.frontier + move, self.step, HOME), 0.0, 0.0

    def get_state(self) -> dict[str, NDArray]:
        """The state, as copies of plain arrays."""
        return {"state": self._state.copy(), "at": self.at.copy(), "ended": self._ended.copy()}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Restore a state from `get_state`."""
        self._state[:], self.at[:], self._ended[:] = (state[k] for k in ("state", "at", "ended"))

    @property
    def _near(self) -> float:
        return self.frontier - 2 * self.step if self.frontier < HOME else HOME

    def on_episode_start(self, venv: Any, ids: NDArray[np.int64]) -> None:
        """Move the start of episodes that have just been set up.

        Args:
            venv: The environment.
            ids: Sub-environments. Shape (m,).
        """
        self._ended[ids] = self.at[ids]
        for i in ids:
            low = self._near if self.rng.random() < 0.7 else 0.0
            at = float(self.rng.uniform(low, self.frontier))
            moved = self.mover.move(int(i), at, self.rng)
            # one that could not be moved counts only once the frontier is at home
            self.at[i] = at if moved else (HOME if self.frontier >= HOME else -1.0)
