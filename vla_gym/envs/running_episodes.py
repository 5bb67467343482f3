"""`RunningEpisodes`: the episodes that n sub-environments are running."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.episode import Episode, graspable, named_slots
from vla_gym.envs.task import Task


class RunningEpisodes:
    """The current episode of each sub-environment, and the same as arrays.

    Args:
        tasks: Every task that an episode can be of.
        n: Number of sub-environments.
        n_slots: Object slots of each.
    """

    def __init__(self, tasks: Sequence[Task], n: int, n_slots: int) -> None:
        self.tasks, self.n, self._n_slots = tuple(tasks), n, n_slots
        self.episodes: list[Episode] = []
        """One per sub-environment; none before the first reset."""
        self.task_id = np.zeros(n, np.int64)
        """Index into `tasks`. Shape (n,)."""
        self.elapsed = np.zeros(n, np.int64)
        """Control steps since the episode started. Shape (n,)."""
        self.instructions = np.full(n, "", object)
        """Shape (n,), of str."""
        self.named_slots = np.zeros((n, 2), np.int64)
        """Slots of the first and the last object that the instruction names. Shape (n, 2)."""
        self.distractors = np.zeros((n, n_slots), bool)
        """Slots of graspable objects that play no role. Shape (n, n_slots)."""
        self.roles: dict[str, NDArray] = {}
        """Role name -> slot (n,), or for roles that several objects play, flags (n, n_slots)."""
        for name, role in (item for task in self.tasks for item in task.roles.items()):
            flags = np.zeros((n, n_slots), bool)
            self.roles[name] = flags if role.many else np.zeros(n, np.int64)

    def of_task(self, k: int) -> NDArray[np.bool_]:
        """Which sub-environments run an episode of task k. Shape (n,)."""
        return self.task_id == k

    def adopt(self, ids: NDArray[np.int64], episodes: Sequence[Episode]) -> None:
        """Take over new episodes; `elapsed` is left as it is.

        Args:
            ids: Sub-environments. Shape (m,).
            episodes: One for each of them.
        """
        if not self.episodes:
            self.episodes = list(episodes)
        for i, episode in zip(ids, episodes, strict=True):
            self.episodes[i] = episode
            self.task_id[i], self.instructions[i] = episode.task, episode.instruction
            self.named_slots[i] = named_slots(episode, self.tasks[episode.task])
            self.distractors[i] = graspable(episode, self._n_slots)
            for name, slot in episode.binding.roles.items():
                self.roles[name][i] = slot
                self.distractors[i, slot] = False
            for name, slots in episode.binding.groups.items():
                self.roles[name][i] = False
                self.roles[name][i, list(slots)] = True
                self.distractors[i, list(slots)] = False
