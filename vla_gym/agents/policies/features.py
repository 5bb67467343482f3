"""What the action head sees: where the named things are, how sure that is, and its own body."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.agents.policies.sources import ROLES, Found, Source
from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.skills import VERBS
from vla_gym.world.grasping import N_SHAPE

BODY: dict[str, int] = {
    "tcp_pos": 3,
    "tcp_rotvec": 3,
    "tcp_linvel": 3,
    "gripper_width": 1,
    "gripper_target": 1,
    "gripper_speed": 1,
}
"""What the robot feels of itself."""
LAYOUT: dict[str, int] = {
    "object_xy": 2,
    "target_xy": 2,
    "object_xy_fine": 2,
    "target_xy_fine": 2,
    "way": 2,
    "way_left": 1,
    "object_confidence": 1,
    "target_confidence": 1,
    "object_height": 1,
    "object_width": 1,
    "object_turn": 1,
    **BODY,
}
"""What a head sees. The xy are relative to the tcp; the way is the direction from the object
to the target; the turn is the hand's to go before its
fingers would close across flat sides, shrunk where that is not clear."""


CLIP_WIDTH = 128
"""Length of the embedded CLIP's vectors."""
POOLED: dict[str, int] = {"picture": CLIP_WIDTH, "sentence": CLIP_WIDTH, **BODY}
"""What a head sees instead with `vla_gym.agents.policies.pooled_features.PooledFeatures`."""


def layout(skills: bool = False, pooled: bool = False, clock: bool = False) -> dict[str, int]:
    """Parts of the feature vector in order, with their lengths.

    Args:
        skills: Whether the verb is among them, for environments that ask for more than one skill.
        pooled: Whether they are whole vectors of CLIP instead of places.
        clock: Whether the time since the beginning is among them, for heads that may end it.
    """
    if pooled:
        return dict(POOLED)
    extra = {"skill": len(VERBS) * skills, "clock": int(clock)}
    return {**LAYOUT, **{name: n for name, n in extra.items() if n}}


COARSE_PER_M = 5.0
"""Across the table (0.5 m) is 2.5."""
FINE_PER_M = 20.0
"""Inside a tanh: resolves the last 5 cm, where grasping is decided."""
NEAR_M = 0.02
"""Ways shorter than this have no clear direction [m]."""
CLOCK_S = 2.0
"""The clock runs from -1 to 1 in this time and then stands still [s]."""
SIZE_DM, PER_DM = 0.5, 2.0
"""Centre and factor of heights and widths."""
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
    """Share of a fully used grounding in the new estimate of a thing that rests."""
    moves_m: float = 0.04
    """Distance from the estimate at which a grounding is taken for motion [m]."""
    leap_m: float = 0.12
    """Distance beyond which it is another thing, unless it is surer than the memory [m]."""
    fade: float = 0.98
    """What is left of the memory's confidence after a step."""


class Features:
    """Turns batched observations into a head's input; this base remembers nothing."""

    space: Any
    """Of one world's features."""
    source: Any = None
    """Who finds the named things, if anybody does."""

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """Forget worlds in which an episode begins; call before `observe`.

        Args:
            mask: Shape (n,).
        """

    def observe(self, obs: dict[str, Any], instructions: tuple[str, ...]) -> NDArray[np.float32]:
        """Features of one observation per world.

        Args:
            obs: Observations, as the environment returns them; leading axis n.
            instructions: The n sentences.

        Returns:
            Shape (n, f).
        """
        raise NotImplementedError

    def advance(
        self,
        obs: dict[str, Any],
        instructions: tuple[str, ...],
        done: NDArray[np.bool_],
        last: dict[int, dict[str, Any]],
        old_instructions: tuple[str, ...],
    ) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
        """Features after a step in which some worlds began anew.

        Args:
            obs: Observations; already of the next episode where `done`.
            instructions: The sentences that belong to `obs`.
            done: Worlds whose episode ended. Shape (n,).
            last: World -> last observation of its ended episode, where features of it are wanted
                (episodes cut off by the step limit; others need none).
            old_instructions: The sentences before the step.

        Returns:
            Features (n, f), and world -> features of its last observation.
        """
        rows = self.observe(obs, instructions)
        if not last:
            return rows, {}
        ended = self.observe(seen_of(last.values(), obs), tuple(old_instructions[i] for i in last))
        return rows, dict(zip(last, ended, strict=True))

    def state_dict(self) -> dict[str, NDArray]:
        """The memory, as copies."""
        return {}

    def load_state_dict(self, state: dict[str, NDArray]) -> None:
        """Return to a memory from `state_dict`."""


