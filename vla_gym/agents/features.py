"""What the action head sees: where the named things are, how sure that is, and its own body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.agents.sources import ROLES, Source
from vla_gym.envs.observation import PROPRIO

LAYOUT: dict[str, int] = {
    "object_xy": 2,
    "target_xy": 2,
    "object_xy_fine": 2,
    "target_xy_fine": 2,
    "object_confidence": 1,
    "target_confidence": 1,
    "tcp_pos": 3,
    "tcp_rotvec": 3,
    "tcp_linvel": 3,
    "gripper_width": 1,
    "gripper_target": 1,
    "gripper_speed": 1,
}
"""Parts of the feature vector in order, with their lengths. The xy are relative to the tcp."""
N_FEATURES = sum(LAYOUT.values())

COARSE_PER_M = 5.0
"""Across the table (0.5 m) is 2.5."""
FINE_PER_M = 20.0
"""Inside a tanh: resolves the last 5 cm, where grasping is decided."""
CENTRE_M = np.array([0.51, 0.0, 0.12])
"""Middle of the space in which the tcp moves [m]."""
SCALES: dict[str, tuple[float, float]] = {
    "tcp_rotvec": (0.0, 3.0),
    "tcp_linvel": (0.0, 3.0),
    "gripper_width": (0.04, 25.0),
    "gripper_target": (0.04, 25.0),
    "gripper_speed": (0.0, 5.0),
}
"""Centre and factor of proprioceptive parts that make them of order one."""


@dataclass(frozen=True)
class Tracking:
    """How groundings of successive frames are combined."""

    low: float = 0.25
    """Confidence below which a grounding is ignored."""
    high: float = 0.6
    """Confidence from which a grounding is fully used."""
    gain: float = 0.5
    """Share of a fully used grounding in the new estimate."""


class PolicyFeatures:
    """Batched observations to flat feature vectors, with one memory per world.

    The memory keeps the last confident place of each thing, because the gripper hides what it is
    about to take. It forgets when an episode begins. Words reach the features only through the
    places that the source finds for them.

    Args:
        n: Number of worlds.
        source: Finds the things.
        tracking: Settings of the memory.
    """

    def __init__(self, n: int, source: Source, tracking: Tracking | None = None) -> None:
        self.n, self.source, self.tracking = n, source, tracking or Tracking()
        self.space = spaces.Box(-np.inf, np.inf, (N_FEATURES,), np.float32)
        self.xy = np.zeros((n, len(ROLES), 2))
        self.confidence = np.zeros((n, len(ROLES)))
        self.fresh = np.ones(n, bool)

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """Forget worlds in which an episode begins; call before `observe`.

        Args:
            mask: Shape (n,).
        """
        self.fresh |= mask
        self.source.reset(np.flatnonzero(mask))

    def observe(self, obs: dict[str, Any], instructions: tuple[str, ...]) -> NDArray[np.float32]:
        """Features of one observation per world.

        Args:
            obs: Observations, as the environment returns them; leading axis n.
            instructions: The n sentences.

        Returns:
            Shape (n, N_FEATURES).
        """
        xy, confidence = self.source.locate(obs, instructions, np.arange(self.n))
        self._track(np.arange(self.n), xy, confidence)
        return assemble(self.xy, self.confidence, obs["proprio"])

    def advance(
        self,
        obs: dict[str, Any],
        instructions: tuple[str, ...],
        done: NDArray[np.bool_],
        last: dict[int, dict[str, Any]],
        old_instructions: tuple[str, ...],
    ) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
        """Features after a step in which some worlds began anew, with one encoding for all.

        Args:
            obs: Observations; already of the next episode where `done`.
            instructions: The sentences that belong to `obs`.
            done: Worlds whose episode ended. Shape (n,).
            last: World -> last observation of its ended episode, where features of it are wanted
                (episodes cut off by the step limit; others need none).
            old_instructions: The sentences before the step.

        Returns:
            Features (n, N_FEATURES), and world -> features of its last observation.
        """
        ids, ends = np.arange(self.n), np.array(sorted(last), np.int64)
        finals: dict[int, NDArray[np.float32]] = {}
        both, words = obs, instructions
        if len(ends) and self.source.past:
            both = {
                key: np.concatenate([obs[key], np.stack([last[i][key] for i in ends])])
                for key in ("image", "proprio")
                if key in obs
            }
            words = (*instructions, *(old_instructions[i] for i in ends))
        if len(ends) and not self.source.past:
            finals = self._assemble_last(ends, last)
        self.reset(done)
        rows = np.concatenate([ids, ends]) if self.source.past else ids
        xy, confidence = self.source.locate(both, words, rows)
        if len(ends) and self.source.past:
            fresh = self.fresh.copy()
            self.fresh[ends] = False
            self._track(ends, xy[self.n :], confidence[self.n :])
            finals = self._assemble_last(ends, last)
            self.fresh = fresh
        self._track(ids, xy[: self.n], confidence[: self.n])
        return assemble(self.xy, self.confidence, obs["proprio"]), finals

    def state_dict(self) -> dict[str, NDArray]:
        """The memory, as copies."""
        state = {"xy": self.xy, "confidence": self.confidence, "fresh": self.fresh}
        for name in ("noise", "slots"):
            if hasattr(self.source, name):
                state[name] = getattr(self.source, name)
        return {name: np.array(value) for name, value in state.items()}

    def load_state_dict(self, state: dict[str, NDArray]) -> None:
        """Return to a memory from `state_dict`."""
        for name, value in state.items():
            owner = self.source if name in ("noise", "slots") else self
            getattr(owner, name)[...] = value

    def _track(self, ids: NDArray[np.int64], xy: NDArray, confidence: NDArray) -> None:
        rule = self.tracking
        used = np.clip((confidence - rule.low) / (rule.high - rule.low), 0.0, 1.0)
        gain = rule.gain * used
        # while a thing is not yet known with confidence, the surest sighting so far counts
        better = confidence > self.confidence[ids]
        gain = np.where(better & (self.confidence[ids] < rule.high), np.maximum(gain, 0.8), gain)
        gain = np.where(self.fresh[ids, None], 1.0, gain)
        self.xy[ids] += gain[..., None] * (xy - self.xy[ids])
        self.confidence[ids] += gain * (confidence - self.confidence[ids])
        self.fresh[ids] = False

    def _assemble_last(
        self, ends: NDArray[np.int64], last: dict[int, dict[str, Any]]
    ) -> dict[int, NDArray[np.float32]]:
        proprio = np.stack([last[i]["proprio"] for i in ends])
        rows = assemble(self.xy[ends], self.confidence[ends], proprio)
        return dict(zip(ends.tolist(), rows, strict=True))


def assemble(xy: NDArray, confidence: NDArray, proprio: NDArray) -> NDArray[np.float32]:
    """Put the feature vector together; every number is of order one by fixed constants.

    Args:
        xy: Where the things are, world frame. Shape (m, 2, 2), [m].
        confidence: Shape (m, 2).
        proprio: Laid out as `PROPRIO`. Shape (m, 26).

    Returns:
        Laid out as `LAYOUT`. Shape (m, N_FEATURES).
    """
    m = len(xy)
    tcp = proprio[:, PROPRIO["tcp_pos"]]
    away = xy - tcp[:, None, :2]
    parts = [
        COARSE_PER_M * away.reshape(m, -1),
        np.tanh(FINE_PER_M * away).reshape(m, -1),
        confidence,
        COARSE_PER_M * (tcp - CENTRE_M),
    ]
    parts += [(proprio[:, PROPRIO[name]] - c) * factor for name, (c, factor) in SCALES.items()]
    return np.concatenate(parts, axis=1).astype(np.float32)
