"""`SB3VecEnv`: the batched environment as a Stable-Baselines3 `VecEnv`, without copies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from vla_gym.envs.splits import spawned_seeds
from vla_gym.envs.vector import TabletopVectorEnv
from vla_gym.errors import InvalidConfigError


class SB3VecEnv(VecEnv):
    """A `TabletopVectorEnv` for SB3's algorithms and wrappers.

    SB3 has no text spaces: instructions are not part of the observation, read them from
    `instructions`. Infos: ``is_success``, ``stage``, ``wrong_object``; with a safety layer
    ``cost``, ``cost_*`` and ``executed_action``; at the end of an episode
    ``terminal_observation``, ``TimeLimit.truncated`` and ``episode`` (r, l, t).

    Args:
        venv: From `gymnasium.make_vec`, with or without Gymnasium's vector wrappers around it.
        spawn_seeds: Whether `seed` spawns unrelated seeds for the sub-environments. By default they
            get seed, seed + 1, ... as everywhere; then two neighbouring seeds of a training share
            all but one of their scenes.

    Raises:
        InvalidConfigError: If it is no such environment, or does not start the next episode in the
            step in which one ends.
    """

    def __init__(self, venv: Any, spawn_seeds: bool = False) -> None:
        core = getattr(venv, "unwrapped", venv)
        if not isinstance(core, TabletopVectorEnv):
            raise InvalidConfigError(
                f"SB3VecEnv takes the batched environment, not {type(core).__name__}. Make it with "
                "vla_gym.make_vec(id, num_envs=...); for single environments there is SB3's "
                "DummyVecEnv over gym.make(id, text=False)."
            )
        mode = venv.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise InvalidConfigError(
                f"Stable-Baselines3 needs autoreset_mode='SameStep', the default, not {mode}."
            )
        self.venv: TabletopVectorEnv = core
        self._wrapped, self._spawns = venv, spawn_seeds
        self.render_mode = core.render_mode
        super().__init__(
            core.num_envs,
            _space_without_text(venv.single_observation_space),
            venv.single_action_space,
        )
        self.metadata = {**core.metadata, **self.metadata}
        self._actions: NDArray | None = None
        self._returns, self._lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)
        self._started = time.monotonic()

    @property
    def instructions(self) -> tuple[str, ...]:
        """The instruction of each sub-environment."""
        return self.venv.instructions

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed the next reset: sub-environment k gets seed + k, or a spawned seed."""
        seeds = super().seed(seed)
        if self._spawns and seeds[0] is not None:
            self._seeds = list(spawned_seeds(seeds[0], self.num_envs))
        return self._seeds

    def reset(self) -> dict[str, NDArray]:  # type: ignore[override]
        """Start an episode in every sub-environment; a seed set by `seed` is used once."""
        seeds = self._seeds if any(s is not None for s in self._seeds) else None
        first = self._options[0]
        if any(options != first for options in self._options):
            raise InvalidConfigError(
                "The sub-environments are reset together and take one set of options. Pass "
                "set_options() a single one; its 'instruction' may be a list, one for each."
            )
        obs, infos = self._wrapped.reset(seed=seeds, options=first or None)
        if not isinstance(infos, Mapping):
            raise InvalidConfigError(
                f"A wrapper around the environment turns infos into {type(infos).__name__}; "
                "SB3VecEnv needs them as they are. Leave it out: SB3 gets lists all the same."
            )
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
        obs, rewards, terminated, truncated, infos = self._wrapped.step(self._actions)
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
        self._wrapped.close()

    def get_images(self) -> Sequence[NDArray | None]:
        """Images of all sub-environments, for SB3's video recorder."""
        return list(self._wrapped.render() or ())

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of each sub-environment, as `TabletopVectorEnv.get_attr`."""
        if callable(getattr(self.venv, attr_name, None)):
            return [getattr(self.venv, attr_name)] * len(list(self._get_indices(indices)))
        values = self.venv.get_attr(attr_name)
        return [values[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute; one that the batch has is shared by all sub-environments."""
        self.venv.set_attr(attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list:
        """Call a method of the batched environment once; its result is repeated for each index."""
        result = getattr(self.venv, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """False for each index: wrappers of single environments do not apply here."""
        return [False] * len(list(self._get_indices(indices)))


def _without_text(obs: Any) -> Any:
    """An observation without texts; one that a wrapper has made an array is left as it is."""
    if not isinstance(obs, Mapping):
        return obs
    return {key: value for key, value in obs.items() if key != "instruction"}


def _space_without_text(space: Any) -> Any:
    if not isinstance(space, spaces.Dict):
        return space
    return spaces.Dict({key: part for key, part in space.items() if key != "instruction"})
