"""The fast loop: expert skills or a learned policy act towards the current job of each world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.planner.jobs import Job
from vla_gym.planner.step_facts import holds, motion, roles_of
from vla_gym.skills.expert import Expert
from vla_gym.skills.motion import Motion

Jobs = Sequence["Job | None"]
"""One per world; None where nothing is to be done."""


class Driver(Protocol):
    """Acts in n worlds towards a job each."""

    whole: bool
    """Whether it takes whole manipulations, not single skills."""

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Forget the worlds that begin. Shape (n,)."""
        ...

    def act(self, obs: Mapping[str, Any], jobs: Jobs) -> NDArray:
        """Actions. Shape (n, 7 or 8); those of worlds without a job do not count."""
        ...


def _arrays(jobs: Jobs) -> tuple[NDArray, NDArray, NDArray]:
    """Fact, object and target of each world, 0 where there is no job. Each (n,)."""
    rows = [(j.fact_id, j.object, j.target) if j else (0, 0, 0) for j in jobs]
    facts, objects, targets = np.array(rows, int).reshape(-1, 3).T
    return facts, objects, targets


class SkillDriver(Expert):
    """The expert's skills, which know the simulator's truth, one job at a time.

    Args:
        venv: A `TabletopVectorEnv`.
    """

    whole = False

    def __init__(self, venv: Any) -> None:
        super().__init__(venv.unwrapped)
        self._jobs: Jobs = ()

    def reset(self, mask: Any = None, obs: Any = None) -> None:
        """Nothing to forget."""

    def act(self, obs: Any, jobs: Jobs) -> NDArray[np.float32]:  # type: ignore[override]
        """The skills' next actions. Shape (n, 7 or 8)."""
        self._jobs = jobs
        return super().act(obs)

    def _motion(self) -> Motion:
        facts, objects, targets = _arrays(self._jobs)
        world = self.venv.world
        return motion(facts, world, roles_of(objects, targets, world.n_slots))


class PolicyDriver:
    """A learned policy, told the sentence of each job.

    Args:
        policy: Anything with `reset` and `act` as in `vla_gym.agents.policies.policy.Policy`.
    """

    whole = True

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self._told: list[str] = []

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Forget the worlds that begin."""
        self.policy.reset(mask, obs)
        self._told = list(obs["instruction"])

    def act(self, obs: Mapping[str, Any], jobs: Jobs) -> NDArray:
        """The policy's next actions. Shape (n, 7 or 8)."""
        told = [j.sentence if j else old for j, old in zip(jobs, self._told, strict=True)]
        new = np.array([a != b for a, b in zip(told, self._told, strict=True)])
        if new.any():
            self.policy.reset(new, obs)
        self._told = told
        return self.policy.act({**obs, "instruction": tuple(told)})


Verify = Callable[[Any, Mapping[str, Any], Jobs], NDArray]
"""From environment, observation and jobs to which worlds have reached theirs. Shape (n,)."""


def by_predicates(venv: Any, obs: Mapping[str, Any], jobs: Jobs) -> NDArray[np.bool_]:
    """By the simulator's truth."""
    facts, objects, targets = _arrays(jobs)
    world = venv.world
    return holds(facts, world, roles_of(objects, targets, world.n_slots))
