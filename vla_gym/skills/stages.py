"""`Stage`: one step on the way to a goal, and how far the way has been gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stage:
    """One step on the way to a goal."""

    name: str
    distance: float
    """Distance over which progress towards it is counted [m]."""


Progress = tuple[NDArray, NDArray]
"""Number of stages done, integers of shape (n,), and the fraction of the next one, (n,) in [0, 1].
"""
REACH_STAGE = Stage("reach", 0.30)
"""First stage of every skill that uses the hand."""


def count_stages(fractions: Sequence[NDArray], done: Sequence[NDArray]) -> Progress:
    """The last stage that is done, and the fraction of the one after it.

    Args:
        fractions: Of each stage. Each (n,), clipped to [0, 1] here.
        done: Whether each stage is done. Each (n,).
    """
    reached = np.arange(1, len(done) + 1)[:, None] * np.array(done)
    count = reached.max(axis=0)
    part = np.array([*fractions, np.ones(len(count))])[count, np.arange(len(count))]
    return count, part.clip(0.0, 1.0)
