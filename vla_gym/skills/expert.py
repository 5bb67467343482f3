"""The batched scripted expert: goal in, action out, no memory between steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InvalidConfigError
from vla_gym.skills.motions import Motion, motion_for


class Expert:
    """Drives every world towards its task's goal from privileged state.

    Args:
        venv: A batch of worlds with `world`, `roles`, `task` and `action_scale`.
        action_noise: Standard deviation of noise on the executed motion, in action units.
        seed: Seed of that noise.
    """

    def __init__(self, venv: Any, action_noise: float = 0.0, seed: int = 0) -> None:
        if action_noise < 0:
            raise InvalidConfigError(f"action_noise must be 0 or more, not {action_noise}.")
        self.venv, self.action_noise = venv, action_noise
        self._rng = np.random.default_rng(seed)
        self._scale = venv.action_scale

    def reset(self, mask: NDArray[np.bool_] | None = None) -> None:
        """Begin episodes; nothing to forget."""

    def act(self, obs: Any = None) -> NDArray[np.float32]:
        """The clean next action. Shape (n, 7), or (n, 8) where episodes can be ended."""
        world = self.venv.world
        motion = self._motion()
        ends = getattr(self.venv, "terminate_action", False)
        action = np.zeros((world.n, 8 if ends else 7))
        move = motion.delta / self._scale[:3]
        action[:, :3] = move / np.maximum(np.abs(move).max(axis=1, keepdims=True), 1.0)
        turn = np.cross(world.tcp_mat[:, :, 2], motion.axis)
        turn[:, 2] += motion.yaw
        action[:, 3:6] = np.clip(turn / self._scale[3:], -1.0, 1.0)
        action[:, 6] = motion.grip
        if ends:
            action[:, 7] = np.where(self._finished(), 1.0, -1.0)
        return action.astype(np.float32)

    def _tasks(self) -> list[tuple[Any, NDArray[np.bool_]]]:
        """The environment's tasks and the worlds that have them."""
        tasks = getattr(self.venv, "tasks", None) or (self.venv.task,)
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
        """Worlds in which success is to end the episode now."""
        world, done = self.venv.world, np.zeros(self.venv.world.n, bool)
        for task, mine in self._tasks():
            if task.terminate:
                done |= mine & task.goal.holds(world, self.venv.roles)
        return done

    def act_noisy(self, obs: Any = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What to execute (with noise on the motion) and the clean label. Each (n, 7)."""
        clean = self.act(obs)
        noisy = clean.copy()
        noise = self._rng.normal(0.0, self.action_noise, clean[:, :6].shape)
        noisy[:, :6] = np.clip(clean[:, :6] + noise, -1.0, 1.0)
        return noisy, clean
