"""`by_clip`: judges steps by CLIP, for robots without access to the true state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.planner.drivers import Jobs, Verify, by_predicates
from vla_gym.planner.sight import ClipSight

_OPEN, _HIGH = 0.06, 0.12
"""Gripper opening and hand height from which it has let go and hides nothing [m]."""
_HALF_HIDDEN = 0.05
"""Sufficient confidence for an object that was seen before and may be half hidden now."""


def by_clip(sight: ClipSight, threshold: float = _HALF_HIDDEN) -> Verify:
    """Judge by the image what was put into a container, and other steps by predicates.

    It is done if the hand is open and away and CLIP sees the object within the container.

    Args:
        sight: The CLIP.
        threshold: Confidence from which an object counts as seen.
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
    names = (job.step.object, job.target_name)
    positions, sure = sight.look(image, [f"the {name}" for name in names])
    near = np.linalg.norm(positions[0] - positions[1]) < job.within
    return bool(near and (sure > threshold).all())
