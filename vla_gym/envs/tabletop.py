"""`TabletopEnv`: a batch of one sub-environment, as a `gymnasium.Env`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from vla_gym.envs.plain_data import settled
from vla_gym.envs.task import Task
from vla_gym.envs.vector import TabletopVectorEnv


class TabletopEnv(gym.Env):
    """A table with one arm and an instruction.

    Observations, actions, infos and options are those of
    `vla_gym.envs.vector.TabletopVectorEnv`, without the leading axis and without autoreset.

    Args:
        task: Name in `vla_gym.envs.tasks.TASKS` or `vla_gym.envs.tasks.MIXTURES`, or a `Task`.
        kwargs: Fields of `vla_gym.envs.settings.Settings`.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}

    def __init__(self, task: str | Task = "PickPlace", **kwargs: Any) -> None:
        limit = _limit_of_make()
        if limit is not None:
            kwargs.setdefault("max_episode_steps", limit)
        self.vector = TabletopVectorEnv(task, 1, **kwargs)
        if self.vector.settings.goals:
            self.compute_reward = self.vector.compute_reward
        self._spec: EnvSpec | None = None
        self.render_mode = self.vector.render_mode
        self.metadata = {**self.metadata, "render_fps": self.vector.metadata["render_fps"]}
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space

    @property
    def spec(self) -> EnvSpec | None:
        """How the environment was made, with its step limit; survives JSON and pickle."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = settled(spec, self.vector.horizon)

    @property
    def task(self) -> Task:
        """The task; of a mixture, the first."""
        return self.vector.task

    @property
    def instruction(self) -> str:
        """What is to be done, in words."""
        return self.vector.instructions[0]

    @property
    def task_description(self) -> str:
        """The instruction, under LeRobot's name for it."""
        return self.instruction

    @property
    def _max_episode_steps(self) -> int:
        """Control steps until an episode is truncated, where Gymnasium's tools look for them."""
        return self.vector.horizon

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; options as of `TabletopVectorEnv.reset`."""
        obs, info = self.vector.reset(seed=seed, options=options)
        self._np_random = self.vector._np_random
        if seed is not None:
            self._np_random_seed = seed
        return _first(obs), _first(info)

    def step(self, action: NDArray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Act for one control step.

        Args:
            action: Shape (7,) or (8,), in [-1, 1].

        Raises:
            InvalidActionError: If it has the wrong shape or is not in [-1, 1].
        """
        core = self.vector
        core.check_open()
        reward, terminated, truncated, info = core.advance(np.asarray(action)[None])
        if self.render_mode == "human":
            self.render()
        obs = _first(core.observe())
        return obs, float(reward[0]), bool(terminated[0]), bool(truncated[0]), _first(info)

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """An image (480, 480, 3) in mode "rgb_array"; in mode "human" a window shows it."""
        frames = self.vector.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Free windows and threads."""
        self.vector.close()


def _limit_of_make() -> int | None:
    """The `max_episode_steps` of the `gymnasium.make` that is making this environment, if any.

    Gymnasium gives it to its `TimeLimit` wrapper alone, which can only cut episodes shorter: an
    environment that has a limit of its own would ignore a longer one if it did not ask.
    """
    frame = sys._getframe(2)
    if frame.f_code is not gym.make.__code__:
        return None
    steps, spec = frame.f_locals.get("max_episode_steps"), frame.f_locals.get("env_spec")
    if steps is None and spec is not None:
        steps = spec.max_episode_steps
    return None if steps == -1 else steps


def _first(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Row 0 of each entry, NumPy scalars as plain Python values."""
    out = {}
    for key, value in batch.items():
        first = value[0]
        out[key] = first.item() if isinstance(first, np.generic) else first
    return out
