"""Whether steps have worked, as CLIP sees it: for robots that have no simulator's truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.planner.drivers import Jobs, Verify, by_predicates
from vla_gym.planner.sight import ClipSight

_OPEN, _HIGH = 0.06, 0.12
"""Opening of the gripper and height of the hand from which it has let go and hides nothing [m]."""


_DIM = 0.05
"""Confidence that is enough for a thing that was seen before and may be half hidden now."""


def by_clip(sight: ClipSight, threshold: float = _DIM) -> Verify:
    """Judge what was put into or onto something by the picture, and other steps by predicates.

    Done is: the hand is open and off, CLIP sees both things, and the one within the other.

    Args:
        sight: The CLIP.
        threshold: Confidence from which a thing counts as seen.
    """

    def verify(venv: Any, obs: Mapping[str, Any], jobs: Jobs) -> NDArray[np.bool_]:
        done = by_predicates(venv, obs, jobs)
        width = obs["proprio"][:, PROPRIO_TAIL["gripper_width"]][:, 0]
        height = obs["proprio"][:, PROPRIO_TAIL["tcp_pos"]][:, 2]
        off = (width > _OPEN) & (height > _HIGH)
        for i, job in enumerate(jobs):
            if job is not None and job.within > 0.0:
                done[i] = off[i] and _within(sight, venv, i, obs, job, threshold)
        return done

    return verify


def _within(
    sight: ClipSight, venv: Any, i: int, obs: Mapping[str, Any], job: Any, threshold: float
) -> bool:
    """Whether CLIP sees the job's object in its target."""
    image = obs["image"][i] if "image" in obs else venv.renderer.render("fixed", np.array([i]))[0]
    names = (job.step.object, job.place)
    places, sure = sight.look(image, [f"the {name}" for name in names])
    near = np.linalg.norm(places[0] - places[1]) < job.within
    return bool(near and (sure > threshold).all())
