"""A Stable-Baselines3 view of the fake environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from tests.agents.fake import FakePickPlace


class FakeSB3VecEnv(VecEnv):
    """What `vla_gym.envs.sb3.SB3VecEnv` does, for the fake."""

    def __init__(self, venv: FakePickPlace) -> None:
        self.venv = venv
        super().__init__(venv.num_envs, venv.single_observation_space, venv.single_action_space)
        self._seed: int | None = None

    @property
    def instructions(self) -> tuple[str, ...]:
        return self.venv.instructions

    def reset(self) -> Any:
        obs, _ = self.venv.reset(seed=self._seed)
        self._seed = None
        self._returns, self._lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, int)
        return obs

    def seed(self, seed: int | None = None) -> Any:
        self._seed = seed

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> Any:
        obs, rewards, terminated, truncated, infos = self.venv.step(self._actions)
        dones = terminated | truncated
        self._returns += rewards
        self._lengths += 1
        rows: list[dict] = [{"is_success": bool(s)} for s in infos["is_success"]]
        for i in np.flatnonzero(dones):
            rows[i]["terminal_observation"] = infos["final_obs"][i]
            rows[i]["TimeLimit.truncated"] = bool(truncated[i])
            rows[i]["episode"] = {
                "r": float(self._returns[i]),
                "l": int(self._lengths[i]),
                "t": 0.0,
            }
            self._returns[i], self._lengths[i] = 0.0, 0
        return obs, rewards, dones, rows

    def close(self) -> None: ...

    def get_attr(self, attr_name: str, indices: Any = None) -> list:
        return [getattr(self.venv, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None: ...

    def env_method(self, method_name: str, *args: Any, **kwargs: Any) -> list:
        return []

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
