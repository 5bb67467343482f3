"""`GoalView`: goals as numbers, beside the sentence, for learners that relabel them (HER)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.envs.running_episodes import RunningEpisodes
from vla_gym.envs.task import Task
from vla_gym.errors import InvalidConfigError
from vla_gym.world.logic import Predicate
from vla_gym.world.world import World

MOST_ROLES = 2
"""Roles of a task whose goals can be counted up: with k roles there are about n_slots^k."""
_FAR = 2.0
"""Bound of object positions in observations [m]."""


class GoalView:
    """What is asked and what has been achieved, as flags over all possible goals of a task.

    A goal of a task is a choice of objects for its roles: "the cube of slot 2 in the bowl of slot
    0". ``desired_goal`` flags the one that the sentence asks for, ``achieved_goal`` all that hold
    now, by the predicates with which the judge decides on success. So the reward of a relabelled
    goal is exact, and a relabelled goal is one that a sentence could have asked for.

    Slots number the objects of a scene; ``observation`` says where they are, in the same order.

    Args:
        world: The simulation.
        current: The running episodes.
        tasks: Of the environment; there must be one, in which the past plays no part.

    Raises:
        InvalidConfigError: If goals cannot be counted up for these tasks.
    """

    def __init__(self, world: World, current: RunningEpisodes, tasks: Sequence[Task]) -> None:
        self.world, self.current = world, current
        problem = _problem(tasks)
        if problem:
            names = ", ".join(t.name for t in tasks[:3])
            raise InvalidConfigError(
                f"goals=True is not possible for {names}: {problem}. It takes one task of at most "
                "two roles, each played by one present object, that is judged by the present state "
                "alone, such as VLAReach-v0 or VLAPickPlace-v0."
            )
        self.task = tasks[0]
        self.goals = tuple(itertools.permutations(range(world.n_slots), len(self.task.roles)))
        """All goals: slots, in the order of the task's roles."""
        self._slots = np.array(self.goals)

    def spaces(self, proprio: spaces.Box) -> dict[str, spaces.Space]:
        """The parts of the observation space.

        Args:
            proprio: The space of the robot's own state.
        """
        bound = np.tile(np.array([1.0, _FAR, _FAR, _FAR], np.float32), self.world.n_slots)
        high = np.concatenate([proprio.high, bound])
        flags = spaces.Box(0.0, 1.0, (len(self.goals),), np.float32)
        return {
            "observation": spaces.Box(-high, high, dtype=np.float32),
            "achieved_goal": flags,
            "desired_goal": flags,
        }

    def observe(self, proprio: NDArray[np.float32], ids: NDArray | None) -> dict[str, NDArray]:
        """The parts of the observation, float32 arrays.

        Args:
            proprio: The robot's own state. Shape (m, k).
            ids: Sub-environments, or None for all. Shape (m,).

        Returns:
            ``observation`` (m, k + 4 n_slots): the robot's own state, then for each slot whether it
            holds an object and where that is [m]; ``achieved_goal`` and ``desired_goal`` (m, g).

        Raises:
            InvalidConfigError: If an episode is of a task that was put together from a sentence.
        """
        rows = slice(None) if ids is None else ids
        here = self.world.present[..., None]
        pos = np.where(here, np.clip(self.world.object_pos, -_FAR, _FAR), 0.0)
        objects = np.concatenate([here, pos], axis=2).reshape(self.world.n, -1)[rows]
        return {
            "observation": np.concatenate([proprio, objects], axis=1).astype(np.float32),
            "achieved_goal": self._achieved()[rows],
            "desired_goal": self._desired()[rows],
        }

    def _achieved(self) -> NDArray[np.float32]:
        world, present = self.world, self.world.present
        flags = np.zeros((world.n, len(self.goals)), np.float32)
        for k, slots in enumerate(self.goals):
            roles = {
                name: np.full(world.n, slot)
                for name, slot in zip(self.task.roles, slots, strict=True)
            }
            there = present[:, list(slots)].all(axis=1) & ~world.diverged
            if there.any():
                flags[:, k] = there & self.task.goal.holds(world, roles)
        return flags

    def _desired(self) -> NDArray[np.float32]:
        for episode in self.current.episodes:
            if episode.own_task is not None:
                raise InvalidConfigError(
                    f"{episode.instruction!r} is no instruction of {self.task.name}, whose goals "
                    "alone goals=True can express. Ask for one of those, or leave goals out."
                )
        asked = np.stack([self.current.roles[name] for name in self.task.roles], axis=1)
        return (self._slots == asked[:, None]).all(axis=2).astype(np.float32)


def compute_reward(achieved_goal: NDArray, desired_goal: NDArray, info: Any = None) -> Any:
    """1 where everything desired is achieved, else 0; nothing is paid where nothing is desired.

    Environments with ``goals=True`` have it as a method.

    Args:
        achieved_goal: Flags over all goals. Shape (g,) or (m, g).
        desired_goal: The same.
        info: Not needed.

    Returns:
        A float, or an array (m,) of float32.

    Raises:
        InvalidConfigError: If the shapes differ.
    """
    met, asked = np.asarray(achieved_goal) > 0.5, np.asarray(desired_goal) > 0.5
    if met.shape != asked.shape:
        raise InvalidConfigError(
            f"achieved_goal has shape {met.shape} and desired_goal {asked.shape}; they must match."
        )
    paid = asked.any(axis=-1) & (met | ~asked).all(axis=-1)
    return float(paid) if paid.ndim == 0 else paid.astype(np.float32)


def _problem(tasks: Sequence[Task]) -> str:
    """Why goals cannot be counted up, or "" if they can."""
    if len(tasks) != 1:
        return "it has several tasks"
    task = tasks[0]
    if len(task.roles) > MOST_ROLES or any(r.many or r.absent for r in task.roles.values()):
        return "it has more than two roles, or one that not exactly one object plays"
    if task.keep is not None or task.terminate:
        return "success there also depends on what happened before"
    return "its goal depends on the past" if _remembers(task.goal) else ""


def _remembers(goal: Predicate) -> bool:
    """Whether a predicate, or a part of it, depends on the past."""
    own = type(goal).observe is not Predicate.observe
    return own or any(map(_remembers, goal.parts()))
