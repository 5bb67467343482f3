"""One episode's data: what lies where, who plays which role, what is said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.task import Binding, Task
from vla_gym.errors import InvalidConfigError, PlacementError
from vla_gym.world.objects import KINDS, ObjectSpec

_DRAWS = 20


@dataclass(frozen=True)
class Episode:
    """How an episode begins and what it asks for."""

    binding: Binding
    """Objects and roles."""
    pos: NDArray
    """Where objects start. Shape (n_slots, 3), [m]."""
    quat: NDArray
    """How they are turned, wxyz. Shape (n_slots, 4)."""
    instruction: str
    """The sentence."""

    @classmethod
    def draw(cls, task: Task, rng: Generator, n_slots: int) -> Episode:
        """Draw objects, places and a sentence.

        Args:
            task: What is to be done.
            rng: Source of randomness.
            n_slots: Object slots of a world.

        Raises:
            PlacementError: If no drawn set of objects could be placed.
        """
        for attempt in range(_DRAWS):
            binding = task.bind(rng)
            try:
                pos, quat = task.start.sample(rng, binding.specs, n_slots)
            except PlacementError:
                if attempt + 1 == _DRAWS:
                    raise
                continue
            return cls(binding, pos, quat, task.say(binding, rng))
        raise AssertionError("unreachable")

    def asking(self, task: Task, roles: Mapping[str, int], rng: Generator) -> Episode:
        """The same scene with another sentence.

        Args:
            task: What is to be done.
            roles: Role -> slot, for the roles that change.
            rng: Chooses the sentence's template.

        Raises:
            InvalidConfigError: If a role is unknown or the slot cannot play it.
        """
        new = dict(self.binding.roles)
        for name, slot in roles.items():
            if name not in task.roles:
                raise InvalidConfigError(
                    f"Unknown role {name!r}. {task.name} has: {', '.join(task.roles)}."
                )
            fits = [
                i for i, s in enumerate(self.binding.specs) if s.kind in task.roles[name].kinds
            ]
            if slot not in fits:
                what = self.binding.specs[slot].kind if 0 <= slot < len(self.binding.specs) else "-"
                raise InvalidConfigError(
                    f"Slot {slot} ({what}) cannot be the {name}; slots that can: {fits}."
                )
            new[name] = int(slot)
        binding = Binding(self.binding.specs, self.binding.colours, new)
        return Episode(binding, self.pos, self.quat, task.say(binding, rng))


def pack(episodes: Sequence[Episode]) -> NDArray[np.uint8]:
    """Episodes as bytes, exact to the last bit."""
    rows = [
        {
            "specs": [asdict(s) for s in e.binding.specs],
            "colours": e.binding.colours,
            "roles": e.binding.roles,
            "pos": e.pos.tolist(),
            "quat": e.quat.tolist(),
            "instruction": e.instruction,
        }
        for e in episodes
    ]
    return np.frombuffer(json.dumps(rows).encode(), np.uint8).copy()


def unpack(data: NDArray[np.uint8]) -> list[Episode]:
    """Episodes from `pack`."""
    return [
        Episode(
            Binding(
                tuple(ObjectSpec(**{**s, "rgb": tuple(s["rgb"])}) for s in row["specs"]),
                tuple(row["colours"]),
                {name: int(slot) for name, slot in row["roles"].items()},
            ),
            np.array(row["pos"]),
            np.array(row["quat"]),
            row["instruction"],
        )
        for row in json.loads(bytes(data.tobytes()))
    ]


def graspable(episode: Episode, n_slots: int) -> NDArray[np.bool_]:
    """Which slots hold something that the gripper could take. Shape (n_slots,)."""
    flags = [KINDS[s.kind].graspable for s in episode.binding.specs]
    return np.array(flags + [False] * (n_slots - len(flags)))
