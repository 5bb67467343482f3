"""Object positions from CLIP: the instruction is matched with the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.clause_tracker import VERB_IDS, ClauseTracker, heard_verb
from vla_gym.agents.policies.detections import Detections
from vla_gym.agents.policies.head_spec import Blind
from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.skills import VERBS
from vla_gym.vlm.camera_tracker import CameraTracker
from vla_gym.vlm.roles import ROLES
from vla_gym.vlm.verb_reader import VerbReader

GRASP_PLANE_M = 0.025
"""Height of the plane that pixels are projected on: half the height of the small objects [m]."""
SURE = 0.6
"""Confidence from which an object chosen by a comparison is followed, not compared again."""
NEUTRAL_INSTRUCTION = "put the thing into the other thing"
"""What a policy blind to its instruction is given instead; it names no object."""


class ClipSource:
    """Grounds each role's phrase in the image, and projects the pixel on the table.

    An instruction of several clauses is followed clause by clause.

    Args:
        grounder: `vla_gym.vlm.grounding.Grounder`.
        calibration: The fixed camera as calibrated.
        n: Number of sub-environments.
        blind: "instruction" hides the instruction, "image" the image.
    """

    reads_final = True

    def __init__(self, grounder: Any, calibration: Any, n: int, blind: Blind = "none") -> None:
        self.grounder, self.blind = grounder, blind
        self.camera = CameraTracker(n, calibration)
        self.clauses = ClauseTracker(n)
        self.chosen = np.full((n, len(ROLES), 2), np.nan)  # image points that comparisons chose
        self._final_camera, self._final_chosen = self.camera.pose, self.chosen.copy()
        self._verbs = VerbReader(grounder.encoder) if hasattr(grounder, "encoder") else None

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Forget camera pose, clause and choices of these sub-environments."""
        self._final_camera[ids] = self.camera.pose[ids]
        self._final_chosen[ids] = self.chosen[ids]
        self.camera.reset(ids)
        self.clauses.reset(ids)
        self.chosen[ids] = np.nan

    @property
    def memory(self) -> dict[str, NDArray]:
        """See `ObjectSource.memory`."""
        return {
            "camera": self.camera.mean,
            "camera_cov": self.camera.cov,
            "camera_odds": self.camera.odds,
            "chosen": self.chosen,
            **self.clauses.memory,
        }

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64]
    ) -> Detections:
        """See `ObjectSource.locate`; all images are encoded in one batch."""
        m = len(ids)
        if self.blind == "image":
            return Detections.nothing(m)
        if self.blind == "instruction":
            instructions = [NEUTRAL_INSTRUCTION] * m
        present = np.zeros(m, bool)  # False for final observations, which come second
        present[np.unique(ids, return_index=True)[1]] = True
        phrases = self.clauses.current(instructions, ids, present)
        new_clause = self.clauses.moved_on[ids] & present
        chosen = np.where(present[:, None, None], self.chosen[ids], self._final_chosen[ids])
        found = self.grounder.ground(obs["image"], phrases, chosen)
        sure = (_numpy(found.confidence) > SURE)[..., None]
        self.chosen[ids[present]] = np.where(sure, _numpy(found.point), chosen)[present]
        proprio = np.asarray(obs["proprio"])[present]
        if found.hand is not None:
            self.camera.update(
                ids[present], proprio[:, PROPRIO_TAIL["tcp_pos"]], _numpy(found.hand)[present],
                _numpy(found.hand_confidence)[present],
            )  # fmt: skip
        cameras = np.where(present[:, None], self.camera.pose[ids], self._final_camera[ids])
        xy = self.camera.deproject(cameras, _numpy(found.point), GRASP_PLANE_M)[..., :2]
        given = [text for text, now in zip(instructions, present, strict=True) if now]
        moved_on = self.clauses.update(given, ids[present], xy[present], GRASP_PLANE_M, proprio)
        self.chosen[moved_on] = np.nan
        # not every CLIP has been trained to tell shapes
        shape = Detections.nothing(m).shape if found.shape is None else _numpy(found.shape)
        return Detections(xy, _numpy(found.confidence), shape, new_clause)

    def verbs(self, instructions: Sequence[str]) -> NDArray[np.float32]:
        """See `ObjectSource.verbs`, of the present clauses; zeros if blind to the instruction.

        What is understood has one verb for certain; of other texts CLIP reads it.
        """
        rows = np.zeros((len(instructions), len(VERBS)), np.float32)
        if self.blind == "instruction":
            return rows
        present = zip(instructions, self.clauses.clause.tolist(), strict=True)
        for i, (text, clause) in enumerate(present):
            verb = heard_verb(text, clause)
            if verb is not None:
                rows[i, VERB_IDS[verb]] = 1.0
            elif self._verbs is not None:
                rows[i] = self._verbs.read([text])[0]
        return rows


def _numpy(values: Any) -> NDArray[np.float64]:
    return values.detach().cpu().numpy().astype(np.float64)
