"""A memory of object positions, which the gripper hides when it comes close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.detections import Detections
from vla_gym.vlm.roles import ROLES
from vla_gym.world.grasping import N_SHAPE


@dataclass(frozen=True)
class TrackingConfig:
    """How detections of successive steps are combined."""

    low: float = 0.25
    """Confidence below which a detection is ignored."""
    high: float = 0.6
    """Confidence from which a detection is fully used."""
    gain: float = 0.5
    """Weight of a fully used detection in the new estimate of an object at rest."""
    moves_m: float = 0.04
    """Distance from the estimate from which a detection is taken for motion [m]."""
    leap_m: float = 0.12
    """Distance beyond which it is taken for another object, unless its confidence is higher than
    the memory's [m]."""
    fade: float = 0.98
    """Factor of the memory's confidence per step."""


class PositionMemory:
    """Position, shape and confidence of each role's object, in n sub-environments.

    Args:
        n: Number of sub-environments.
        config: Settings.
    """

    def __init__(self, n: int, config: TrackingConfig | None = None) -> None:
        self.config = config or TrackingConfig()
        self.xy = np.zeros((n, len(ROLES), 2))
        self.confidence = np.zeros((n, len(ROLES)))
        self.shape = np.zeros((n, len(ROLES), N_SHAPE))
        self.fresh = np.ones(n, bool)
        self.age = np.zeros(n, np.int64)

    @property
    def arrays(self) -> dict[str, NDArray]:
        """The whole state, restored in place."""
        return {
            "xy": self.xy,
            "confidence": self.confidence,
            "shape": self.shape,
            "fresh": self.fresh,
            "age": self.age,
        }

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """Replace what is known at the next update. Shape (n,)."""
        self.fresh |= mask

    def update(self, ids: NDArray[np.int64], found: Detections) -> None:
        """Take in detections.

        Args:
            ids: Their sub-environments. Shape (m,).
            found: m detections.
        """
        rule, confidence = self.config, found.confidence
        known = rule.fade * self.confidence[ids]
        used = np.clip((confidence - rule.low) / (rule.high - rule.low), 0.0, 1.0)
        away = np.linalg.norm(found.xy - self.xy[ids], axis=-1)
        gain = used * np.clip(away / rule.moves_m, rule.gain, 1.0)
        # until an object is known with confidence, its most confident detection so far counts
        gain = np.where((confidence > known) & (known < rule.high), np.maximum(gain, 0.8), gain)
        leaps = away > rule.leap_m  # never average positions of two objects
        gain = np.where(leaps, confidence > known, gain)
        fresh = self.fresh[ids]
        if found.new_clause is not None:
            fresh = fresh | found.new_clause
        gain = np.where(fresh[:, None], 1.0, gain)
        self.xy[ids] += gain[..., None] * (found.xy - self.xy[ids])
        self.shape[ids] += gain[..., None] * (found.shape - self.shape[ids])
        self.confidence[ids] = known + gain * (confidence - known)
        self.age[ids] = np.where(self.fresh[ids], 0, self.age[ids] + 1)
        self.fresh[ids] = False
