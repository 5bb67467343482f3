"""Which clause of its instruction each sub-environment is at."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.composing import compose
from vla_gym.envs.grammar_reading import heard_clauses
from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.errors import InstructionError
from vla_gym.language.reading import understand
from vla_gym.skills import VERBS, verb_of
from vla_gym.world.logic import InOrder

VERB_IDS = {verb: i for i, verb in enumerate(VERBS)}
"""Verb -> its place in `VERBS`."""
_BROUGHT = ("put", "stack", "several")
_LET_GO = ("put left", "put right", "put front", "put behind", "stand up")
_DRAWERS = ("open", "close")
_SHOVED = ("push", "strike")


class ClauseTracker:
    """Moves on to the next clause of an instruction once the present one is observed to be done.

    What done means depends on the verb: something that is brought somewhere is near the target
    and the open gripper away from it; something set down elsewhere or stood up has been gripped
    and let go of; a lifted thing has been raised; a drawer has been drawn along; a button has been
    stayed on. Of texts that are not understood every clause is taken to bring something.

    Args:
        n: Number of sub-environments.
    """

    NEAR_M, AWAY_M, OPEN_M = 0.035, 0.08, 0.06
    """Largest distance from object to target, smallest from TCP to object, and smallest gripper
    width of a clause that is done [m]."""
    AT_M, LOW_M = 0.045, 0.12
    """Largest distance from the TCP to an object, seen from above, and height of the TCP, of a hand
    that is at the object [m]."""
    RAISED_M, DRAWN_M, SHOVED_M = 0.06, 0.06, 0.06
    """Smallest way up of a lifted thing and along of a drawer; largest distance from the target of
    what is pushed [m]."""
    STAYED = 3
    """Control steps after which a hand has reached or pressed what it is at."""

    def __init__(self, n: int) -> None:
        self.clause, self.moved_on = np.zeros(n, np.int64), np.zeros(n, bool)
        self._final = self.clause.copy()  # of the episodes that ended
        self.met = np.full((n, 3), np.nan)
        """Where the TCP was when it came to the clause's object. Shape (n, 3), [m]."""
        self.gripped, self.stayed = np.zeros(n, bool), np.zeros(n, np.int64)

    @property
    def memory(self) -> dict[str, NDArray]:
        """What it remembers, by name; the arrays themselves."""
        return {"clause": self.clause, "moved_on": self.moved_on, "met": self.met,
                "gripped": self.gripped, "stayed": self.stayed}  # fmt: skip

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Start with the first clause."""
        self._final[ids], self.clause[ids], self.moved_on[ids] = self.clause[ids], 0, False
        self._forget(ids)

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
        opened = proprio[:, PROPRIO_TAIL["gripper_width"]][:, 0] > self.OPEN_M
        at = np.linalg.norm(tcp[:, :2] - xy[:, 0], axis=1) < self.AT_M
        at &= tcp[:, 2] < self.LOW_M
        first = at & np.isnan(self.met[ids, 0])
        self.met[ids[first]] = tcp[first]
        self.gripped[ids] |= at & ~opened
        self.stayed[ids] += at
        position = np.concatenate([xy[:, 0], np.full((len(ids), 1), height)], axis=1)
        gone = (np.linalg.norm(tcp - position, axis=1) > self.AWAY_M) & opened
        apart = np.linalg.norm(xy[:, 0] - xy[:, 1], axis=1)
        done_by = {
            _BROUGHT: gone & (apart < self.NEAR_M),
            _LET_GO: gone & self.gripped[ids],
            _SHOVED: ~np.isnan(self.met[ids, 0]) & (apart < self.SHOVED_M),
            ("lift",): self.gripped[ids] & (tcp[:, 2] - self.met[ids, 2] > self.RAISED_M),
            _DRAWERS: np.linalg.norm((tcp - self.met[ids])[:, :2], axis=1) > self.DRAWN_M,
            ("reach", "press"): self.stayed[ids] >= self.STAYED,
        }
        present = zip(instructions, self.clause[ids].tolist(), strict=True)
        verbs = [heard_verb(text, clause) or "put" for text, clause in present]
        done = np.array([next(d[row] for group, d in done_by.items() if verb in group)
                         for row, verb in enumerate(verbs)], bool)  # fmt: skip
        on = ids[done & more]
        self.moved_on[ids] = False
        self.moved_on[on] = True
        self.clause[on] += 1
        self._forget(on)
        return on

    def _forget(self, ids: NDArray[np.int64]) -> None:
        self.met[ids], self.gripped[ids], self.stayed[ids] = np.nan, False, 0


@functools.lru_cache(maxsize=4096)
def heard_verbs(text: str) -> tuple[str, ...]:
    """The verb of each clause of an instruction that is understood; empty for others.

    Things that are put somewhere one after the other are one deed, "several", as in training.
    """
    try:
        goal = compose(understand(text)).goal
    except InstructionError:
        return ()
    goals = goal.facts if isinstance(goal, InOrder) else (goal,)
    verbs = [verb_of(goal) for goal in goals]
    if len(verbs) > 1 and set(verbs) == {"put"}:
        verbs = [verb_of(goal)] * len(verbs)
    known = tuple(verb for verb in verbs if verb in VERB_IDS)
    return known if len(known) == len(heard_clauses(text)) else ()


def heard_verb(text: str, clause: int) -> str | None:
    """The verb of a clause, or of the last one; None if the text is not understood."""
    verbs = heard_verbs(text)
    return verbs[min(clause, len(verbs) - 1)] if verbs else None
