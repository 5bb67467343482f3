"""The control loop's actions: expert skills or a policy act towards each sub-environment's job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.planner.jobs import Jobs
from vla_gym.planner.step_goals import goals_hold, motion_towards
from vla_gym.skills import Expert
from vla_gym.skills.motion import Motion

Verify = Callable[[Any, Mapping[str, Any], Jobs], NDArray]
"""From environment, observation and jobs to whether each job is done. Shape (n,)."""


class Driver(Protocol):
    """Acts towards a job in each sub-environment."""

    whole: bool
    """Whether it takes whole manipulations rather than single plan steps."""

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Start episodes in the sub-environments of the mask. Shape (n,)."""
        ...

    def act(self, obs: Mapping[str, Any], jobs: Jobs) -> NDArray:
        """Actions. Shape (n, 7 or 8); those without a job are ignored."""
        ...


class SkillDriver(Expert):
    """The expert's skills on privileged state, one job at a time.

    Args:
        venv: A `TabletopVectorEnv`.
    """

    whole = False

    def __init__(self, venv: Any) -> None:
        super().__init__(venv.unwrapped)
        self._jobs: Jobs = ()

    def reset(self, mask: Any = None, obs: Any = None) -> None:
        """Start episodes; there is nothing to forget."""

    def act(self, obs: Any, jobs: Jobs) -> NDArray[np.float32]:  # type: ignore[override]
        """The next actions. Shape (n, 7 or 8)."""
        self._jobs = jobs
        return super().act(obs)

    def _motion(self) -> Motion:
        return motion_towards(self._jobs, self.venv.world)


class PolicyDriver:
    """A policy that is given the instruction of each job.

    Args:
        policy: With `reset` and `act`, as in `vla_gym.agents.policies.policy.Policy`.
    """

    whole = True

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self._instructions: list[str] = []

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Start episodes in the sub-environments of the mask."""
        self.policy.reset(mask, obs)
        self._instructions = list(obs["instruction"])

    def act(self, obs: Mapping[str, Any], jobs: Jobs) -> NDArray:
        """The policy's next actions. Shape (n, 7 or 8)."""
        old = self._instructions
        new = [j.sentence if j else text for j, text in zip(jobs, old, strict=True)]
        changed = np.array([a != b for a, b in zip(new, old, strict=True)])
        if changed.any():
            self.policy.reset(changed, obs)
        self._instructions = new
        return self.policy.act({**obs, "instruction": tuple(new)})


def by_predicates(venv: Any, obs: Mapping[str, Any], jobs: Jobs) -> NDArray[np.bool_]:
    """Judge by the simulation's state."""
    return goals_hold(jobs, venv.world)
