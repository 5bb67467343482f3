"""Whether a meaning accounts for the words of its text: what chooses among several meanings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vla_gym.language.lexicon import ALL_WORDS, NOT_WORDS, NUMBERS, SIZES_SAID, kinds_said
from vla_gym.language.reader_model import Candidate
from vla_gym.language.referents import is_known_colour
from vla_gym.language.understanding import SkillStep, Understanding
from vla_gym.language.vocabulary import all_colours

FEATURES = (
    "constant", "log_p", "weakest", "lead", "is act", "colour left out",
    "colour made up", "kind left out", "kind made up", "no word for a not",
    "no not for a word", "size left out", "size made up", "number left out", "number made up",
    "side left out", "side made up", "steps", "other language", "words",
    "colour unknown", "to itself", "said twice", "odd skill",
)  # fmt: skip
"""What is looked at, in the order of the weights."""
_USUAL_OBJECTS = {
    "press": ("button", "any"), "open": ("drawer", "any"), "close": ("drawer", "any"),
}  # fmt: skip
_USUAL_TARGETS = {
    "put": ("bowl", "plate", "tray", "box", "mug", "drawer", "shelf", "mat", "any"),
    "sort": ("bowl", "plate", "tray", "box", "mug", "drawer", "any"),
    "stack": ("cube", "brick", "cylinder", "can", "stone", "puck", "box", "ball", "star", "any"),
    "slide": ("mat", "any"),
}
_LEAD = 6.0
"""Largest difference of log-probabilities that counts."""
_COLOURS = frozenset((*all_colours(), "grey", "gray"))
_SAME = {"gray": "grey", "violet": "purple"}
_SIDE_WORDS = ("left", "right", "behind", "front", "leftmost", "rightmost", "back", "rear")


@dataclass(frozen=True)
class Judged:
    """A meaning, and how probable it is that it is exactly what was meant."""

    meaning: Understanding
    probability: float


def features(
    words: Sequence[str], meaning: Understanding, candidate: Candidate, best_other: float
) -> list[float]:
    """The values of `FEATURES`.

    Args:
        words: Of the text.
        meaning: One possible meaning.
        candidate: The same as the network wrote it.
        best_other: Log-probability of the likeliest of the other candidates; minus infinity if
            there is none.
    """
    said, things = frozenset(words), list(meaning.things())
    english = meaning.lang == "en" and meaning.answer == "act"
    colours = {_SAME.get(w, w) for w in said & _COLOURS}
    meant = {
        _SAME.get(w, w) for t in things for c in (t.colour, t.not_colour) if c for w in c.split()
    }
    nouns = [kinds_said(w) for w in words if kinds_said(w)]
    kinds = {t.kind for t in things}
    nots = any(t.not_colour or t.pick == "other" for t in things) or bool(meaning.avoid)
    not_said = bool(said.intersection(NOT_WORDS))
    sizes = {size for size, names in SIZES_SAID.items() if said.intersection(names)}
    sizes_meant = {t.size for t in things if t.size}
    counts = {n for n, names in NUMBERS.items() if said.intersection(names)}
    counts_meant = {t.count for t in things if t.count not in (1, "all")}
    sides = any(w in said for w in _SIDE_WORDS)
    sided = any(s.side not in (None, "near") for s in meaning.steps) or any(
        t.pick in ("leftmost", "rightmost", "left_of", "right_of", "behind", "in_front_of")
        for t in things
    )
    checks = (
        len(colours - meant), len(meant - said - colours),
        sum(not kinds.intersection(found) for found in nouns if found != ("any",)),
        sum(not any(k in found for found in nouns) for k in kinds - {"any"}),
        nots and not not_said, not_said and not nots,
        len(sizes - sizes_meant), len(sizes_meant - sizes),
        len(counts - counts_meant), len(counts_meant - counts)
        + (any(t.count == "all" for t in things) and not said.intersection(ALL_WORDS)),
        sides and not sided, sided and not sides,
    )  # fmt: skip
    odd = (
        sum(bool(c) and not is_known_colour(c) for t in things for c in (t.colour, t.not_colour)),
        sum(_to_itself(step) for step in meaning.steps),
        len(meaning.steps) - len(set(meaning.steps)),
        sum(_is_odd(step) for step in meaning.steps),
    )
    lead = max(-_LEAD, min(_LEAD, candidate.log_p - best_other))
    return [
        1.0, candidate.log_p, candidate.weakest, lead,
        float(meaning.answer == "act"), *(float(c) * english for c in checks),
        float(len(meaning.steps)), float(meaning.lang != "en"), math.log(1 + len(words)),
        *map(float, odd),
    ]  # fmt: skip


def best_other(options: Sequence[tuple[Understanding, Candidate]], candidate: Candidate) -> float:
    """Log-probability of the likeliest candidate but one; minus infinity if there is no other."""
    return max((c.log_p for _, c in options if c is not candidate), default=-math.inf)


def _to_itself(step: SkillStep) -> bool:
    a, b = step.object, step.target
    return (
        b is not None and a.kind == b.kind and (a.colour == b.colour or not (a.colour and b.colour))
    )


def _is_odd(step: SkillStep) -> bool:
    """Whether a skill is asked for with a thing that it is not for."""
    usual = _USUAL_OBJECTS.get(step.skill)
    target = _USUAL_TARGETS.get(step.skill)
    return (usual is not None and step.object.kind not in usual) or (
        target is not None and step.target is not None and step.target.kind not in target
    )


def judge(
    words: Sequence[str], options: Sequence[tuple[Understanding, Candidate]],
    weights: Sequence[float],
) -> list[Judged]:  # fmt: skip
    """The meanings, the most probable first.

    Args:
        words: Of the text.
        options: Each meaning with the network's own account of it, likeliest first.
        weights: One for each of `FEATURES`, of a logistic regression.
    """
    judged = []
    for meaning, candidate in options:
        values = features(words, meaning, candidate, best_other(options, candidate))
        score = sum(w * v for w, v in zip(weights, values, strict=True))
        judged.append(Judged(meaning, 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, score))))))
    return sorted(judged, key=lambda j: -j.probability)
