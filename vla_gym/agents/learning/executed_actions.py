"""Off-policy learning from executed actions: those after the safety layer, not those sampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def executed(sampled: NDArray, infos: Sequence[dict[str, Any]]) -> NDArray:
    """The executed actions where infos have them, else the sampled ones.

    Args:
        sampled: Shape (n, d).
        infos: One per sub-environment; ``executed_action`` has at least d numbers.

    Returns:
        Shape (n, d).
    """
    rows = [
        np.asarray(info["executed_action"])[: sampled.shape[1]]
        if "executed_action" in info
        else own
        for own, info in zip(sampled, infos, strict=True)
    ]
    return np.stack(rows).astype(sampled.dtype)


class ExecutedActionsMixin:
    """Makes one of Stable-Baselines3's off-policy algorithms store executed actions.

    To be put before the algorithm among a class's parents. On-policy algorithms do not need it:
    their likelihood ratio belongs to the sampled action, and the safety layer is part of the
    environment.
    """

    def _store_transition(
        self, replay_buffer: Any, buffer_action: NDArray, new_obs: Any, reward: NDArray,
        dones: NDArray, infos: list[dict[str, Any]],
    ) -> None:  # fmt: skip
        action = executed(buffer_action, infos)
        super()._store_transition(replay_buffer, action, new_obs, reward, dones, infos)  # type: ignore[misc]
