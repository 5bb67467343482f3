"""Policies on single observations, and without any environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.policy import Policy, PolicySpec
from vla_gym.errors import InvalidConfigError
from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.world.controller import REFERENCE_HZ


class UnbatchedPolicy:
    """A policy of one sub-environment that takes and returns what `gymnasium.make` has.

    Args:
        policy: A policy for a batch of one.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @property
    def spec(self) -> PolicySpec:
        """That of the policy."""
        return self.policy.spec

    def reset(self, mask: Any = None, observation: Mapping[str, Any] | None = None) -> None:
        """An episode starts.

        Args:
            mask: Not needed.
            observation: Its first observation; not needed either.
        """
        self.policy.reset(np.ones(1, bool), _batched(observation or {}))

    def act(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        """The next action, in [-1, 1]. Shape (7,) or (8,).

        Args:
            observation: Without a leading axis, as `env.step` returns it.
        """
        return np.asarray(self.policy.act(_batched(observation)), np.float32)[0]


class NoEnv:
    """Stands in for an environment where a policy acts on observations alone.

    Args:
        n: Observations at once.
        camera: Calibration of the fixed camera.
        control_hz: Control steps per second.
    """

    single_action_space = None

    def __init__(self, n: int, camera: PinholeCamera, control_hz: float = REFERENCE_HZ) -> None:
        self.num_envs, self.control_hz, self._camera = n, control_hz, camera

    @property
    def unwrapped(self) -> NoEnv:
        """Itself."""
        return self

    @property
    def world(self) -> NoEnv:
        """What is known of the world: the camera."""
        return self

    def pinhole(self, camera: str = "fixed") -> PinholeCamera:
        """Calibration of the fixed camera."""
        return self._camera

    @property
    def instructions(self) -> tuple[str, ...]:
        """There are none to look up.

        Raises:
            InvalidConfigError: Always.
        """
        raise InvalidConfigError(
            "The observation holds no 'instruction', and there is no environment to ask. Put the "
            "sentence into the observation."
        )


def _batched(observation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: (value,) if isinstance(value, str) else np.asarray(value)[None]
        for key, value in observation.items()
    }
