"""The interface of everything that acts, and what a policy says about itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import CheckpointError, InvalidConfigError
from vla_gym.world.controller import REFERENCE_HZ, ControllerConfig

DEFAULT_ENV = "VLAPickPlace-v0"
"""Environment of policies that do not name one."""


@dataclass(frozen=True)
class ActionSpec:
    """What the numbers of an action mean. The defaults describe this package's environments."""

    frame: str = "world"
    """Frame of translation and rotation."""
    kind: str = "tcp_delta"
    """Displacement of the tool centre point from where it is, in one control step."""
    translation_m: float = ControllerConfig.translation
    """Displacement of a full action (1.0), per axis [m]."""
    rotation: str = "rotation_vector"
    """Representation of the rotation."""
    rotation_rad: float = ControllerConfig.rotation
    """Rotation of a full action, per axis [rad]."""
    rate_hz: float = REFERENCE_HZ
    """Control rate at which a full action moves that far; other rates keep the speed."""
    gripper: str = "positive_opens"
    """Sign of the gripper number; it is an absolute command."""
    terminate: bool = False
    """Whether an eighth number can end the episode, where it is positive."""

    @property
    def size(self) -> int:
        """Numbers per action: 7, or 8 with the one that ends the episode."""
        return 8 if self.terminate else 7


@dataclass(frozen=True)
class PolicySpec:
    """What a policy needs from an environment, and what its actions mean there."""

    observations: tuple[str, ...] = ()
    """Observation keys that it reads."""
    action: ActionSpec = ActionSpec()
    """Meaning of its actions."""
    control_hz: float | None = None
    """Control rate that it was made for; None if it works at any."""
    env_id: str = DEFAULT_ENV
    """Environment in which it learnt, or is at home."""
    encoder: str | None = None
    """CLIP that it learnt with; None if it uses none."""

    def check(self, venv: Any) -> None:
        """Make sure that the policy can act in an environment.

        An action of 7 numbers fits where 8 are expected, and the other way round: the number that
        ends the episode is added (it goes on) or dropped.

        Args:
            venv: A vector environment.

        Raises:
            InvalidConfigError: If an observation is missing, or actions or the control rate differ.
        """
        offered = tuple(getattr(venv.single_observation_space, "spaces", ()))
        missing = [key for key in self.observations if key not in offered]
        if missing:
            raise InvalidConfigError(
                f"The policy needs the observations {', '.join(missing)}, but the environment has "
                f"only {', '.join(offered)}. Make it with cameras={self.cameras}."
            )
        expected = ActionSpec(gripper=gripper_sign_of(venv), terminate=self.action.terminate)
        wrong = [
            f"{f.name} {getattr(self.action, f.name)!r} instead of {getattr(expected, f.name)!r}"
            for f in dataclasses.fields(ActionSpec)
            if getattr(self.action, f.name) != getattr(expected, f.name)
        ]
        if wrong:
            raise InvalidConfigError(
                f"The policy's actions mean something else here: {'; '.join(wrong)}. "
                "Convert them in its act()."
            )
        rate = getattr(venv.unwrapped, "control_hz", None)
        if None not in (rate, self.control_hz) and rate != self.control_hz:
            raise InvalidConfigError(
                f"The policy acts at {self.control_hz:g} Hz, the environment at {rate:g} Hz. "
                f"Make it with control_hz={self.control_hz:g}."
            )

    @property
    def cameras(self) -> tuple[str, ...]:
        """The images among its observations."""
        return tuple(key for key in self.observations if key.endswith("image"))

    def to_dict(self) -> dict[str, Any]:
        """The specification as JSON values."""
        values = dataclasses.asdict(self)
        return {**values, "observations": list(self.observations)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PolicySpec:
        """Read what `to_dict` returned.

        Raises:
            CheckpointError: If a field is unknown.
        """
        values = dict(values)
        action = dict(values.pop("action", {}))
        for kind, found in ((cls, values), (ActionSpec, action)):
            known = [f.name for f in dataclasses.fields(kind)]
            unknown = [name for name in found if name not in known]
            if unknown:
                raise CheckpointError(
                    f"Unknown fields in a policy's specification: {', '.join(unknown)}. "
                    f"Valid: {', '.join(known)}. Was it written by a newer version?"
                )
        values["observations"] = tuple(values.get("observations", ()))
        return cls(**values, action=ActionSpec(**action))


def gripper_sign_of(venv: Any) -> str:
    """What a positive gripper number does in an environment, as `ActionSpec.gripper`."""
    settings = getattr(getattr(venv, "unwrapped", venv), "settings", None)
    return getattr(settings, "gripper_sign", ActionSpec.gripper)


@runtime_checkable
class Policy(Protocol):
    """Acts in n sub-environments at once."""

    @property
    def spec(self) -> PolicySpec:
        """What it observes, and what its actions mean."""
        ...

    def reset(self, mask: NDArray[np.bool_], observation: Mapping[str, Any], /) -> None:
        """Forget the past of the sub-environments whose episode starts.

        Args:
            mask: Sub-environments that start. Shape (n,).
            observation: The first observation, of all sub-environments.
        """
        ...

    def act(self, observation: Mapping[str, Any], /) -> NDArray:
        """Choose an action in each sub-environment.

        Args:
            observation: Of all sub-environments.

        Returns:
            Actions in [-1, 1]. Shape (n, 7), or (n, 8) with ``terminate_action``.
        """
        ...


@runtime_checkable
class ChunkPolicy(Protocol):
    """Predicts several actions at once; `vla_gym.agents.policies.chunks` makes it a `Policy`."""

    @property
    def spec(self) -> PolicySpec:
        """What it observes, and what its actions mean."""
        ...

    def reset(self, mask: NDArray[np.bool_], observation: Mapping[str, Any], /) -> None:
        """As `Policy.reset`."""
        ...

    def act_chunk(self, observation: Mapping[str, Any], /) -> NDArray:
        """The next k actions in each sub-environment. Shape (n, k, 7 or 8)."""
        ...


PolicyFactory = Callable[[Any], Policy]
"""Makes a policy for a vector environment."""
