"""`Binding`: the objects of one episode and the roles they play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vla_gym.language.noun_phrases import NounPhrase, SceneObjects, resolve
from vla_gym.world.objects import KINDS, ObjectSpec


@dataclass(frozen=True)
class Binding:
    """What the objects of an episode are, what they are called, which roles they play."""

    specs: tuple[ObjectSpec, ...]
    """One per occupied slot."""
    colours: tuple[str, ...]
    """Colour word of each slot."""
    roles: dict[str, int]
    """Role -> slot."""
    groups: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Role that several objects play -> slots."""
    spoken: dict[str, NounPhrase] = field(default_factory=dict)
    """Role -> its phrase, where that is fixed before the instruction is worded."""

    @property
    def played(self) -> dict[str, tuple[int, ...]]:
        """Role -> all slots that play it."""
        return {**{role: (slot,) for role, slot in self.roles.items()}, **self.groups}

    @property
    def slots(self) -> tuple[int, ...]:
        """Every slot that plays a role; single roles first."""
        return tuple(slot for slots in self.played.values() for slot in slots)

    def seen(self, pos: NDArray) -> SceneObjects:
        """The scene in which phrases are resolved.

        Args:
            pos: Positions of objects. Shape (n_slots, 3), [m].
        """
        specs = self.specs
        return SceneObjects(
            [s.kind for s in specs], [s.size for s in specs], self.colours,
            [s.rgb for s in specs], np.asarray(pos)[: len(specs), :2],
            np.asarray(pos)[: len(specs), 2],
        )  # fmt: skip


def phrases_fit(binding: Binding, pos: NDArray, phrases: Mapping[str, NounPhrase]) -> bool:
    """Whether each phrase names exactly the objects that play its role in this scene.

    Args:
        binding: The episode's objects.
        pos: Their positions. Shape (n_slots, 3), [m].
        phrases: Role -> phrase.
    """
    seen = binding.seen(pos)
    for role, phrase in phrases.items():
        meant = resolve(phrase, seen)
        if role in binding.groups:
            meant = [i for i in meant if KINDS[binding.specs[i].kind].graspable]
            if tuple(meant) != binding.groups[role]:
                return False
        elif meant != ([binding.roles[role]] if role in binding.roles else []):
            return False
    return True
