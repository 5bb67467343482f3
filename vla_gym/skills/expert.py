"""`Expert`: scripted actions towards a task's goal, from privileged state, without memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InvalidConfigError
from vla_gym.skills.motion import Motion
from vla_gym.skills.skill_registry import motion_for
from vla_gym.world.batch_behind import batch_behind, is_single


class Expert:
    """Acts towards the goal of each sub-environment's task.

    Args:
        venv: A `TabletopVectorEnv`, or anything with `world`, `roles`, `task` and
            `action_scale`; wrapped or not. Of a single environment, from `gymnasium.make`, actions
            have no leading axis.
        action_noise: Standard deviation of the noise on executed motions, in action units.
        seed: Seed of the noise.

    Raises:
        InvalidConfigError: If the noise is negative, or there is no simulation to look into.
    """

    def __init__(self, venv: Any, action_noise: float = 0.0, seed: int = 0) -> None:
        if action_noise < 0:
            raise InvalidConfigError(f"action_noise must be 0 or more, not {action_noise}.")
        self._single, self.venv = is_single(venv), batch_behind(venv)
        if not hasattr(self.venv, "world"):
            raise InvalidConfigError(
                f"The expert looks into the simulation, and {type(self.venv).__name__} has none of "
                "its own. Pass one from gymnasium.make(id) or vla_gym.make_vec(id)."
            )
        self.action_noise = action_noise
        self._rng = np.random.default_rng(seed)
        self._scale = self.venv.action_scale

    def reset(self, mask: NDArray[np.bool_] | None = None) -> None:
        """Start episodes; there is nothing to forget."""

    def act(self, obs: Any = None) -> NDArray[np.float32]:
        """The next action without noise. Shape (n, 7), or (n, 8) with `terminate_action`.

        Of a single environment (7,) or (8,).
        """
        world = self.venv.world
        motion = self._motion()
        ends = getattr(self.venv, "terminate_action", False)
        action = np.zeros((world.n, 8 if ends else 7))
        move = motion.delta / self._scale[:3]
        action[:, :3] = move / np.maximum(np.abs(move).max(axis=1, keepdims=True), 1.0)
        turn = np.cross(world.tcp_mat[:, :, 2], motion.axis)
        turn[:, 2] += motion.yaw
        action[:, 3:6] = np.clip(turn / self._scale[3:], -1.0, 1.0)
        settings = getattr(self.venv, "settings", None)
        closes = getattr(settings, "gripper_sign", None) == "positive_closes"
        action[:, 6] = -motion.grip if closes else motion.grip
        if ends:
            action[:, 7] = np.where(self._finished(), 1.0, -1.0)
        action = action.astype(np.float32)
        return action[0] if self._single else action

    def act_noisy(self, obs: Any = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The action to execute, with noise on the motion, and the action to learn. As `act`."""
        clean = self.act(obs)
        noisy = clean.copy()
        noise = self._rng.normal(0.0, self.action_noise, clean[..., :6].shape)
        noisy[..., :6] = np.clip(clean[..., :6] + noise, -1.0, 1.0)
        return noisy, clean

    def _tasks(self) -> list[tuple[Any, NDArray[np.bool_]]]:
        """The tasks in use, and which sub-environments have each."""
        tasks = getattr(self.venv, "running_tasks", None) or getattr(self.venv, "tasks", None)
        tasks = tasks or (self.venv.task,)
        ids = getattr(self.venv, "task_id", np.zeros(self.venv.world.n, int))
        return [(task, ids == k) for k, task in enumerate(tasks) if (ids == k).any()]

    def _motion(self) -> Motion:
        world, tasks = self.venv.world, self._tasks()
        motions = [
            motion_for(task.goal, world, self.venv.roles) or Motion.rest(world.n)
            for task, _ in tasks
        ]
        return Motion.choose(np.stack([mine for _, mine in tasks]).argmax(axis=0), motions)

    def _finished(self) -> NDArray[np.bool_]:
        """Whether success is to end the episode now. Shape (n,)."""
        world, done = self.venv.world, np.zeros(self.venv.world.n, bool)
        for task, mine in self._tasks():
            if task.terminate:
                done |= mine & task.goal.holds(world, self.venv.roles)
        return done
