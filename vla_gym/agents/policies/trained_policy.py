"""A trained network as a `Policy` over raw observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vla_gym.agents.policies.action_tokens import ActionTokens, fit_width
from vla_gym.agents.policies.features import Features
from vla_gym.agents.policies.policy import PolicySpec


class TrainedPolicy:
    """Features, network, decoding of actions.

    Args:
        network: Anything with Stable-Baselines3's `predict(features, deterministic=)`.
        features: Makes the features, with a memory for each sub-environment.
        tokens: How actions are decoded; None for continuous actions.
        deterministic: Whether to act as the network's `decode` says, or to sample every number.
        venv: The environment, whose instructions are read where observations have none.
        seed: Seed of what is sampled; the global random state stays as it is.
        spec: What it observes, and what its actions mean.
    """

    def __init__(
        self,
        network: Any,
        features: Features,
        tokens: ActionTokens | None = None,
        deterministic: bool = True,
        venv: Any = None,
        seed: int = 0,
        spec: PolicySpec | None = None,
    ) -> None:
        self.network, self.features, self.tokens = network, features, tokens
        self.deterministic, self.venv = deterministic, venv
        self.spec = spec or PolicySpec()
        self._rng_state = torch.Generator().manual_seed(seed).get_state()

    def reset(self, mask: NDArray[np.bool_], observation: Mapping[str, Any] | None = None) -> None:
        """Forget the past of the sub-environments whose episode starts.

        Args:
            mask: Sub-environments that start. Shape (n,).
            observation: Not needed.
        """
        self.features.reset(np.asarray(mask, bool))

    def act(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        """Choose an action in each sub-environment.

        Args:
            observation: Of all sub-environments.

        Returns:
            Actions in [-1, 1]. Shape (n, 7), or (n, 8) with a free terminate token.
        """
        given = observation.get("instruction")
        instructions = self.venv.instructions if given is None else tuple(given)
        rows = self.features.observe(dict(observation), instructions)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._rng_state)
            actions, _ = self.network.predict(rows, deterministic=self.deterministic)
            self._rng_state = torch.get_rng_state()
        motion = actions if self.tokens is None else self.tokens.decode(actions)
        space = getattr(self.venv, "single_action_space", None)
        width = motion.shape[1] if space is None else space.shape[0]
        return fit_width(motion.astype(np.float32), width)
