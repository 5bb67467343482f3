"""The environment for Stable-Baselines3: observations are features, actions tokens or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from vla_gym.agents.learning.curricula import Curriculum
from vla_gym.agents.policies.action_tokens import N_MOTION, ActionTokens, fit_width
from vla_gym.agents.policies.blueprint import PolicyBlueprint
from vla_gym.agents.policies.features import Features
from vla_gym.envs.sb3 import SB3VecEnv


class FeatureVecEnv(VecEnvWrapper):
    """Turns observations into features, and decodes action tokens.

    Rollout and replay buffers then hold feature vectors instead of images.

    Args:
        venv: `vla_gym.envs.sb3.SB3VecEnv`, or anything like it with `instructions`.
        features: Makes the features.
        tokens: How actions are decoded; None for continuous actions.
        curricula: Name -> what changes how episodes start, and learns from how they end.
    """

    def __init__(
        self, venv: VecEnv, features: Features, tokens: ActionTokens | None = None,
        curricula: Mapping[str, Curriculum] | None = None,
    ) -> None:  # fmt: skip
        action: spaces.Space = spaces.Box(-1.0, 1.0, (N_MOTION,), np.float32)
        if tokens is not None:
            action = spaces.MultiDiscrete(tokens.nvec)
        super().__init__(venv, features.space, action)
        self.features, self.tokens, self.curricula = features, tokens, dict(curricula or {})
        self._width = int(np.prod(venv.action_space.shape or (N_MOTION,)))
        self._instructions: tuple[str, ...] = ()
        self.last_obs: Any = None
        self.last_features: NDArray[np.float32] = np.zeros(
            (venv.num_envs, *features.space.shape), np.float32
        )

    @property
    def raw(self) -> Any:
        """The Gymnasium vector environment inside."""
        return getattr(self.venv, "venv", self.venv)

    def reset(self) -> NDArray[np.float32]:
        """Start an episode in every sub-environment. Shape (n, f)."""
        obs = self.last_obs = self.venv.reset()
        self._instructions = self.raw.instructions
        self.features.reset(np.ones(self.num_envs, bool))
        self.last_features = self.features.observe(obs, self._instructions)  # type: ignore
        return self.last_features

    def resume(self, features: NDArray[np.float32]) -> None:
        """Continue in the middle of episodes, after environment and features have been restored.

        Args:
            features: The last ones that were returned. Shape (n, f).
        """
        self._instructions = self.raw.instructions
        self.last_features = features

    def step_async(self, actions: NDArray) -> None:
        """Pass actions, or decoded tokens, to the environment."""
        motion = actions if self.tokens is None else self.tokens.decode(actions)
        self.venv.step_async(fit_width(motion, self._width))

    def step_wait(self) -> tuple[Any, NDArray, NDArray, list[dict]]:
        """Features, rewards, dones, infos; terminal observations in infos are features too."""
        obs, rewards, dones, infos = self.venv.step_wait()
        self.last_obs = obs
        if self.curricula and dones.any():
            success = np.array([bool(info.get("is_success")) for info in infos])
            for curriculum in self.curricula.values():
                curriculum.note(dones, success)
        instructions: tuple[str, ...] = self.raw.instructions
        final = {
            int(i): infos[i]["terminal_observation"]
            for i in np.flatnonzero(dones)
            if infos[i].get("TimeLimit.truncated", False)
        }
        rows, finals = self.features.advance(obs, instructions, dones, final, self._instructions)  # type: ignore[arg-type]
        for i in np.flatnonzero(dones):
            # after success no value is bootstrapped: any finite row will do
            infos[i]["terminal_observation"] = finals.get(int(i), self.last_features[i])
        self._instructions, self.last_features = instructions, rows
        return rows, rewards, dones, infos


def make_feature_env(policy: PolicyBlueprint, venv: Any) -> FeatureVecEnv:
    """The environment of a policy that is to learn.

    Args:
        policy: Whose features and tokens are used.
        venv: A `TabletopVectorEnv`.
    """
    return FeatureVecEnv(SB3VecEnv(venv, spawn_seeds=True), policy.features(venv), policy.tokens)
