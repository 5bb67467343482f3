"""Where the named things lie on the table: found by CLIP, or taken from the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.clause_tracker import Reading
from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.errors import UnknownNameError
from vla_gym.skills import VERBS, verb_of
from vla_gym.vlm.camera_tracker import CameraTracker
from vla_gym.vlm.verb_reader import VerbReader
from vla_gym.world.grasping import N_SHAPE, shape_of
from vla_gym.world.views import View

ROLES = ("object", "target")
"""The parts of a sentence that a policy asks for; as in `vla_gym.vlm`."""
GRASP_PLANE_M = 0.025
"""Height of the plane on which pixels are placed: half the height of the small objects [m]."""
SURE = 0.6
"""Confidence from which a thing that a comparison chose is followed, instead of compared again."""
PRIVILEGED_NOISE_M = 0.006
"""Spread of the error added to true positions, fixed for an episode, as of good grounding [m]."""
WORDLESS = "put the thing into the other thing"
"""The sentence that a policy blind to its instruction is given instead."""

Blind = Literal["none", "instruction", "image"]
BLIND: tuple[str, ...] = ("none", "instruction", "image")
SOURCES: tuple[str, ...] = ("clip", "privileged")


@dataclass(frozen=True)
class Found:
    """What is known of each role's thing, for m worlds."""

    xy: NDArray
    """World frame. Shape (m, len(ROLES), 2), [m]."""
    confidence: NDArray
    """Shape (m, len(ROLES)), in [0, 1]."""
    shape: NDArray
    """As `vla_gym.world.grasping.shape_of`, but that cosine and sine are shorter where it is not
    clear how the fingers would take it. Shape (m, len(ROLES), N_SHAPE)."""
    anew: NDArray[np.bool_] | None = None
    """Worlds in which the sentence has gone on to other things. Shape (m,)."""

    def rows(self, part: slice) -> Found:
        """Some of the worlds."""
        anew = None if self.anew is None else self.anew[part]
        return Found(self.xy[part], self.confidence[part], self.shape[part], anew)


class Source(Protocol):
    """Finds the table position of each role's thing, for many worlds at once."""

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Episodes begin in these worlds."""

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64]
    ) -> Found:  # type: ignore[empty-body]
        """Where the things are and what they are like.

        Args:
            obs: Observations of m worlds.
            instructions: Their sentences.
            ids: Which worlds they are. Shape (m,). The simulator may be one step further where an
                observation is the last of an episode; `past` says so.
        """

    def skills(self, instructions: Sequence[str]) -> NDArray[np.float32]:  # type: ignore[empty-body]
        """How likely each skill is meant, for all worlds. Shape (n, len(VERBS))."""

    past: bool
    """Whether last observations of finished episodes can still be looked at."""

    @property
    def memory(self) -> dict[str, NDArray]:  # type: ignore[empty-body]
        """What it remembers from step to step: arrays that a checkpoint keeps, written in place."""


class ClipSource:
    """Finds things by matching the words with the picture, then placing the pixel on the table.

    Of a sentence in several clauses it follows one after the other.

    Args:
        grounder: `vla_gym.vlm.Grounder`.
        calibration: The fixed camera as a lab would have calibrated it.
        n: Number of worlds.
        blind: "instruction" hides the words, "image" the picture.
    """

    past = True

    def __init__(self, grounder: Any, calibration: Any, n: int, blind: str = "none") -> None:
        self.grounder, self.blind = grounder, blind
        self.camera = CameraTracker(n, calibration)
        self.reading = Reading(n)
        self.chosen = np.full((n, len(ROLES), 2), np.nan)
        self._ended, self._ended_chosen = self.camera.pose, self.chosen.copy()
        self._verbs = VerbReader(grounder.encoder) if hasattr(grounder, "encoder") else None

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Forget where these worlds' cameras stand, and what was chosen there."""
        self._ended[ids], self._ended_chosen[ids] = self.camera.pose[ids], self.chosen[ids]
        self.camera.reset(ids)
        self.reading.reset(ids)
        self.chosen[ids] = np.nan

    @property
    def memory(self) -> dict[str, NDArray]:
        """See `Source.memory`."""
        camera = {"camera": self.camera.mean, "camera_cov": self.camera.cov}
        reading = {"clause": self.reading.clause, "anew": self.reading.anew}
        return {**camera, "camera_odds": self.camera.odds, "chosen": self.chosen, **reading}

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64]
    ) -> Found:
        """See `Source.locate`; one encoding for all pictures."""
        n = len(ids)
        if self.blind == "image":
            return _nothing(n)
        if self.blind == "instruction":
            instructions = [WORDLESS] * n
        # after a world's present picture, the last one of its ended episode may follow
        now = np.zeros(n, bool)
        now[np.unique(ids, return_index=True)[1]] = True
        words = self.reading.words(instructions, ids, now)
        anew = self.reading.anew[ids] & now
        chosen = np.where(now[:, None, None], self.chosen[ids], self._ended_chosen[ids])
        found = self.grounder.ground(obs["image"], words, chosen)
        sure = (_numpy(found.confidence) > SURE)[..., None]
        self.chosen[ids[now]] = np.where(sure, _numpy(found.point), chosen)[now]
        if found.hand is not None:
            tcp = np.asarray(obs["proprio"])[now][:, PROPRIO_TAIL["tcp_pos"]]
            self.camera.update(
                ids[now], tcp, _numpy(found.hand)[now], _numpy(found.hand_confidence)[now]
            )
        cameras = np.where(now[:, None], self.camera.pose[ids], self._ended[ids])
        xy = self.camera.deproject(cameras, _numpy(found.point), GRASP_PLANE_M)[..., :2]
        said = [text for text, at in zip(instructions, now, strict=True) if at]
        body = np.asarray(obs["proprio"])[now]
        on = self.reading.note(said, ids[now], xy[now], GRASP_PLANE_M, body)
        self.chosen[on] = np.nan
        # a CLIP may not have been taught shapes
        shape = _nothing(n).shape if found.shape is None else _numpy(found.shape)
        return Found(xy, _numpy(found.confidence), shape, anew)

    def skills(self, instructions: Sequence[str]) -> NDArray[np.float32]:
        """See `Source.skills`; nothing for who is blind to the words."""
        if self.blind == "instruction" or self._verbs is None:
            return np.zeros((len(instructions), len(VERBS)), np.float32)
        return self._verbs.read(instructions)


