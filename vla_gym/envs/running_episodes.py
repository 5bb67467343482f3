"""`RunningEpisodes`: the episodes that n sub-environments are running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.episode import Episode, graspable, named_slots
from vla_gym.envs.task import Task
from vla_gym.errors import InvalidConfigError
from vla_gym.language.understanding import Understanding


class RunningEpisodes:
    """The current episode of each sub-environment, and the same as arrays.

    Args:
        tasks: Every task that a drawn episode can be of.
        n: Number of sub-environments.
        n_slots: Object slots of each.
    """

    def __init__(self, tasks: Sequence[Task], n: int, n_slots: int) -> None:
        self.tasks, self.n, self._n_slots = tuple(tasks), n, n_slots
        self._shipped = self.tasks
        self.episodes: list[Episode] = []
        """One per sub-environment; none before the first reset."""
        self.task_id = np.zeros(n, np.int64)
        """Index into `tasks`. Shape (n,)."""
        self.horizons = np.zeros(n, np.int64)
        """Step limit of each episode's task at 10 Hz. Shape (n,)."""
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
        for task in self.tasks:
            self._add_roles(task)

    def _add_roles(self, task: Task) -> None:
        for name, role in task.roles.items():
            flags = np.zeros((self.n, self._n_slots), bool)
            fresh = flags if role.many else np.zeros(self.n, np.int64)
            if self.roles.setdefault(name, fresh).shape != fresh.shape:
                raise InvalidConfigError(
                    f"Role {name!r} of {task.name} is played by {'several' if role.many else 'one'}"
                    " and in another task of this environment it is not; rename one of them."
                )

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
        self._number_tasks()
        for i in ids:
            episode = self.episodes[i]
            self.task_id[i], self.instructions[i] = episode.task, episode.instruction
            self.horizons[i] = self.tasks[episode.task].horizon
            self.named_slots[i] = named_slots(episode, self.tasks[episode.task])
            self.distractors[i] = graspable(episode, self._n_slots)
            for name, slot in episode.binding.roles.items():
                self.roles[name][i] = slot
                self.distractors[i, slot] = False
            for name, slots in episode.binding.groups.items():
                self.roles[name][i] = False
                self.roles[name][i, list(slots)] = True
                self.distractors[i, list(slots)] = False

    def _number_tasks(self) -> None:
        """Append the tasks that were put together for running episodes, and number those.

        The numbers follow from the running episodes alone, so that a restored state has the same.
        """
        if len(self.tasks) == len(self._shipped) and all(e.meaning is None for e in self.episodes):
            return
        own: dict[tuple[Understanding | None, str], int] = {}
        tasks = list(self._shipped)
        for i, episode in enumerate(self.episodes):
            task = episode.own_task
            if task is None:
                continue
            key = (episode.meaning, task.name)
            if key not in own:
                own[key] = len(tasks)
                tasks.append(task)
                self._add_roles(task)
            if episode.task != own[key]:
                self.episodes[i] = replace(episode, task=own[key])
            self.task_id[i] = own[key]
        self.tasks = tuple(tasks)
