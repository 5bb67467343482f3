"""`Planner`, what it is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.planner.scene import Scene


@dataclass(frozen=True)
class PlanRequest:
    """An instruction, the scene, and what was wrong with earlier answers."""

    instruction: str
    scene: Scene
    """What was detected."""
    image: NDArray[np.uint8] | None = None
    """From the fixed camera. Shape (H, W, 3)."""
    rejected: tuple[tuple[str, str], ...] = ()
    """Earlier answers and why each was not used."""
    failure: str = ""
    """What went wrong when the last plan was executed."""
    seen: Mapping[str, float] = field(default_factory=dict)
    """Name -> CLIP's confidence earlier in the episode; the object may be hidden now."""


@dataclass(frozen=True)
class Reply:
    """A planner's answer, not checked yet."""

    text: str
    """Should be a plan as JSON."""
    seconds: float = 0.0
    """Time it took [s]."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    cached: bool = False
    """Whether it came from a cache."""
    notes: dict[str, float] = field(default_factory=dict)
    """Further counts, such as retries."""


class Planner(Protocol):
    """Turns instructions into plans; called from threads of its own."""

    name: str
    tries: int
    """How often it may be asked about one request."""

    def plan(self, request: PlanRequest) -> Reply:
        """Answer a request.

        Raises:
            PlannerUnavailableError: If no answer can be had.
        """
        ...
