"""A trained head as a policy over raw observations, ready to be evaluated or shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.features import PolicyFeatures
from vla_gym.agents.tokens import ActionTokens


class HeadAgent:
    """Features, head, decoding: what runs on the robot.

    Args:
        policy: Anything with Stable-Baselines3's `predict(features, deterministic=)`.
        features: Makes the features, with one memory per world.
        tokens: How actions are decoded; None for continuous actions.
        deterministic: Whether to act without chance.
        venv: The environment, whose sentences are read where observations carry none.
    """

    def __init__(
        self,
        policy: Any,
        features: PolicyFeatures,
        tokens: ActionTokens | None = None,
        deterministic: bool = True,
        venv: Any = None,
    ) -> None:
        self.policy, self.features, self.tokens = policy, features, tokens
        self.deterministic, self.venv = deterministic, venv

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any] | None = None) -> None:
        """Forget the past of the worlds whose episode begins.

        Args:
            mask: Worlds that begin. Shape (n,).
            obs: Their first observation; not needed.
        """
        self.features.reset(np.asarray(mask, bool))

    def act(self, obs: Mapping[str, Any]) -> NDArray[np.float32]:
        """Choose what to do.

        Args:
            obs: The observation of all worlds.

        Returns:
            Actions in [-1, 1]. Shape (n, 7), or (n, 8) with a free terminate token.
        """
        words = tuple(obs["instruction"]) if "instruction" in obs else self.venv.instructions
        rows = self.features.observe(dict(obs), words)
        actions, _ = self.policy.predict(rows, deterministic=self.deterministic)
        return actions.astype(np.float32) if self.tokens is None else self.tokens.decode(actions)
