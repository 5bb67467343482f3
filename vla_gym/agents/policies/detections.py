"""Detections of the objects of an instruction, and the interface of what makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.vlm.roles import ROLES
from vla_gym.world.grasping import N_SHAPE

TABLE_CENTRE_M = (0.51, 0.0)
"""Position of objects that were not looked for [m]."""


@dataclass(frozen=True)
class Detections:
    """Position and shape of each role's object, for m observations."""

    xy: NDArray
    """World frame. Shape (m, len(ROLES), 2), [m]."""
    confidence: NDArray
    """Shape (m, len(ROLES)), in [0, 1]."""
    shape: NDArray
    """As `vla_gym.world.grasping.shape_of`, with cosine and sine scaled down where it is uncertain
    how the fingers would grasp it. Shape (m, len(ROLES), N_SHAPE)."""
    new_clause: NDArray[np.bool_] | None = None
    """Whether the objects are those of another clause than in the last step. Shape (m,)."""

    def rows(self, part: slice) -> Detections:
        """Some of the observations."""
        new_clause = None if self.new_clause is None else self.new_clause[part]
        return Detections(self.xy[part], self.confidence[part], self.shape[part], new_clause)

    @classmethod
    def nothing(cls, m: int) -> Detections:
        """Objects that were not looked for: at the centre of the table, with confidence 0."""
        xy = np.broadcast_to(TABLE_CENTRE_M, (m, len(ROLES), 2)).copy()
        shape = np.broadcast_to([0.5, 0.0, 0.0, 0.5], (m, len(ROLES), N_SHAPE)).copy()
        return cls(xy, np.zeros((m, len(ROLES))), shape)


class ObjectSource(Protocol):
    """Finds the table position of each role's object, in n sub-environments at once."""

    reads_final: bool
    """Whether it can use the final observation of an episode after the next one has started."""

    def reset(self, ids: NDArray[np.int64], /) -> None:
        """Episodes start in these sub-environments."""
        ...

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64], /
    ) -> Detections:
        """Find the objects.

        Args:
            obs: m observations.
            instructions: Theirs.
            ids: Their sub-environments. Shape (m,). Where one occurs twice, its second observation
                is the final one of the episode that ended; `reads_final` says whether that is
                allowed.
        """
        ...

    def verbs(self, instructions: Sequence[str], /) -> NDArray[np.float32]:
        """Probability of each verb, in all sub-environments. Shape (n, number of verbs)."""
        ...

    @property
    def memory(self) -> dict[str, NDArray]:
        """State between steps: arrays that a checkpoint keeps, restored in place."""
        ...
