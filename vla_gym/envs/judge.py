"""`Judge`: success, stages, violations and rewards of n sub-environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.running_episodes import RunningEpisodes
from vla_gym.envs.task import Task
from vla_gym.skills import potential, progress, stages_of
from vla_gym.world.world import World

_STATE = ("stage", "wrong_object", "violated", "potential")


class Judge:
    """Evaluates each sub-environment's task after every control step.

    Args:
        world: The simulation.
        current: The running episodes.
        dense: Whether rewards include the progress towards the goal.
    """

    def __init__(self, world: World, current: RunningEpisodes, dense: bool) -> None:
        self.world, self.current, self.dense = world, current, dense
        self.stages: list[tuple[str, ...]] = []
        """Names of the stages of each task, in order."""
        self._tasks: tuple[Task, ...] = ()
        self._learn_tasks()
        n = current.n
        self.stage = np.zeros(n, np.int64)
        """Stages reached so far. Shape (n,)."""
        self.wrong_object = np.zeros(n, bool)
        """Whether an object that plays no role has been grasped. Shape (n,)."""
        self.violated = np.zeros(n, bool)
        """Whether the task's `keep` condition has been broken. Shape (n,)."""
        self.potential = np.zeros(n)
        """Progress after the last step, for dense rewards. Shape (n,)."""

    def _learn_tasks(self) -> None:
        """Look stages and names of the present tasks up, if they have changed."""
        if self._tasks is self.current.tasks:
            return
        self._tasks = self.current.tasks
        self.stages = [tuple(stage.name for stage in stages_of(t.goal)) for t in self._tasks]
        self._reached = _stage_table(self.stages)
        self._names = np.array([t.name for t in self._tasks], object)

    # ---- start of an episode ------------------------------------------------------------------

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Forget earlier episodes of these sub-environments. Shape (m,)."""
        self._learn_tasks()
        self.stage[ids] = 0
        self.wrong_object[ids], self.violated[ids] = False, False

    def start(self, ids: NDArray[np.int64]) -> None:
        """Take the progress from which dense rewards count. Shape (m,)."""
        if self.dense:
            self.potential[ids] = self.potentials()[ids]

    def solved(self) -> NDArray[np.bool_]:
        """Which sub-environments satisfy their goal with no action taken. Shape (n,)."""
        solved = np.zeros(self.current.n, bool)
        for k, task in enumerate(self.current.tasks):
            mine = self.current.of_task(k)
            if mine.any() and not task.terminate:
                solved |= mine & task.goal.holds(self.world, self.current.roles)
        return solved

    # ---- each step ----------------------------------------------------------------------------

    def step(self, ended: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Update stages, violations and wrong objects.

        Args:
            ended: Where the terminate action was given. Shape (n,).

        Returns:
            Which sub-environments succeeded in this step. Shape (n,).
        """
        with self.world.cached_views():
            success = self._successes(ended) & ~self.world.diverged
        grasped = self.world.finger_touch.all(axis=2)
        self.wrong_object |= (grasped & self.current.distractors).any(axis=1)
        return success

    def _successes(self, ended: NDArray[np.bool_]) -> NDArray[np.bool_]:
        world, roles = self.world, self.current.roles
        success = np.zeros(self.current.n, bool)
        for k, task in enumerate(self.current.tasks):
            mine = self.current.of_task(k)
            if not mine.any():
                continue
            task.goal.observe(world, roles)
            done, _ = progress(task.goal, world, roles)
            self.stage[mine] = np.maximum(self.stage, done)[mine]
            if task.keep is not None:
                task.keep.observe(world, roles)
                self.violated |= mine & ~task.keep.holds(world, roles)
            right = task.goal.holds(world, roles) & (ended if task.terminate else ~ended)
            success |= mine & right & ~self.violated
        return success

    def rewards(self, success: NDArray[np.bool_]) -> NDArray[np.float64]:
        """1 on success, and with dense rewards the progress made in this step. Shape (n,)."""
        rewards = success.astype(np.float64)
        if self.dense:
            now = self.potentials()
            rewards += now - self.potential
            self.potential = now
        return rewards

    def potentials(self) -> NDArray[np.float64]:
        """Progress of each sub-environment towards its goal, 0 to 1. Shape (n,)."""
        tasks, roles = self.current.tasks, self.current.roles
        return np.select(
            [self.current.of_task(k) for k in range(len(tasks))],
            [potential(task.goal, self.world, roles) for task in tasks],
        )

    def info(self, success: NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """Entries of infos, as copies.

        Args:
            success: From `step`; None after a reset. Shape (n,).
        """
        current = self.current
        return {
            "is_success": np.zeros(current.n, bool) if success is None else success,
            "stage": self.stage.copy(),
            "stages": self._reached[current.task_id, self.stage],
            "wrong_object": self.wrong_object.copy(),
            "violated": self.violated.copy(),
            "diverged": self.world.diverged.copy(),
            "task": self._names[current.task_id],
            "instruction": current.instructions.copy(),
        }

    # ---- state --------------------------------------------------------------------------------

    def get_state(self) -> dict[str, NDArray]:
        """What carries over from step to step, as copies."""
        return {name: getattr(self, name).copy() for name in _STATE}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        self._learn_tasks()
        for name in _STATE:
            setattr(self, name, np.array(state[name]))


def _stage_table(stages: Sequence[tuple[str, ...]]) -> NDArray:
    """Names of the stages reached, by task and count. Shape (n_tasks, most + 1), of tuples.

    All tuples are as long as the task with most stages needs, "" for stages not reached.
    """
    table = np.empty((len(stages), max(map(len, stages)) + 1), object)
    for k, names in enumerate(stages):
        for count in range(table.shape[1]):
            table[k, count] = names[:count] + ("",) * (table.shape[1] - 1 - count)
    return table
