"""What has been achieved, in words: true instructions for episodes that missed their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vla_gym.envs.task import Task
from vla_gym.errors import InstructionError, InvalidConfigError


@dataclass(frozen=True)
class Achieved:
    """Something that is true in a world now, and how one would have asked for it."""

    task: str
    """Name of the task whose goal holds."""
    roles: dict[str, int]
    """Role -> slot."""
    instruction: str
    """A sentence that names those things in this scene."""


def achieved(venv: Any, tasks: Sequence[Task] | None = None, seed: int = 0) -> list[list[Achieved]]:
    """Look for goals that hold, whoever was meant to play their roles.

    For relabelling with hindsight (Andrychowicz et al. 2017): an episode that put the wrong thing
    somewhere is a right episode of another sentence.

    Args:
        venv: A `TabletopVectorEnv`.
        tasks: Whose goals to try; the environment's own by default. Tasks of at most two roles that
            one thing each plays, without memory of earlier steps.
        seed: Chooses the words.

    Returns:
        One list per world.

    Raises:
        InvalidConfigError: If a task is not of that sort.
    """
    core = getattr(venv, "unwrapped", venv)
    world, rng = core.world, np.random.default_rng(seed)
    found: list[list[Achieved]] = [[] for _ in range(world.n)]
    for task in core.tasks if tasks is None else tasks:
        names = list(task.roles)
        if len(names) > 2 or any(r.many or r.absent for r in task.roles.values()):
            raise InvalidConfigError(
                f"{task.name} cannot be looked for afterwards: it needs at most two roles, each of "
                "one thing that is there."
            )
        for slots in itertools.permutations(range(world.n_slots), len(names)):
            roles = {name: np.full(world.n, slot) for name, slot in zip(names, slots, strict=True)}
            for i in np.flatnonzero(task.goal.holds(world, {**core.roles, **roles})):
                episode, mine = core.episodes[i], dict(zip(names, slots, strict=True))
                try:
                    told = episode.with_roles(task, mine, rng)
                except (InstructionError, InvalidConfigError):
                    continue  # something there cannot play this part, or has no name of its own
                found[i].append(Achieved(task.name, mine, told.instruction))
    return found
