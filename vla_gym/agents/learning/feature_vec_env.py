"""The environment as the learner sees it: features in, tokens or numbers out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from vla_gym.agents.policies.action_tokens import N_MOTION, ActionTokens, fit_width
from vla_gym.agents.policies.features import Features


class Teacher(Protocol):
    """Changes how episodes start: `ReverseCurriculum`, `FailureReplay`."""

    rng: np.random.Generator

    @property
    def progress(self) -> float:  # type: ignore[empty-body]
        """What is worth a curve."""

    def note(self, done: NDArray[np.bool_], success: NDArray[np.bool_]) -> None:
        """Learn how episodes ended."""

    def get_state(self) -> dict[str, NDArray]:  # type: ignore[empty-body]
        """What a checkpoint keeps."""

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to it."""


class AgentVecEnv(VecEnvWrapper):
    """Turns observations into features and decodes action tokens.

    Rollout and replay buffers behind it hold feature vectors, never pictures.

    Args:
        venv: `vla_gym.envs.sb3.SB3VecEnv`, or anything like it with `instructions`.
        features: Makes the features.
        tokens: How actions are decoded; None for continuous actions.
        teachers: Name -> who changes how episodes begin, and is told how they end.
    """

    def __init__(
        self, venv: VecEnv, features: Features, tokens: ActionTokens | None = None,
        teachers: Mapping[str, Teacher] | None = None,
    ) -> None:  # fmt: skip
        action: spaces.Space = spaces.Box(-1.0, 1.0, (N_MOTION,), np.float32)
        if tokens is not None:
            action = spaces.MultiDiscrete(tokens.nvec)
        super().__init__(venv, features.space, action)
        self.features, self.tokens, self.teachers = features, tokens, dict(teachers or {})
        self._width = int(np.prod(venv.action_space.shape or (N_MOTION,)))
        self._words: tuple[str, ...] = ()
        self.last_obs: Any = None
        self.last_features: NDArray[np.float32] = np.zeros((venv.num_envs, *features.space.shape))

    @property
    def raw(self) -> Any:
        """The batched environment at the bottom."""
        return getattr(self.venv, "venv", self.venv)

    def reset(self) -> NDArray[np.float32]:
        """Start all worlds anew. Shape (n, f)."""
        obs = self.last_obs = self.venv.reset()
        self._words = self.raw.instructions
        self.features.reset(np.ones(self.num_envs, bool))
        self.last_features = self.features.observe(obs, self._words)  # type: ignore
        return self.last_features

    def resume(self, features: NDArray[np.float32]) -> None:
        """Go on in the middle of episodes whose worlds and memory have been put back.

        Args:
            features: The last ones that were returned. Shape (n, f).
        """
        self._words = self.raw.instructions
        self.last_features = features

    def step_async(self, actions: NDArray) -> None:
        """Send actions or tokens on to the worlds."""
        motion = actions if self.tokens is None else self.tokens.decode(actions)
        self.venv.step_async(fit_width(motion, self._width))

    def step_wait(self) -> tuple[Any, NDArray, NDArray, list[dict]]:
        """Features, rewards, dones, infos; last observations in infos are features too."""
        obs, rewards, dones, infos = self.venv.step_wait()
        self.last_obs = obs
        if self.teachers and dones.any():
            won = np.array([bool(info.get("is_success")) for info in infos])
            for teacher in self.teachers.values():
                teacher.note(dones, won)
        words: tuple[str, ...] = self.raw.instructions
        last = {
            int(i): infos[i]["terminal_observation"]
            for i in np.flatnonzero(dones)
            if infos[i].get("TimeLimit.truncated", False)
        }
        rows, finals = self.features.advance(obs, words, dones, last, self._words)  # type: ignore[arg-type]
        for i in np.flatnonzero(dones):
            # after success nothing is bootstrapped: any finite row will do
            infos[i]["terminal_observation"] = finals.get(int(i), self.last_features[i])
        self._words, self.last_features = words, rows
        return rows, rewards, dones, infos
