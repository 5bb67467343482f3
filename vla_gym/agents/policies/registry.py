"""What can be evaluated: anything with `reset` and `act`, and how a name becomes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import UnknownNameError

NAMES = ("expert", "random")
"""Policies that need no checkpoint."""


@runtime_checkable
class Policy(Protocol):
    """Acts in n worlds at once."""

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Forget the past of the worlds whose episode begins.

        Args:
            mask: Worlds that begin. Shape (n,).
            obs: Their first observation, all worlds'.
        """
        ...

    def act(self, obs: Mapping[str, Any]) -> NDArray:
        """Choose what to do.

        Args:
            obs: The observation of all worlds.

        Returns:
            Actions in [-1, 1]. Shape (n, 7), or (n, 8) with ``terminate_action``.
        """
        ...


PolicyFactory = Callable[[Any], Policy]
"""Makes a policy for a vector environment."""


class RandomPolicy:
    """Uniform actions; each episode has a stream of its own.

    The k-th episode gets the same actions whatever the number of worlds.

    Args:
        venv: The environment it acts in.
        seed: Seed of all streams.
    """

    def __init__(self, venv: Any, seed: int = 0) -> None:
        self._shape = venv.single_action_space.shape
        self._seed = seed
        self._begun = 0
        self._streams = [np.random.default_rng(seed) for _ in range(venv.num_envs)]

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Give each world that begins the next stream."""
        for i in np.flatnonzero(mask):
            self._streams[i] = np.random.default_rng([self._seed, self._begun])
            self._begun += 1

    def act(self, obs: Mapping[str, Any]) -> NDArray:
        """Uniform in [-1, 1]. Shape (n, 7 or 8)."""
        actions = [rng.uniform(-1.0, 1.0, self._shape) for rng in self._streams]
        return np.asarray(actions, np.float32)


class ExpertPolicy:
    """The scripted expert, which sees the simulator's truth."""

    def __init__(self, venv: Any) -> None:
        from vla_gym.skills import Expert

        self._expert = Expert(venv)
        self._width = venv.single_action_space.shape[0]

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Plan afresh in the worlds that begin."""
        self._expert.reset(mask)

    def act(self, obs: Mapping[str, Any]) -> NDArray:
        """The expert's next action; it never ends an episode by itself. Shape (n, 7 or 8)."""
        action = np.asarray(self._expert.act(obs), np.float32)
        missing = self._width - action.shape[1]
        return np.pad(action, ((0, 0), (0, missing)), constant_values=-1.0) if missing else action


def home_of(name: str) -> str:
    """The environment in which a policy learnt; of those that learn nothing, ``VLAPickPlace-v0``.

    Args:
        name: As for `policy_factory`.

    Raises:
        UnknownNameError: If there is no such policy.
        CheckpointError: If its checkpoint cannot be read.
    """
    policy_factory(name)  # tells what can be named
    if name in NAMES:
        return "VLAPickPlace-v0"
    from vla_gym.agents.policies.checkpoint import read_config

    return read_config(name).env


def policy_factory(name: str, **options: Any) -> PolicyFactory:
    """A factory for the policy of that name.

    Args:
        name: ``"expert"``, ``"random"``, or a checkpoint's path or name.
        options: Passed on when a checkpoint is loaded.

    Raises:
        UnknownNameError: If it is none of those.
        CheckpointError: If the checkpoint cannot be read.
    """
    if name == "expert":
        return ExpertPolicy
    if name == "random":
        return RandomPolicy
    if "/" not in name and not Path(name).exists() and name not in checkpoint_names():
        remedy = "Or give the path of a checkpoint."
        raise UnknownNameError("policy", name, (*NAMES, *checkpoint_names()), remedy)

    def load(venv: Any) -> Policy:
        # here and in `home_of` this room reaches up: a checkpoint knows its own agent
        from vla_gym.agents.policies.checkpoint import load_policy

        return load_policy(name, venv, **options)

    return load


def checkpoint_names() -> tuple[str, ...]:
    """Trained policies that ship with the package."""
    folder = Path(__file__).resolve().parents[2] / "assets" / "policies"
    return tuple(sorted(p.name for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ()
