"""The goals of jobs, for many sub-environments at once: how to get there, whether they hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vla_gym.planner.jobs import Job, Jobs
from vla_gym.skills import motion_for
from vla_gym.skills.motion import Motion
from vla_gym.world.logic import Predicate, Roles
from vla_gym.world.world import World


def goals_hold(jobs: Jobs, world: World) -> NDArray[np.bool_]:
    """Whether the goal of each job holds. Shape (n,); false where there is no job."""
    roles, out = _roles_of(jobs, world.n_slots), np.zeros(world.n, bool)
    for goal, mine in _distinct_goals(jobs):
        out[mine] = goal.holds(world, roles)[mine]
    return out


def motion_towards(jobs: Jobs, world: World) -> Motion:
    """The expert's next motion towards the goal of each job; rest where there is no job."""
    roles = _roles_of(jobs, world.n_slots)
    motions, choice = [Motion.rest(world.n)], np.zeros(world.n, int)
    for goal, mine in _distinct_goals(jobs):
        motion = motion_for(goal, world, roles)
        if motion is not None:
            choice[mine] = len(motions)
            motions.append(motion)
    return Motion.choose(choice, motions)


def _distinct_goals(jobs: Jobs) -> Iterator[tuple[Predicate, NDArray[np.bool_]]]:
    """Each goal and the sub-environments that have it, a mask (n,)."""
    facts = np.array([job.fact if job else "" for job in jobs], object)
    first: dict[str, Job] = {}
    for job in jobs:
        if job is not None:
            first.setdefault(job.fact, job)
    for fact, job in first.items():
        yield job.goal, facts == fact


def _roles_of(jobs: Jobs, n_slots: int) -> Roles:
    """Roles of the goals; slot 0 where there is no job."""
    objects = np.array([job.object if job else 0 for job in jobs], int)
    only = np.zeros((len(objects), n_slots), bool)
    only[np.arange(len(objects)), objects] = True
    targets = np.array([job.target if job else 0 for job in jobs], int)
    return {"object": objects, "target": targets, "only": only}
