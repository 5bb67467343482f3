"""Where in its sentence a policy is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.language.clauses import split_clauses


class Reading:
    """Where in its sentence each world is: the next clause begins when the last one is seen done.

    Done means that its object lies where its target does, and the open hand is away from it.

    Args:
        n: Number of worlds.
    """

    NEAR_M, AWAY_M, OPEN_M = 0.035, 0.08, 0.06
    """Distance of object and target, of the hand from the object, and width of the gripper [m]."""

    def __init__(self, n: int) -> None:
        self.clause, self.anew = np.zeros(n, np.int64), np.zeros(n, bool)
        self._ended = self.clause.copy()

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Begin these worlds' sentences."""
        self._ended[ids], self.clause[ids], self.anew[ids] = self.clause[ids], 0, False

    def words(
        self, instructions: Sequence[str], ids: NDArray[np.int64], now: NDArray[np.bool_]
    ) -> list[str]:
        """The clauses of m observations.

        Args:
            instructions: Whole sentences.
            ids: Worlds. Shape (m,).
            now: Whether it is the world's present observation, not its last of an ended episode.
        """
        at = np.where(now, self.clause[ids], self._ended[ids])
        parts = [split_clauses(text) for text in instructions]
        return [part[min(k, len(part) - 1)] for part, k in zip(parts, at.tolist(), strict=True)]

    def note(
        self, instructions: Sequence[str], ids: NDArray[np.int64], xy: NDArray, height: float,
        proprio: NDArray,
    ) -> NDArray[np.int64]:  # fmt: skip
        """Go on where a clause is done.

        Args:
            instructions: Whole sentences of m worlds.
            ids: The worlds.
            xy: Where their object and target were found. Shape (m, 2, 2), [m].
            height: Of the objects [m].
            proprio: Ends as `PROPRIO_TAIL` says. Shape (m, any).

        Returns:
            The worlds that went on.
        """
        more = np.array([len(split_clauses(s)) for s in instructions]) - 1 > self.clause[ids]
        tcp = proprio[:, PROPRIO_TAIL["tcp_pos"]]
        lies = np.concatenate([xy[:, 0], np.full((len(ids), 1), height)], axis=1)
        done = np.linalg.norm(xy[:, 0] - xy[:, 1], axis=1) < self.NEAR_M
        done &= np.linalg.norm(tcp - lies, axis=1) > self.AWAY_M
        done &= proprio[:, PROPRIO_TAIL["gripper_width"]][:, 0] > self.OPEN_M
        on = ids[done & more]
        self.anew[ids] = False
        self.anew[on] = True
        self.clause[on] += 1
        return on