def seen_of(rows: Iterable[dict[str, Any]], like: dict[str, Any]) -> dict[str, NDArray]:
    """Single observations as a batch: the parts that features are made from, if `like` has them."""
    rows = list(rows)
    return {k: np.stack([row[k] for row in rows]) for k in ("image", "proprio") if k in like}


class PolicyFeatures(Features):
    """Batched observations to flat feature vectors, with one memory per world.

    The memory keeps the last confident place of each thing, because the gripper hides what it is
    about to take. It forgets when an episode begins. Words reach the features only through the
    places that the source finds for them.

    Args:
        n: Number of worlds.
        source: Finds the things.
        tracking: Settings of the memory.
        skills: Whether the verb is a feature.
        clock_hz: Observations per second, if the time since the beginning is a feature.
    """

    def __init__(
        self, n: int, source: Source, tracking: Tracking | None = None, skills: bool = False,
        clock_hz: float | None = None,
    ) -> None:  # fmt: skip
        self.n, self.tracking, self.clock_hz = n, tracking or Tracking(), clock_hz
        self.source: Any = source
        self.length = sum(layout(skills, clock=clock_hz is not None).values())
        self.space = spaces.Box(-np.inf, np.inf, (self.length,), np.float32)
        self.skill = np.zeros((n, len(VERBS) if skills else 0), np.float32)
        self.xy = np.zeros((n, len(ROLES), 2))
        self.confidence = np.zeros((n, len(ROLES)))
        self.shape = np.zeros((n, len(ROLES), N_SHAPE))
        self.fresh = np.ones(n, bool)
        self.age = np.zeros(n, np.int64)

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """As in `Features`."""
        self.fresh |= mask
        self.source.reset(np.flatnonzero(mask))

    def observe(self, obs: dict[str, Any], instructions: tuple[str, ...]) -> NDArray[np.float32]:
        """As in `Features`, laid out as `layout`."""
        ids = np.arange(self.n)
        self._track(ids, self.source.locate(obs, instructions, ids))
        self._read(instructions)
        return self._assemble(ids, obs["proprio"])

    def advance(
        self,
        obs: dict[str, Any],
        instructions: tuple[str, ...],
        done: NDArray[np.bool_],
        last: dict[int, dict[str, Any]],
        old_instructions: tuple[str, ...],
    ) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
        """As in `Features`, with one encoding for both."""
        ids, ends = np.arange(self.n), np.array(sorted(last), np.int64)
        finals: dict[int, NDArray[np.float32]] = {}
        both, words = obs, instructions
        if len(ends) and self.source.past:
            ended = seen_of((last[i] for i in ends), obs)
            both = {key: np.concatenate([obs[key], rows]) for key, rows in ended.items()}
            words = (*instructions, *(old_instructions[i] for i in ends))
        if len(ends) and not self.source.past:
            finals = self._assemble_last(ends, last)
        self.reset(done)
        rows = np.concatenate([ids, ends]) if self.source.past else ids
        found = self.source.locate(both, words, rows)
        if len(ends) and self.source.past:
            fresh = self.fresh.copy()
            self.fresh[ends] = False
            self._track(ends, found.rows(slice(self.n, None)))
            finals = self._assemble_last(ends, last)
            self.fresh = fresh
        self._track(ids, found.rows(slice(self.n)))
        self._read(instructions)
        return self._assemble(ids, obs["proprio"]), finals

    def state_dict(self) -> dict[str, NDArray]:
        """As in `Features`."""
        return {name: array.copy() for name, array in self._memory().items()}

    def load_state_dict(self, state: dict[str, NDArray]) -> None:
        """As in `Features`."""
        for name, array in self._memory().items():
            if name in state:  # runs of earlier versions remembered less
                array[...] = state[name]

    def _memory(self) -> dict[str, NDArray]:
        own = {"xy": self.xy, "confidence": self.confidence, "shape": self.shape}
        return {**own, "fresh": self.fresh, "age": self.age, **self.source.memory}

    def _track(self, ids: NDArray[np.int64], found: Found) -> None:
        rule, confidence = self.tracking, found.confidence
        known = rule.fade * self.confidence[ids]
        used = np.clip((confidence - rule.low) / (rule.high - rule.low), 0.0, 1.0)
        away = np.linalg.norm(found.xy - self.xy[ids], axis=-1)
        gain = used * np.clip(away / rule.moves_m, rule.gain, 1.0)
        # while a thing is not yet known with confidence, the surest sighting so far counts
        gain = np.where((confidence > known) & (known < rule.high), np.maximum(gain, 0.8), gain)
        leaps = away > rule.leap_m  # between two things there is nothing
        gain = np.where(leaps, confidence > known, gain)
        fresh = self.fresh[ids] if found.anew is None else self.fresh[ids] | found.anew
        gain = np.where(fresh[:, None], 1.0, gain)
        self.xy[ids] += gain[..., None] * (found.xy - self.xy[ids])
        self.shape[ids] += gain[..., None] * (found.shape - self.shape[ids])
        self.confidence[ids] = known + gain * (confidence - known)
        self.age[ids] = np.where(self.fresh[ids], 0, self.age[ids] + 1)
        self.fresh[ids] = False

    def _read(self, instructions: tuple[str, ...]) -> None:
        if self.skill.shape[1]:
            self.skill = self.source.skills(instructions)

    def _assemble_last(
        self, ends: NDArray[np.int64], last: dict[int, dict[str, Any]]
    ) -> dict[int, NDArray[np.float32]]:
        proprio = np.stack([last[i]["proprio"] for i in ends])
        rows = self._assemble(ends, proprio)
        return dict(zip(ends.tolist(), rows, strict=True))

    def _assemble(self, ids: NDArray[np.int64], proprio: NDArray) -> NDArray[np.float32]:
        known = Found(self.xy[ids], self.confidence[ids], self.shape[ids])
        clock = np.zeros((len(ids), 0))
        if self.clock_hz is not None:
            age_s = self.age[ids, None] / self.clock_hz
            clock = np.minimum(2.0 * age_s / CLOCK_S, 2.0) - 1.0
        return assemble(known, proprio, self.skill[ids], clock)


