"""`SafetyWrapper`: puts the safety layer under any environment of this package."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv, VectorWrapper

from vla_gym.errors import InvalidConfigError
from vla_gym.safety.approval import Approval
from vla_gym.safety.limits import SafetyConfig


def protect(env: Any, safety: Any = "clip", approval: Approval | None = None) -> Any:
    """Give an environment a safety layer, or another one.

    The layer works inside the control step, where speeds and forces can be held to limits; so this
    installs it in the environment at the bottom and does not merely change actions on their way.
    The same layer comes with ``gym.make(id, safety=...)``.

    Args:
        env: From `gymnasium.make` or `gymnasium.make_vec`, wrapped or not.
        safety: One of `vla_gym.safety.SAFETY_MODES`, a mapping of fields of `SafetyConfig`, or one.
        approval: Asked about flagged actions in mode "veto".

    Returns:
        The environment in a wrapper whose `guard` can stop and release the arm.

    Raises:
        InvalidConfigError: If it is none of this package's environments.
    """
    vector = isinstance(env, VectorEnv)
    return (VectorSafetyWrapper if vector else SafetyWrapper)(env, safety, approval)


def _core(env: Any) -> Any:
    """The batched environment at the bottom."""
    core = getattr(env.unwrapped, "vector", env.unwrapped)
    if not hasattr(core, "protect"):
        raise InvalidConfigError(
            f"{type(env.unwrapped).__name__} has no place for a safety layer; environments of this "
            "package, from gymnasium.make('VLA...') and make_vec, have."
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
