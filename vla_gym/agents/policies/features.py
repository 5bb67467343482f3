"""Turns observations into the input of an action head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.agents.policies.detections import ObjectSource
from vla_gym.agents.policies.feature_layout import CLOCK_S, assemble, layout
from vla_gym.agents.policies.position_memory import PositionMemory, TrackingConfig
from vla_gym.skills import VERBS


class Features:
    """Turns batched observations into a head's input; this base class keeps no memory."""

    space: Any
    """Of one sub-environment's features."""
    source: Any = None
    """Finds the objects, if anything does."""

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """Forget the sub-environments in which an episode starts; call before `observe`.

        Args:
            mask: Shape (n,).
        """

    def observe(self, obs: dict[str, Any], instructions: Sequence[str]) -> NDArray[np.float32]:
        """Features of one observation per sub-environment.

        Args:
            obs: Observations, as the environment returns them; leading axis n.
            instructions: The n instructions.

        Returns:
            Shape (n, f).
        """
        raise NotImplementedError

    def advance(
        self,
        obs: dict[str, Any],
        instructions: Sequence[str],
        done: NDArray[np.bool_],
        final: dict[int, dict[str, Any]],
        old_instructions: Sequence[str],
    ) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
        """Features after a step in which some episodes ended and the next ones started.

        Args:
            obs: Observations; already of the next episode where `done`.
            instructions: The instructions that belong to `obs`.
            done: Sub-environments whose episode ended. Shape (n,).
            final: Sub-environment -> final observation of its ended episode, where its features are
                wanted: episodes cut off by the step limit, whose value is bootstrapped.
            old_instructions: The instructions before the step.

        Returns:
            Features (n, f), and sub-environment -> features of its final observation.
        """
        rows = self.observe(obs, instructions)
        if not final:
            return rows, {}
        ended = self.observe(batch_of(final.values(), obs), [old_instructions[i] for i in final])
        return rows, dict(zip(final, ended, strict=True))

    def state_dict(self) -> dict[str, NDArray]:
        """The memory, as copies."""
        return {}

    def load_state_dict(self, state: dict[str, NDArray]) -> None:
        """Restore a memory from `state_dict`."""


def batch_of(rows: Iterable[dict[str, Any]], like: dict[str, Any]) -> dict[str, NDArray]:
    """Single observations as a batch: the keys that features are made from and `like` has."""
    rows = list(rows)
    return {k: np.stack([row[k] for row in rows]) for k in ("image", "proprio") if k in like}


class GroundedFeatures(Features):
    """Features from object positions, with a memory for each sub-environment.

    The memory keeps the last confident position of each object, because the gripper hides what it
    is about to grasp. The instruction reaches the features only through what the source finds.

    Args:
        n: Number of sub-environments.
        source: Finds the objects.
        tracking: Settings of the memory.
        verbs: Whether the probability of each verb is a feature.
        clock_hz: Observations per second, if the time since the start is a feature.
    """

    def __init__(
        self, n: int, source: ObjectSource, tracking: TrackingConfig | None = None,
        verbs: bool = False, clock_hz: float | None = None,
    ) -> None:  # fmt: skip
        self.n, self.clock_hz = n, clock_hz
        self.source: Any = source
        self.length = sum(layout(verbs, clock=clock_hz is not None).values())
        self.space = spaces.Box(-np.inf, np.inf, (self.length,), np.float32)
        self.verbs = np.zeros((n, len(VERBS) if verbs else 0), np.float32)
        self.memory = PositionMemory(n, tracking)

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """As in `Features`."""
        self.memory.reset(mask)
        self.source.reset(np.flatnonzero(mask))

    def observe(self, obs: dict[str, Any], instructions: Sequence[str]) -> NDArray[np.float32]:
        """As in `Features`, laid out as `layout`."""
        ids = np.arange(self.n)
        self.memory.update(ids, self.source.locate(obs, instructions, ids))
        self._read_verbs(instructions)
        return self._assemble(ids, obs["proprio"])

    def advance(
        self,
        obs: dict[str, Any],
        instructions: Sequence[str],
        done: NDArray[np.bool_],
        final: dict[int, dict[str, Any]],
        old_instructions: Sequence[str],
    ) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
        """As in `Features`; present and final images are encoded in one batch."""
        ids, ended = np.arange(self.n), np.array(sorted(final), np.int64)
        finals: dict[int, NDArray[np.float32]] = {}
        if len(ended) and not self.source.reads_final:
            finals = self._assemble_final(ended, final)
        self.reset(done)
        if len(ended) and self.source.reads_final:
            rows = batch_of((final[i] for i in ended), obs)
            both = {key: np.concatenate([obs[key], part]) for key, part in rows.items()}
            texts = (*instructions, *(old_instructions[i] for i in ended))
            found = self.source.locate(both, texts, np.concatenate([ids, ended]))
            fresh = self.memory.fresh.copy()
            self.memory.fresh[ended] = False  # the final observation belongs to the old memory
            self.memory.update(ended, found.rows(slice(self.n, None)))
            finals = self._assemble_final(ended, final)
            self.memory.fresh[:] = fresh
            found = found.rows(slice(self.n))
        else:
            found = self.source.locate(obs, instructions, ids)
        self.memory.update(ids, found)
        self._read_verbs(instructions)
        return self._assemble(ids, obs["proprio"]), finals

    def state_dict(self) -> dict[str, NDArray]:
        """As in `Features`."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def load_state_dict(self, state: dict[str, NDArray]) -> None:
        """As in `Features`."""
        for name, array in self._arrays().items():
            if name in state:  # older checkpoints remember less
                array[...] = state[name]

    def _arrays(self) -> dict[str, NDArray]:
        return {**self.memory.arrays, **self.source.memory}

    def _read_verbs(self, instructions: Sequence[str]) -> None:
        if self.verbs.shape[1]:
            self.verbs = self.source.verbs(instructions)

    def _assemble_final(
        self, ended: NDArray[np.int64], final: dict[int, dict[str, Any]]
    ) -> dict[int, NDArray[np.float32]]:
        proprio = np.stack([final[i]["proprio"] for i in ended])
        rows = self._assemble(ended, proprio)
        return dict(zip(ended.tolist(), rows, strict=True))

    def _assemble(self, ids: NDArray[np.int64], proprio: NDArray) -> NDArray[np.float32]:
        known, clock = self.memory, np.zeros((len(ids), 0))
        if self.clock_hz is not None:
            age_s = known.age[ids, None] / self.clock_hz
            clock = np.minimum(2.0 * age_s / CLOCK_S, 2.0) - 1.0
        return assemble(
            known.xy[ids], known.confidence[ids], known.shape[ids], proprio, self.verbs[ids], clock
        )