class PrivilegedSource:
    """True positions with an error that stays the same for a whole episode.

    Not deployable: a baseline to compare grounding with, and the quick way to debug
    the learning.

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

    @property
    def memory(self) -> dict[str, NDArray]:
        """See `Source.memory`."""
        return {"noise": self.noise, "slots": self.slots}

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
    ) -> Found:
        """See `Source.locate`."""
        if self.blind == "image":
            return _nothing(len(ids))
        world = self.venv.world
        pos = world.object_pos[ids[:, None], self.slots[ids], :2]
        shapes = np.stack([shape_of(View.of(world, slot)) for slot in self.slots.T], axis=1)
        confidence = np.ones((len(ids), len(ROLES)))
        return Found(pos + self.noise[ids], confidence, np.nan_to_num(shapes[ids]))

    def skills(self, instructions: Sequence[str]) -> NDArray[np.float32]:
        """The one that the task needs."""
        rows = np.zeros((len(instructions), len(VERBS)), np.float32)
        if self.blind == "instruction":
            return rows
        core, names = self.venv.unwrapped, list(VERBS)
        for i, episode in enumerate(core.episodes):
            verb = verb_of(core.tasks[episode.task].goal)
            if verb in VERBS:  # verbs of skills registered by others are unknown to policies
                rows[i, names.index(verb)] = 1.0
        return rows

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
    camera = venv.world.pinhole("fixed")
    grounder = encoder if hasattr(encoder, "ground") else Grounder(encoder, camera)
    return ClipSource(grounder, camera, venv.num_envs, blind)


def _nothing(n: int) -> Found:
    """What is known of things that were not looked for: they lie on the table."""
    middle = np.broadcast_to([0.51, 0.0], (n, len(ROLES), 2)).copy()
    shape = np.broadcast_to([0.5, 0.0, 0.0, 0.5], (n, len(ROLES), N_SHAPE)).copy()
    return Found(middle, np.zeros((n, len(ROLES))), shape)


def _numpy(values: Any) -> NDArray[np.float64]:
    return values.detach().cpu().numpy().astype(np.float64)
