"""What CLIP sees: how sure it is of named things, and a scene of nothing but what was spoken of."""

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
from vla_gym.planner.requests import Request
from vla_gym.planner.scene import Scene, Thing, scene_of, unique
from vla_gym.world.objects import KINDS

_MARGIN, _SAME = 0.2, 0.03
"""How much surer CLIP must be of a rival, and how near to the same place it must be [m]; chosen on
validation seeds."""
_NAMED = tuple(k for k in KIND_NOUNS if k not in ("line", "cabinet"))
_NEAR = 0.05
"""Largest distance between where CLIP sees a thing and where the simulation has it [m]."""


class ClipSight:
    """Asks CLIP about phrases in a picture, one query each.

    Args:
        grounder: A `vla_gym.vlm.grounding.Grounder`.
        calibration: The camera's, to turn places in the picture into places on the table.
    """

    def __init__(self, grounder: Any, calibration: Any) -> None:
        self.grounder, self.calibration = grounder, calibration
        self._lock = threading.Lock()  # planner threads share one CLIP

    def look(
        self, image: NDArray[np.uint8], phrases: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where phrases' things are, and how sure that is.

        Args:
            image: Shape (H, W, 3).
            phrases: For example "the red cube".

        Returns:
            Places at the height of a small thing (p, 2) [m], and confidences (p,).
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
        """The same as `look`, but less sure where another colour or kind fits better.

        Asked alone, "the pink cube" is found in a pink drawer as well. So every phrase has rivals:
        its kind in other colours, its colour in other kinds. A rival seen at the same place by more
        than `_MARGIN` brings the confidence below `THRESHOLD`.

        Args:
            image: Shape (H, W, 3).
            phrases: What to look for.

        Returns:
            Places (p, 2) [m], and confidences (p,).
        """
        queries = [[str(p), *_rivals(p)] for p in phrases]
        places, sure = self.look(image, [q for group in queries for q in group])
        at, spots, out = 0, [], []
        for group in queries:
            xy, c = places[at : at + len(group)], sure[at : at + len(group)]
            same = np.linalg.norm(xy[1:] - xy[0], axis=1) < _SAME
            rival = float(np.max(c[1:][same], initial=0.0))
            spots.append(xy[0])
            out.append(min(float(c[0]), max(0.0, THRESHOLD + _MARGIN + float(c[0]) - rival)))
            at += len(group)
        return np.array(spots).reshape(-1, 2), np.array(out)

    def confidence(self, request: Request) -> Mapping[str, float]:
        """How sure CLIP is of every thing in the request's scene, for `Decider`.

        The things were detected already, so rivals are not asked about: this only finds what is
        listed and not there.
        """
        if request.image is None:
            raise InvalidConfigError("CLIP cannot check a plan without a picture.")
        _, sure = self.look(
            request.image, [f"the {t.colour} {t.kind}" for t in request.scene.things]
        )
        return dict(zip(request.scene.names, sure.tolist(), strict=True))


def _rivals(phrase: NounPhrase) -> list[str]:
    """What else could be seen in the phrase's place: other colours, other kinds."""
    if phrase.colour is None or phrase.every:
        return []
    out = [f"the {c} {phrase.noun}" for c in COLOURS if c != phrase.colour]
    return out + [f"the {phrase.colour} {k}" for k in _NAMED if k not in phrase.kinds]


def spoken_scene(sight: ClipSight, threshold: float = THRESHOLD) -> Any:
    """A scene source that lists only what the sentence speaks of and CLIP sees.

    Nothing of the simulator's truth decides what is there: a phrase's thing is listed if CLIP is
    sure enough of it, at the place where CLIP sees it. For the expert's skills, which act on the
    simulation, it is then tied to the nearest thing.

    Args:
        sight: The CLIP.
        threshold: Confidence from which a thing is listed.
    """

    def scene(venv: Any, i: int, instruction: str) -> Scene:
        phrases = [
            each for phrase in dict.fromkeys(phrases_in(instruction)) for each in _members(phrase)
        ]
        image = venv.renderer.render("fixed", np.array([i]))[0]
        places, sure = sight.judge(image, phrases)
        truth = scene_of(venv, i)
        things = []
        for phrase, xy, c in zip(phrases, places, sure, strict=True):
            if c >= threshold:
                things.append(_thing(phrase, xy, float(c), truth))
        things = _apart(things)
        names = unique([t.name for t in things])
        named = [Thing(**{**vars(t), "name": n}) for t, n in zip(things, names, strict=True)]
        return Scene(tuple(named), truth.held if truth.held in names else None)

    return scene


def _thing(phrase: NounPhrase, xy: NDArray, sure: float, truth: Scene) -> Thing:
    kind, colour = phrase.kinds[0], phrase.colour or next(iter(COLOURS))
    pos = (float(xy[0]), float(xy[1]), KINDS[kind].half_height)
    away = [float(np.linalg.norm(np.subtract(t.pos[:2], xy))) for t in truth.things]
    near = int(np.argmin(away)) if away else -1
    slot = truth.things[near].slot if away and away[near] < _NEAR else None
    return Thing(
        str(phrase).removeprefix("the "), kind, colour, pos=pos, confidence=sure, slot=slot
    )


def _members(phrase: NounPhrase) -> list[NounPhrase]:
    """What to look for: of a group, everything that could belong to it."""
    if not phrase.every:
        return [phrase]
    if phrase.colour is not None:
        return [NounPhrase(name, phrase.colour) for name, kind in KINDS.items() if kind.graspable]
    return [NounPhrase(phrase.noun, colour) for colour in COLOURS]


def _apart(things: list[Thing]) -> list[Thing]:
    """Of things seen at one place the one that CLIP is surest of."""
    kept: list[Thing] = []
    for thing in sorted(things, key=lambda t: -t.confidence):
        away = [np.linalg.norm(np.subtract(thing.pos[:2], k.pos[:2])) for k in kept]
        if min(away, default=1.0) > _SAME:
            kept.append(thing)
    return kept
