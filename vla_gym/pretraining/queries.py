"""Texts about pretraining images: captions, instructions and phrases, each with its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.pretraining.instruction_templates import ALL_PAIR_TEMPLATES, ALL_SINGLE_TEMPLATES
from vla_gym.pretraining.labelled_phrases import (
    LabelledPhrase,
    describe,
    describe_absent,
    describe_anything,
    describe_hand,
    fit_table,
)
from vla_gym.pretraining.scene_sampler import MIN_PIXELS, Views
from vla_gym.pretraining.table_objects import COLOUR_WORDS, TableObject, lab_of
from vla_gym.world.objects import KINDS

KIND_INDEX = {kind: i for i, kind in enumerate(KINDS)}
NO_OBJECT = len(KINDS)
"""Index of "no object" among kinds."""
ABSENT = -1
"""Slot of a role that nothing in the image plays."""
_N_ANYTHING = 24
"""Phrases about anything, asked of every image of a batch."""

Claims = tuple[LabelledPhrase | None, LabelledPhrase | None]
"""Phrase of each role."""
Row = tuple[str, tuple[int, int], Claims]
"""A text, the slot of each role, the phrase of each role."""


@dataclass
class Queries:
    """Texts about a batch of images and where their roles are."""

    texts: list[list[str]]
    """The same number of texts for each image."""
    slots: NDArray[np.int64]
    """Slot that plays each role, or ABSENT. Shape (n, k, len(ROLES))."""
    captions: list[str]
    """What each image shows."""
    phrases: list[LabelledPhrase]
    """Distinct bare phrases among the texts, asked of every image."""
    fit: NDArray[np.float64]
    """From `fit_table`. Shape (n, n_slots, len(phrases))."""
    claims: NDArray[np.float32]
    """Kind (NO_OBJECT for an unfilled role) and Lab / 100 that each role's phrase claims, nan where
    it leaves them open. Shape (n, k, len(ROLES), 4)."""
    phrase_claims: NDArray[np.float32]
    """The same for the bare phrases. Shape (len(phrases), 4)."""


def make_queries(
    rng: Generator, views: Views, n_phrases: int = 3, n_absent: int = 1, n_instructions: int = 2,
    n_hand: int = 0,
) -> Queries:  # fmt: skip
    """Write texts about images.

    Args:
        rng: Source of randomness.
        views: The images.
        n_phrases: Bare phrases of objects that are there, per image.
        n_absent: Bare phrases of objects that are not.
        n_instructions: Whole instructions.
        n_hand: Phrases for the robot's hand.
    """
    texts, slots, captions, claims = [], [], [], []
    known: dict[str, LabelledPhrase] = {}
    for objects, relations, pixels in zip(
        views.objects, views.relations, views.pixels, strict=True
    ):
        rows = _phrase_rows(rng, objects, n_phrases, known)
        rows += [_absent_row(rng, objects, known) for _ in range(n_absent)]
        rows += [_instruction_row(rng, objects) for _ in range(n_instructions)]
        rows += [_hand_row(rng, pixels, known) for _ in range(n_hand)]
        texts.append([text for text, _, _ in rows])
        slots.append([roles for _, roles, _ in rows])
        claims.append([claims_of(pair) for _, _, pair in rows])
        captions.append(_caption(rng, objects, relations, pixels))
    for phrase in (describe_anything(rng) for _ in range(_N_ANYTHING)):
        known.setdefault(phrase.text, phrase)
    phrases = list(known.values())
    phrase_claims = np.array([claims_of((phrase, None))[0] for phrase in phrases], np.float32)
    fit = fit_table(phrases, views.objects, views.pixels.shape[1])
    claimed = np.array(claims, np.float32)
    return Queries(texts, np.array(slots), captions, phrases, fit, claimed, phrase_claims)


def claims_of(pair: Claims) -> list[list[float]]:
    """What each role's phrase claims, as in `Queries.claims`."""
    rows = []
    for phrase in pair:
        if phrase is None:
            rows.append([float(NO_OBJECT), *[np.nan] * 3])
            continue
        one = len(phrase.kinds) == 1 and min(phrase.kinds) in KINDS
        kind = KIND_INDEX[min(phrase.kinds)] if one else np.nan
        colour = lab_of(COLOUR_WORDS[phrase.word]) / 100 if phrase.word else [np.nan] * 3
        rows.append([kind, *colour])
    return rows


def _phrase_rows(
    rng: Generator, objects: Sequence[TableObject], count: int, known: dict[str, LabelledPhrase]
) -> list[Row]:
    rows: list[Row] = []
    for i in rng.permutation(len(objects)):
        phrase = describe(rng, objects[int(i)], objects)
        if phrase is not None:
            known[phrase.text] = phrase
            rows.append((phrase.text, (int(i), ABSENT), (phrase, None)))
        if len(rows) == count:
            break
    while len(rows) < count:
        rows.append(_absent_row(rng, objects, known))
    return rows


def _absent_row(
    rng: Generator, objects: Sequence[TableObject], known: dict[str, LabelledPhrase]
) -> Row:
    phrase = describe_absent(rng, objects)
    if phrase is not None:
        known[phrase.text] = phrase
    return (phrase.text if phrase else "", (ABSENT, ABSENT), (phrase, None))


def _hand_row(rng: Generator, pixels: NDArray, known: dict[str, LabelledPhrase]) -> Row:
    phrase = known.setdefault((new := describe_hand(rng)).text, new)
    return (phrase.text, (len(pixels) - 1, ABSENT), (phrase, None))


def _instruction_row(rng: Generator, objects: Sequence[TableObject]) -> Row:
    i, j = (int(k) for k in rng.choice(len(objects), 2, replace=False))
    first, second = describe(rng, objects[i], objects), describe(rng, objects[j], objects)
    if rng.random() < 0.1:
        first, i = describe_absent(rng, objects), ABSENT
    if rng.random() < 0.15:
        second, j = describe_absent(rng, objects), ABSENT
    if first is None:
        return _absent_row(rng, objects, {})
    if second is None or rng.random() < 0.15:
        text = str(rng.choice(ALL_SINGLE_TEMPLATES)).format(object=first.text)
        return text, (i, ABSENT), (first, None)
    template = str(rng.choice(ALL_PAIR_TEMPLATES))
    return template.format(object=first.text, target=second.text), (i, j), (first, second)


def _caption(
    rng: Generator, objects: Sequence[TableObject], relations: list[tuple[str, int, int]],
    pixels: NDArray,
) -> str:  # fmt: skip
    seen = [int(i) for i in rng.permutation(len(objects)) if pixels[i] >= MIN_PIXELS]
    names = [f"{o.word} {o.kind}" for o in objects]
    parts = [f"a {names[i]}" for i in seen]
    facts = [
        f"the {names[a]} is in the {names[b]}"
        if relation == "in"
        else f"the robot holds the {names[a]}"
        for relation, a, b in relations
    ]
    return " and ".join([*facts, *parts]) if parts or facts else "a table"
