"""Where the named things lie on the table: found by CLIP, or taken from the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import UnknownNameError

ROLES = ("object", "target")
"""The parts of a sentence that a policy asks for; as in `vla_gym.vlm`."""
GRASP_PLANE_M = 0.025
"""Height of the plane on which pixels are placed: half the height of the small objects [m]."""
PRIVILEGED_NOISE_M = 0.006
"""Spread of the error added to true positions, fixed for an episode: what good grounding has [m]."""
WORDLESS = "put the thing into the other thing"
"""The sentence that a policy blind to its instruction is given instead."""

Blind = Literal["none", "instruction", "image"]
BLIND: tuple[str, ...] = ("none", "instruction", "image")
SOURCES: tuple[str, ...] = ("clip", "privileged")


class Source(Protocol):
    """Finds the table position of each role's thing, for many worlds at once."""

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Episodes begin in these worlds."""

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64]
    ) -> tuple[NDArray, NDArray]:  # type: ignore
        """Positions and how sure they are.

        Args:
            obs: Observations of m worlds.
            instructions: Their sentences.
            ids: Which worlds they are. Shape (m,). The simulator may be one step further where an
                observation is the last of an episode; `past` says so.

        Returns:
            World frame xy, shape (m, 2, 2) [m], and confidence, shape (m, 2), in [0, 1].
        """

    past: bool
    """Whether last observations of finished episodes can still be looked at."""


class ClipSource:
    """Finds things by matching the words with the picture, then placing the pixel on the table.

    Args:
        grounder: `vla_gym.vlm.Grounder`.
        calibration: The fixed camera as a lab would have calibrated it.
        blind: "instruction" hides the words, "image" the picture.
    """

    past = True

    def __init__(self, grounder: Any, calibration: Any, blind: str = "none") -> None:
        self.grounder, self.calibration, self.blind = grounder, calibration, blind

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Nothing to forget: every picture stands for itself."""

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64]
    ) -> tuple[NDArray, NDArray]:
        """See `Source.locate`; one encoding for all pictures."""
        n = len(ids)
        if self.blind == "image":
            centre = np.broadcast_to([0.51, 0.0], (n, len(ROLES), 2))
            return centre.copy(), np.zeros((n, len(ROLES)))
        words = [WORDLESS] * n if self.blind == "instruction" else list(instructions)
        found = self.grounder.ground(obs["image"], words)
        uv = found.point.detach().cpu().numpy().astype(np.float64)
        xy = self.calibration.deproject(uv, GRASP_PLANE_M)[..., :2]
        return xy, found.confidence.detach().cpu().numpy().astype(np.float64)


class PrivilegedSource:
    """True positions with an error that stays the same for a whole episode.

    Not a policy anyone could deploy: it is the ceiling that perfect grounding would reach, and the
    quick way to debug the learning.

    Args:
        venv: The environment; its `world` and `named_slots` are read.
        seed: Seed of the errors.
        blind: "instruction" replaces each role by a random present thing that could play it;
            "image" hides positions altogether.
        noise_m: Spread of the error [m].
    """

    past = False

    def __init__(
        self, venv: Any, seed: int, blind: str = "none", noise_m: float = PRIVILEGED_NOISE_M
    ) -> None:
        self.venv, self.blind, self.noise_m = venv, blind, noise_m
        self.rng = np.random.default_rng(seed)
        self.noise = np.zeros((venv.num_envs, len(ROLES), 2))
        self.slots = np.zeros((venv.num_envs, len(ROLES)), np.int64)

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Draw new errors, and new random things if blind to the words."""
        if not len(ids):
            return
        self.noise[ids] = self.rng.normal(0.0, self.noise_m, (len(ids), len(ROLES), 2))
        self.slots[ids] = self.venv.named_slots[ids]
        if self.blind == "instruction":
            world = self.venv.world
            for i in ids:
                for r in range(len(ROLES)):
                    same = np.flatnonzero(self._could_play(world, i, self.slots[i, r]))
                    self.slots[i, r] = self.rng.choice(same)

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64]
    ) -> tuple[NDArray, NDArray]:
        """See `Source.locate`."""
        shape = (len(ids), len(ROLES))
        if self.blind == "image":
            return np.broadcast_to([0.51, 0.0], (*shape, 2)).copy(), np.zeros(shape)
        pos = self.venv.world.object_pos[ids[:, None], self.slots[ids], :2]
        return pos + self.noise[ids], np.ones(shape)

    @staticmethod
    def _could_play(world: Any, i: int, slot: int) -> NDArray[np.bool_]:
        """Present things of world `i` that are, like the one in `slot`, containers or not."""
        from vla_gym.world.objects import KINDS

        flat = np.array([kind.container and not kind.graspable for kind in KINDS.values()])
        is_place = flat[world.kind_id[i]]
        return world.present[i] & (is_place == is_place[slot])


def make_source(
    venv: Any, name: str, blind: str = "none", encoder: Any = "embedded", seed: int = 0
) -> Source:
    """Build a source by name.

    Args:
        venv: The environment.
        name: "clip" or "privileged".
        blind: What to hide: "none", "instruction" or "image".
        encoder: Encoder object, or a name for `vla_gym.vlm.ClipEncoder`; only for "clip".
        seed: Seed of the errors; only for "privileged".

    Raises:
        UnknownNameError: If a name is not one of the above.
    """
    if blind not in BLIND:
        raise UnknownNameError("blindness", blind, BLIND)
    if name == "privileged":
        return PrivilegedSource(venv, seed, blind)
    if name != "clip":
        raise UnknownNameError("feature source", name, SOURCES)
    from vla_gym.vlm.encoder import ClipEncoder
    from vla_gym.vlm.grounding import Grounder

    if isinstance(encoder, str):
        encoder = ClipEncoder(encoder)
    camera = venv.cameras.calibration("fixed")
    grounder = encoder if hasattr(encoder, "ground") else Grounder(encoder, camera)
    return ClipSource(grounder, camera, blind)
