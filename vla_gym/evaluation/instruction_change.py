"""Other instructions on the same scenes: other words for the same task, or another object."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from vla_gym.errors import InvalidConfigError


@dataclass(frozen=True)
class Rewording:
    """The same task in other words."""

    axes: tuple[str, ...] = ()
    """Generalisation axes of the words: "phrasings", "nouns", or both."""
    seed: int = 0
    """Chooses among the possible instructions."""

    def reset_options(self, venv: Any) -> dict[str, Any]:
        """Reset options that describe each sub-environment's task in other words."""
        core, texts = venv.unwrapped, []
        for e in core.episodes:
            task, scene = core.running_tasks[e.task], zlib.crc32(e.instruction.encode())
            rng = np.random.default_rng([self.seed, scene])
            texts.append(task.say(e.binding, e.pos, rng, frozenset(self.axes)))
        return {"instruction": texts}


def swap_options(venv: Any) -> dict[str, Any]:
    """Reset options that ask for another object in each sub-environment."""
    return {"roles": other_roles(venv)}


def other_roles(venv: Any) -> list[dict[str, int]]:
    """For each sub-environment, another object of its scene that could play the first role.

    Returns:
        Role -> slot, one dictionary per sub-environment.

    Raises:
        InvalidConfigError: If a scene has no such object.
    """
    core, chosen = venv.unwrapped, []
    for episode in core.episodes:
        task = core.running_tasks[episode.task]
        role = next(iter(task.roles))
        kinds = task.roles[role].kinds + task.roles[role].novel_kinds
        taken = set(episode.binding.roles.values())
        specs = episode.binding.specs
        free = [i for i, s in enumerate(specs) if s.kind in kinds and i not in taken]
        if role not in episode.binding.roles or not free:
            raise InvalidConfigError(
                f"The scene of {episode.instruction!r} has no other {role} to ask for. Objects can"
                f" be swapped in tasks whose first role is one of several objects; {task.name} is"
                " not one of them."
            )
        chosen.append({role: free[0]})
    return chosen