def assemble(found: Found, proprio: NDArray, skill: NDArray, clock: NDArray) -> NDArray[np.float32]:
    """Put the feature vector together; every number is of order one by fixed constants.

    Args:
        found: The things of m worlds.
        proprio: Ends as `PROPRIO_TAIL` says. Shape (m, any).
        skill: How likely each skill is meant. Shape (m, len(VERBS)), or (m, 0) to leave it out.
        clock: Time since the beginning, from -1 to 1. Shape (m, 1), or (m, 0) to leave it out.

    Returns:
        Laid out as `layout`. Shape (m, f).
    """
    m = len(proprio)
    tcp = proprio[:, PROPRIO_TAIL["tcp_pos"]]
    away = found.xy - tcp[:, None, :2]
    way = found.xy[:, 1] - found.xy[:, 0]
    length = np.linalg.norm(way, axis=1, keepdims=True)
    sure = found.confidence[:, 1:]  # whether there is a target at all
    height, width, across = found.shape[:, :1, 0], found.shape[:, :1, 3], found.shape[:, :1, 1:3]
    known = np.linalg.norm(across, axis=-1)
    turned = 2.0 * proprio[:, PROPRIO_TAIL["tcp_rotvec"]][:, 2:]
    left = (np.arctan2(across[..., 1], across[..., 0]) - turned + np.pi) % (2 * np.pi) - np.pi
    parts = [
        COARSE_PER_M * away.reshape(m, -1),
        np.tanh(FINE_PER_M * away).reshape(m, -1),
        sure * way / np.maximum(length, NEAR_M),
        sure * np.tanh(FINE_PER_M * length),
        found.confidence,
        PER_DM * (height - SIZE_DM),
        PER_DM * (width - SIZE_DM),
        np.minimum(known, 1.0) * left,
        body(proprio),
        skill,
        clock,
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def body(proprio: NDArray) -> NDArray[np.float32]:
    """What the robot feels of itself, of order one.

    Args:
        proprio: Ends as `PROPRIO_TAIL` says. Shape (m, any).

    Returns:
        Laid out as `BODY`. Shape (m, 12).
    """
    parts = [COARSE_PER_M * (proprio[:, PROPRIO_TAIL["tcp_pos"]] - CENTRE_M)]
    parts += [(proprio[:, PROPRIO_TAIL[name]] - c) * factor for name, (c, factor) in SCALES.items()]
    return np.concatenate(parts, axis=1).astype(np.float32)
