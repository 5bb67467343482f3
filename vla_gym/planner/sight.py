"""`ClipSight`: CLIP's confidence that named objects are there, and scenes of its detections."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InvalidConfigError
from vla_gym.language.comparisons import phrases_in
from vla_gym.language.noun_phrases import NounPhrase
from vla_gym.language.vocabulary import COLOURS, KIND_NOUNS
from vla_gym.planner.check import THRESHOLD
from vla_gym.planner.requests import PlanRequest
from vla_gym.planner.scene import Scene, SceneObject, scene_of, unique
from vla_gym.world.objects import KINDS

_MARGIN, _SAME = 0.2, 0.03
"""Excess confidence from which a rival phrase counts, and distance within which it is at the same
position [m]; chosen on validation seeds."""
_NAMED = tuple(k for k in KIND_NOUNS if k not in ("line", "cabinet"))
_NEAR = 0.05
"""Largest distance between CLIP's detection and the simulated object [m]."""


class ClipSight:
    """Grounds noun phrases in an image by CLIP, one query each.

    Args:
        grounder: A `vla_gym.vlm.grounding.Grounder`.
        calibration: The camera's, from pixels to positions on the table.
    """

    def __init__(self, grounder: Any, calibration: Any) -> None:
        self.grounder, self.calibration = grounder, calibration
        self._lock = threading.Lock()  # planner threads share one CLIP

    def look(
        self, image: NDArray[np.uint8], phrases: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions of the objects that phrases name, and confidences.

        Args:
            image: Shape (H, W, 3).
            phrases: For example "the red cube".

        Returns:
            Positions at the height of a small object (p, 2) [m], and confidences (p,).
        """
        if not phrases:
            return np.zeros((0, 2)), np.zeros(0)
        images = np.broadcast_to(image, (len(phrases), *image.shape))
        with self._lock:
            features = self.grounder.encoder.encode_image(images[:1].copy())
            tiled = type(features)(
                features.pooled.expand(len(phrases), -1),
                features.tokens.expand(len(phrases), -1, -1),
            )
            seen = self.grounder.ground_features(tiled, list(phrases))
        uv = seen.point[:, 0].cpu().numpy()
        sure = seen.confidence[:, 0].cpu().numpy().astype(float)
        return self.calibration.deproject(uv)[:, :2], sure

    def judge(
        self, image: NDArray[np.uint8], phrases: Sequence[NounPhrase]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As `look`, with less confidence where another colour or kind fits better.

        On its own, "the pink cube" is also found at a pink drawer. So every phrase has rivals: its
        kind in other colours, its colour in other kinds. A rival whose confidence at the same
        position is higher by more than `_MARGIN` brings the confidence below `THRESHOLD`.

        Args:
            image: Shape (H, W, 3).
            phrases: Of the objects to find.

        Returns:
            Positions (p, 2) [m], and confidences (p,).
        """
        queries = [[str(p), *_rivals(p)] for p in phrases]
        positions, sure = self.look(image, [q for group in queries for q in group])
        at, spots, out = 0, [], []
        for group in queries:
            xy, c = positions[at : at + len(group)], sure[at : at + len(group)]
            same = np.linalg.norm(xy[1:] - xy[0], axis=1) < _SAME
            rival = float(np.max(c[1:][same], initial=0.0))
            spots.append(xy[0])
            out.append(min(float(c[0]), max(0.0, THRESHOLD + _MARGIN + float(c[0]) - rival)))
            at += len(group)
        return np.array(spots).reshape(-1, 2), np.array(out)

    def confidence(self, request: PlanRequest) -> Mapping[str, float]:
        """Name -> confidence of every object in the request's scene, for `Decider`.

        The objects were detected before, so there are no rival phrases: this only finds objects
        that are listed and not there.

        Raises:
            InvalidConfigError: If the request has no image.
        """
        if request.image is None:
            raise InvalidConfigError("CLIP cannot check a plan without an image.")
        _, sure = self.look(
            request.image, [f"the {t.colour} {t.kind}" for t in request.scene.objects]
        )
        return dict(zip(request.scene.names, sure.tolist(), strict=True))


def _rivals(phrase: NounPhrase) -> list[str]:
    """Phrases for what else could be there: other colours, other kinds."""
    if phrase.colour is None or phrase.every:
        return []
    out = [f"the {c} {phrase.noun}" for c in COLOURS if c != phrase.colour]
    return out + [f"the {phrase.colour} {k}" for k in _NAMED if k not in phrase.kinds]


def spoken_scene(sight: ClipSight, threshold: float = THRESHOLD) -> Any:
    """A scene source that lists the objects which the instruction names and CLIP detects.

    An object is listed if CLIP's confidence is high enough, at the position where CLIP sees it.
    For the expert's skills, which act on simulated objects, the nearest of these is its slot.

    Args:
        sight: The CLIP.
        threshold: Confidence from which an object is listed.
    """

    def scene(venv: Any, i: int, instruction: str) -> Scene:
        phrases = [
            each
            for phrase in dict.fromkeys(phrases_in(instruction))
            for each in _phrases_for(phrase)
        ]
        image = venv.renderer.render("fixed", np.array([i]))[0]
        positions, sure = sight.judge(image, phrases)
        truth = scene_of(venv, i)
        objects = []
        for phrase, xy, c in zip(phrases, positions, sure, strict=True):
            if c >= threshold:
                objects.append(_scene_object(phrase, xy, float(c), truth))
        objects = _without_overlaps(objects)
        names = unique([t.name for t in objects])
        named = [SceneObject(**{**vars(t), "name": n}) for t, n in zip(objects, names, strict=True)]
        return Scene(tuple(named), truth.held if truth.held in names else None)

    return scene


def _scene_object(phrase: NounPhrase, xy: NDArray, sure: float, truth: Scene) -> SceneObject:
    kind, colour = phrase.kinds[0], phrase.colour or next(iter(COLOURS))
    pos = (float(xy[0]), float(xy[1]), KINDS[kind].half_height)
    away = [float(np.linalg.norm(np.subtract(t.pos[:2], xy))) for t in truth.objects]
    near = int(np.argmin(away)) if away else -1
    slot = truth.objects[near].slot if away and away[near] < _NEAR else None
    return SceneObject(
        str(phrase).removeprefix("the "), kind, colour, pos=pos, confidence=sure, slot=slot
    )


def _phrases_for(phrase: NounPhrase) -> list[NounPhrase]:
    """The phrases to look for: of a group, one for each kind or colour that could be in it."""
    if not phrase.every:
        return [phrase]
    if phrase.colour is not None:
        return [NounPhrase(name, phrase.colour) for name, kind in KINDS.items() if kind.graspable]
    return [NounPhrase(phrase.noun, colour) for colour in COLOURS]


def _without_overlaps(objects: list[SceneObject]) -> list[SceneObject]:
    """Of detections at the same position the one with the highest confidence."""
    kept: list[SceneObject] = []
    for obj in sorted(objects, key=lambda t: -t.confidence):
        away = [np.linalg.norm(np.subtract(obj.pos[:2], k.pos[:2])) for k in kept]
        if min(away, default=1.0) > _SAME:
            kept.append(obj)
    return kept
