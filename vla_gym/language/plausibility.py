"""How probable each meaning of a text is, from what the network thinks of all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vla_gym.language.reader_model import Candidate
from vla_gym.language.understanding import Understanding

FEATURES = (
    "constant", "log of p", "log of p of the least likely token", "log of p per token", "p",
    "log of p of all that amount to the same", "lead over all others", "share of all found",
    "p of none of those found", "number found", "first",
)  # fmt: skip
"""What is looked at, in the order of the weights."""
_LEAD = 6.0
"""Largest difference of log-probabilities that counts."""
_LITTLE = 1e-6
FLAT_TOPS = ("cube", "brick", "cylinder", "can", "stone", "puck")
"""Kinds on which to put a thing is to stack it."""


@dataclass(frozen=True)
class Judged:
    """A meaning, and how probable it is that it is exactly what was meant."""

    meaning: Understanding
    probability: float


Options = Sequence[tuple[Understanding, Candidate]]
"""Meanings of a text with the network's own account of each, likeliest first."""


def features(options: Options) -> list[list[float]]:
    """The values of `FEATURES` for each of the meanings found."""
    p = [math.exp(candidate.log_p) for _, candidate in options]
    deeds = [_deed(meaning) for meaning, _ in options]
    rows = []
    for k, (_, candidate) in enumerate(options):
        same = sum(q for q, deed in zip(p, deeds, strict=True) if deed == deeds[k])
        other = max((q for q, deed in zip(p, deeds, strict=True) if deed != deeds[k]), default=0.0)
        rows.append([
            1.0, candidate.log_p, candidate.weakest,
            candidate.log_p / (1 + len(candidate.tokens)), p[k], math.log(same + _LITTLE),
            min(_LEAD, math.log((same + _LITTLE) / (other + _LITTLE))), p[k] / sum(p),
            max(0.0, 1.0 - sum(p)), float(len(options)), float(k == 0),
        ])  # fmt: skip
    return rows


def judge(options: Options, weights: Sequence[float]) -> list[Judged]:
    """The meanings, the most probable first.

    Args:
        options: What the network found.
        weights: One for each of `FEATURES`, of a logistic regression.
    """
    judged = []
    for (meaning, _), values in zip(options, features(options), strict=True):
        score = sum(w * v for w, v in zip(weights, values, strict=True))
        judged.append(Judged(meaning, 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, score))))))
    return sorted(judged, key=lambda j: -j.probability)


def _deed(meaning: Understanding) -> Understanding:
    """The meaning without distinctions that make no difference to what is done."""
    steps = []
    for step in meaning.steps:
        if step.skill == "sort":
            step = replace(step, skill="put")
        if step.skill == "put" and step.target is not None and step.target.kind in FLAT_TOPS:
            step = replace(step, skill="stack")
        steps.append(step)
    return replace(meaning, steps=tuple(steps))
