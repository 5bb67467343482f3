"""Hindsight relabelling: instructions that an episode has fulfilled, whatever its own was."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vla_gym.envs.task import Task
from vla_gym.errors import InstructionError, InvalidConfigError
from vla_gym.world.batch_behind import batch_behind


@dataclass(frozen=True)
class Achieved:
    """A goal that holds in a sub-environment, and an instruction that asks for it."""

    task: str
    """Name of the task whose goal holds."""
    roles: dict[str, int]
    """Role -> slot."""
    instruction: str
    """Names those objects in this scene."""


def achieved(venv: Any, tasks: Sequence[Task] | None = None, seed: int = 0) -> list[list[Achieved]]:
    """Find all goals that hold now, for any assignment of objects to roles.

    For hindsight relabelling (Andrychowicz et al. 2017): an episode that put the wrong object
    somewhere is a successful episode of another instruction.

    Args:
        venv: A `TabletopVectorEnv`, or a single environment, which counts as a batch of one.
        tasks: Whose goals to try, with at most two roles each, played by one present object each;
            by default those of the environment's own that are so. Goals that depend on earlier
            steps are not found.
        seed: Chooses the words.

    Returns:
        One list per sub-environment.

    Raises:
        InvalidConfigError: If a task has other roles.
    """
    core = batch_behind(venv)
    world, rng = core.world, np.random.default_rng(seed)
    found: list[list[Achieved]] = [[] for _ in range(world.n)]
    for task in filter(_can_be_found, core.tasks) if tasks is None else tasks:
        names = list(task.roles)
        if not _can_be_found(task):
            raise InvalidConfigError(
                f"{task.name} cannot be found in hindsight: a task must have at most two roles, "
                "each played by one present object. Pass tasks=... with such tasks."
            )
        for slots in itertools.permutations(range(world.n_slots), len(names)):
            roles = {name: np.full(world.n, slot) for name, slot in zip(names, slots, strict=True)}
            for i in np.flatnonzero(task.goal.holds(world, {**core.roles, **roles})):
                episode, mine = core.episodes[i], dict(zip(names, slots, strict=True))
                try:
                    relabelled = episode.with_roles(task, mine, rng)
                except (InstructionError, InvalidConfigError):
                    continue  # an object cannot play its role, or cannot be told apart by words
                found[i].append(Achieved(task.name, mine, relabelled.instruction))
    return found


def _can_be_found(task: Task) -> bool:
    return len(task.roles) <= 2 and not any(r.many or r.absent for r in task.roles.values())
