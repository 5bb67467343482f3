"""Policies that learn nothing: uniform random actions, and the scripted expert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.action_tokens import fit_width
from vla_gym.agents.policies.policy import ActionSpec, PolicySpec, gripper_sign_of
from vla_gym.skills import Expert


class RandomPolicy:
    """Uniform actions from one random stream per episode.

    The k-th episode gets the same actions whatever the number of sub-environments.

    Args:
        venv: The environment.
        seed: Seed of all streams.
    """

    def __init__(self, venv: Any, seed: int = 0) -> None:
        self._shape = venv.single_action_space.shape
        self._seed = seed
        self._episodes = 0
        self._streams = [np.random.default_rng(seed) for _ in range(venv.num_envs)]
        terminate = self._shape[0] == 8
        self.spec = PolicySpec(
            action=ActionSpec(gripper=gripper_sign_of(venv), terminate=terminate)
        )

    def reset(self, mask: NDArray[np.bool_], observation: Mapping[str, Any]) -> None:
        """Give each sub-environment that starts the next stream."""
        for i in np.flatnonzero(mask):
            self._streams[i] = np.random.default_rng([self._seed, self._episodes])
            self._episodes += 1

    def act(self, observation: Mapping[str, Any]) -> NDArray:
        """Uniform in [-1, 1]. Shape (n, 7 or 8)."""
        actions = [rng.uniform(-1.0, 1.0, self._shape) for rng in self._streams]
        return np.asarray(actions, np.float32)


class ExpertPolicy:
    """The scripted expert, which reads the simulator's state.

    Args:
        venv: The environment.
    """

    def __init__(self, venv: Any) -> None:
        self.spec = PolicySpec(action=ActionSpec(gripper=gripper_sign_of(venv)))
        self._expert = Expert(venv)
        self._width = venv.single_action_space.shape[0]

    def reset(self, mask: NDArray[np.bool_], observation: Mapping[str, Any]) -> None:
        """Start a new plan where an episode starts."""
        self._expert.reset(mask)

    def act(self, observation: Mapping[str, Any]) -> NDArray:
        """The expert's next action. Shape (n, 7 or 8)."""
        action = np.asarray(self._expert.act(observation), np.float32)
        return fit_width(action, max(self._width, action.shape[1]))
