"""What off-policy learning stores: the action that the safety layer executed, not the one drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def executed(drawn: NDArray, infos: Sequence[dict[str, Any]]) -> NDArray:
    """The executed actions where infos tell them, else the drawn ones.

    Args:
        drawn: Shape (n, d).
        infos: One per world; ``executed_action`` has at least d numbers.

    Returns:
        Shape (n, d).
    """
    rows = [
        np.asarray(info["executed_action"])[: drawn.shape[1]] if "executed_action" in info else own
        for own, info in zip(drawn, infos, strict=True)
    ]
    return np.stack(rows).astype(drawn.dtype)


class StoresExecuted:
    """To stand before one of Stable-Baselines3's off-policy algorithms among a class's parents.

    On-policy algorithms need none of this: their ratio of likelihoods belongs to the action that
    was drawn, and the safety layer is part of the environment it was drawn for.
    """

    def _store_transition(
        self, replay_buffer: Any, buffer_action: NDArray, new_obs: Any, reward: NDArray,
        dones: NDArray, infos: list[dict[str, Any]],
    ) -> None:  # fmt: skip
        action = executed(buffer_action, infos)
        super()._store_transition(replay_buffer, action, new_obs, reward, dones, infos)  # type: ignore[misc]
