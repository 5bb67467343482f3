"""A trained head as a policy over raw observations, ready to be evaluated or shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vla_gym.agents.policies.action_tokens import ActionTokens, fit_width
from vla_gym.agents.policies.features import Features


class HeadAgent:
    """Features, head, decoding: what runs on the robot.

    Args:
        policy: Anything with Stable-Baselines3's `predict(features, deterministic=)`.
        features: Makes the features, with one memory per world.
        tokens: How actions are decoded; None for continuous actions.
        deterministic: Whether to act as its `decode` says, or to draw every number.
        venv: The environment, whose sentences are read where observations carry none.
        seed: Seed of what is left to chance; learning's own chance is not touched.
    """

    def __init__(
        self,
        policy: Any,
        features: Features,
        tokens: ActionTokens | None = None,
        deterministic: bool = True,
        venv: Any = None,
        seed: int = 0,
    ) -> None:
        self.policy, self.features, self.tokens = policy, features, tokens
        self.deterministic, self.venv = deterministic, venv
        self._chance = torch.Generator().manual_seed(seed).get_state()

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
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._chance)
            actions, _ = self.policy.predict(rows, deterministic=self.deterministic)
            self._chance = torch.get_rng_state()
        motion = actions if self.tokens is None else self.tokens.decode(actions)
        space = getattr(self.venv, "single_action_space", None)
        width = motion.shape[1] if space is None else space.shape[0]
        return fit_width(motion.astype(np.float32), width)
