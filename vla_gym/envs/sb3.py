"""`SB3VecEnv`: the batched environment as a Stable-Baselines3 `VecEnv`, without copies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from vla_gym.envs.vector import TabletopVectorEnv


class SB3VecEnv(VecEnv):
    """A `TabletopVectorEnv` for SB3's algorithms and wrappers.

    SB3 has no text spaces: instructions are not part of the observation, read them from
    `instructions`. Infos: ``is_success``, ``stage``, ``wrong_object``; with a safety layer
    ``cost``, ``cost_*`` and ``executed_action``; at the end of an episode
    ``terminal_observation``, ``TimeLimit.truncated`` and ``episode`` (r, l, t).

    Args:
        venv: From `gymnasium.make_vec`.
    """

    def __init__(self, venv: Any) -> None:
        self.venv: TabletopVectorEnv = venv.unwrapped
        parts = dict(self.venv.single_observation_space.spaces)  # type: ignore[attr-defined]
        parts.pop("instruction", None)
        self.render_mode = self.venv.render_mode
        super().__init__(
            self.venv.num_envs,
            spaces.Dict(parts),
            self.venv.single_action_space,  # type: ignore[arg-type]
        )
        self._actions: NDArray | None = None
        self._returns, self._lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)
        self._started = time.monotonic()

    @property
    def instructions(self) -> tuple[str, ...]:
        """The instruction of each sub-environment."""
        return self.venv.instructions

    def reset(self) -> dict[str, NDArray]:  # type: ignore[override]
        """Start an episode in every sub-environment; a seed set by `seed` is used once."""
        seeds = self._seeds if any(s is not None for s in self._seeds) else None
        obs, _ = self.venv.reset(seed=seeds, options=self._options[0] or None)
        self._reset_seeds()
        self._reset_options()
        self._returns[:], self._lengths[:] = 0.0, 0
        return _without_text(obs)

    def step_async(self, actions: NDArray) -> None:
        """Keep actions for `step_wait`. Shape (n, 7)."""
        self._actions = actions

    def step_wait(self) -> tuple[dict[str, NDArray], NDArray, NDArray, list[dict[str, Any]]]:  # type: ignore[override]
        """Step every sub-environment; those whose episode ends start a new one."""
        assert self._actions is not None
        obs, rewards, terminated, truncated, infos = self.venv.step(self._actions)
        dones = terminated | truncated
        self._returns += rewards
        self._lengths += 1
        now = infos.get("final_info", infos)
        keys = ["is_success", "stage", "wrong_object"]
        keys += [key for key in now if key.startswith("cost")]
        columns = [np.where(dones, now[k], infos[k]).tolist() for k in keys]
        rows: list[dict[str, Any]] = [
            dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)
        ]
        if "executed_action" in now:
            for row, action in zip(rows, now["executed_action"], strict=True):
                row["executed_action"] = action
        for i in np.flatnonzero(dones):
            rows[i]["terminal_observation"] = _without_text(infos["final_obs"][i])
            rows[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            rows[i]["episode"] = {
                "r": float(self._returns[i]),
                "l": int(self._lengths[i]),
                "t": round(time.monotonic() - self._started, 3),
            }
            self._returns[i], self._lengths[i] = 0.0, 0
        return _without_text(obs), rewards.astype(np.float32), dones, rows

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to continue from here bit by bit, as copies of plain arrays."""
        return self.venv.get_state() | {
            "sb3/returns": self._returns.copy(), "sb3/lengths": self._lengths.copy()
        }  # fmt: skip

    def set_state(self, state: dict[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        self.venv.set_state(state)
        self._returns[:], self._lengths[:] = state["sb3/returns"], state["sb3/lengths"]

    def close(self) -> None:
        """Close the environment."""
        self.venv.close()

    def get_images(self) -> Sequence[NDArray | None]:
        """Images of all sub-environments, for SB3's video recorder."""
        return list(self.venv.render() or ())

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the batched environment, repeated for each index."""
        return [getattr(self.venv, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the batched environment; all sub-environments share it."""
        setattr(self.venv, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list:
        """Call a method of the batched environment once; its result is repeated for each index."""
        result = getattr(self.venv, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """False for each index: wrappers of single environments do not apply here."""
        return [False] * len(list(self._get_indices(indices)))


def _without_text(obs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in obs.items() if key != "instruction"}
