"""Executing action chunks: a policy that predicts several actions acts step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.policy import ChunkPolicy, PolicySpec
from vla_gym.errors import InvalidConfigError


class OpenLoopChunks:
    """Executes the first actions of each chunk without looking, then asks for the next chunk.

    Sub-environments whose episodes start at different times ask at different times; a chunk is then
    predicted for all of them and kept only where it is due.

    Args:
        policy: Predicts the chunks.
        steps: Actions executed of each chunk. None executes all.

    Raises:
        InvalidConfigError: If `steps` is not positive, or when a chunk is shorter than `steps`.
    """

    def __init__(self, policy: ChunkPolicy, steps: int | None = None) -> None:
        if steps is not None and steps < 1:
            raise InvalidConfigError(f"At least 1 step of a chunk must be executed, not {steps}.")
        self.policy, self.steps = policy, steps
        self._chunk: NDArray | None = None  # (n, k, d)
        self._next = np.zeros(0, np.int64)  # index of the next action of each chunk, (n,)

    @property
    def spec(self) -> PolicySpec:
        """That of the policy."""
        return self.policy.spec

    def reset(self, mask: NDArray[np.bool_], observation: Mapping[str, Any]) -> None:
        """Drop what is left of the chunks where an episode starts."""
        self.policy.reset(mask, observation)
        if self._chunk is not None:
            self._next[mask] = self._chunk.shape[1]

    def act(self, observation: Mapping[str, Any]) -> NDArray:
        """The next action of each chunk. Shape (n, 7 or 8)."""
        if self._chunk is None:
            self._chunk = np.array(self._predict(observation))
            self._next = np.zeros(len(self._chunk), np.int64)
        due = self._next >= self._chunk.shape[1]
        if due.any():
            self._chunk[due] = self._predict(observation)[due]
            self._next[due] = 0
        actions = self._chunk[np.arange(len(self._chunk)), self._next]
        self._next += 1
        return actions

    def _predict(self, observation: Mapping[str, Any]) -> NDArray:
        chunk = self.policy.act_chunk(observation)
        if self.steps is None:
            return chunk
        if chunk.shape[1] < self.steps:
            raise InvalidConfigError(
                f"The policy predicts {chunk.shape[1]} actions at once, fewer than the "
                f"{self.steps} to be executed. Use steps={chunk.shape[1]} or less."
            )
        return chunk[:, : self.steps]
