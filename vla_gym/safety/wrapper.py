"""`protect`: gives an environment of this package a safety layer."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv, VectorWrapper

from vla_gym.errors import InvalidConfigError
from vla_gym.safety.approval import Approval
from vla_gym.safety.limits import SafetyConfig
from vla_gym.world.batch_behind import batch_behind


def protect(env: Any, safety: Any = "clip", approval: Approval | None = None) -> Any:
    """Give an environment a safety layer, or replace the one it has.

    The layer works within the control step, where speeds and forces can be limited: this installs
    it in the unwrapped environment, it does not only change actions.
    ``gym.make(id, safety=...)`` gives the same layer.

    Args:
        env: From `gymnasium.make` or `gymnasium.make_vec`, wrapped or not.
        safety: A mode in `vla_gym.safety.SAFETY_MODES`, a mapping of fields of `SafetyConfig`, or a
            `SafetyConfig`.
        approval: Asked about flagged actions in mode "veto".

    Returns:
        The environment in a wrapper whose `guard` can stop and release the arm.

    Raises:
        InvalidConfigError: If it is not an environment of this package.
    """
    vector = isinstance(env, VectorEnv)
    return (VectorSafetyWrapper if vector else SafetyWrapper)(env, safety, approval)


def _core(env: Any) -> Any:
    """The batched environment under all wrappers."""
    core = batch_behind(env)
    if not hasattr(core, "protect"):
        raise InvalidConfigError(
            f"{type(env.unwrapped).__name__} cannot have a safety layer. Pass an environment "
            "of this package, from vla_gym.make(...) or vla_gym.make_vec(...)."
        )
    return core


class SafetyWrapper(gym.Wrapper):
    """A single environment with a safety layer; arguments as of `protect`."""

    def __init__(
        self, env: gym.Env, safety: Any = "clip", approval: Approval | None = None
    ) -> None:
        super().__init__(env)
        _core(env).protect(SafetyConfig.of(safety), approval)

    @property
    def guard(self) -> Any:
        """The layer, or None in mode "off"."""
        return _core(self.env).guard


class VectorSafetyWrapper(VectorWrapper):
    """A batch of environments with a safety layer; arguments as of `protect`."""

    def __init__(
        self, env: VectorEnv, safety: Any = "clip", approval: Approval | None = None
    ) -> None:
        super().__init__(env)
        _core(env).protect(SafetyConfig.of(safety), approval)

    @property
    def guard(self) -> Any:
        """The layer, or None in mode "off"."""
        return _core(self.env).guard
