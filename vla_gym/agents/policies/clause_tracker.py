"""Which clause of its instruction each sub-environment is at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.grammar_reading import heard_clauses
from vla_gym.envs.observation import PROPRIO_TAIL


class ClauseTracker:
    """Moves on to the next clause of an instruction once the present one is observed to be done.

    Done means that the object is where the target is, and the open gripper is away from it.

    Args:
        n: Number of sub-environments.
    """

    NEAR_M, AWAY_M, OPEN_M = 0.035, 0.08, 0.06
    """Largest distance from object to target, smallest from TCP to object, and smallest gripper
    width of a clause that is done [m]."""

    def __init__(self, n: int) -> None:
        self.clause, self.moved_on = np.zeros(n, np.int64), np.zeros(n, bool)
        self._final = self.clause.copy()  # of the episodes that ended

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Start with the first clause."""
        self._final[ids], self.clause[ids], self.moved_on[ids] = self.clause[ids], 0, False

    def current(
        self, instructions: Sequence[str], ids: NDArray[np.int64], present: NDArray[np.bool_]
    ) -> list[str]:
        """The clause that each of m observations belongs to.

        Args:
            instructions: Whole instructions.
            ids: Sub-environments. Shape (m,).
            present: False where the observation is the final one of an episode that ended.
        """
        at = np.where(present, self.clause[ids], self._final[ids])
        parts = [heard_clauses(text) for text in instructions]
        return [part[min(k, len(part) - 1)] for part, k in zip(parts, at.tolist(), strict=True)]

    def update(
        self, instructions: Sequence[str], ids: NDArray[np.int64], xy: NDArray, height: float,
        proprio: NDArray,
    ) -> NDArray[np.int64]:  # fmt: skip
        """Move on where the present clause is done.

        Args:
            instructions: Whole instructions of m sub-environments.
            ids: The sub-environments.
            xy: Positions of object and target. Shape (m, 2, 2), [m].
            height: Of the objects [m].
            proprio: Ends as `PROPRIO_TAIL` says. Shape (m, any).

        Returns:
            The sub-environments that moved on.
        """
        more = np.array([len(heard_clauses(s)) for s in instructions]) - 1 > self.clause[ids]
        tcp = proprio[:, PROPRIO_TAIL["tcp_pos"]]
        position = np.concatenate([xy[:, 0], np.full((len(ids), 1), height)], axis=1)
        done = np.linalg.norm(xy[:, 0] - xy[:, 1], axis=1) < self.NEAR_M
        done &= np.linalg.norm(tcp - position, axis=1) > self.AWAY_M
        done &= proprio[:, PROPRIO_TAIL["gripper_width"]][:, 0] > self.OPEN_M
        on = ids[done & more]
        self.moved_on[ids] = False
        self.moved_on[on] = True
        self.clause[on] += 1
        return on
