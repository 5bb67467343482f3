"""Sentences for pretraining pictures: captions, instructions and phrases, each with its truth."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.tasks import MIXTURES
from vla_gym.language.noun_phrases import SUPERLATIVES
from vla_gym.language.vocabulary import ANYTHING, HAND_NAMES, KIND_NOUNS
from vla_gym.pretraining.phrases import (
    _SIZE_WORDS,
    _THINGS,
    WORDS,
    Phrase,
    Thing,
    _lab,
    deny,
    describe,
    fit_table,
    hand,
    stray,
)
from vla_gym.pretraining.scene_sampler import MIN_PIXELS, Views
from vla_gym.vlm.roles import ROLES
from vla_gym.world.objects import KINDS

BOTH = (
    "put {object} in {target}",
    "put {object} on {target}",
    "place {object} in {target}",
    "place {object} on {target}",
    "put {object} into {target}",
    "place {object} onto {target}",
    "put {object} inside {target}",
    "move {object} to {target}",
    "move {object} into {target}",
    "drop {object} into {target}",
    "drop {object} in {target}",
    "set {object} on {target}",
    "lay {object} onto {target}",
    "pick up {object} and put it in {target}",
    "pick up {object} and place it on {target}",
    "take {object} and drop it in {target}",
    "grab {object} and put it into {target}",
    "bring {object} to {target}",
    "carry {object} over to {target}",
    "transfer {object} to {target}",
    "stack {object} on {target}",
    "stack {object} on top of {target}",
    "put {object} on top of {target}",
    "push {object} to {target}",
    "push {object} next to {target}",
    "push {object} towards {target}",
    "slide {object} against {target}",
    "slide {object} to {target}",
    "slide {object} onto {target}",
    "put {object} next to {target}",
    "place {object} beside {target}",
    "put {object} left of {target}",
    "put {object} to the left of {target}",
    "put {object} to the right of {target}",
    "place {object} right of {target}",
    "put {object} in front of {target}",
    "put {object} behind {target}",
    "move {object} away from {target}",
    "into {target} put {object}",
    "in {target} , place {object}",
    "please put {object} in {target}",
    "{object} goes in {target}",
    "i want {object} in {target}",
    "could you put {object} in {target}",
)
ALONE = (
    "pick up {object}",
    "lift {object}",
    "lift {object} up",
    "raise {object}",
    "grab {object}",
    "grasp {object}",
    "take {object}",
    "pick {object}",
    "hold {object}",
    "touch {object}",
    "reach {object}",
    "reach for {object}",
    "push {object}",
    "push {object} forward",
    "push {object} to the left",
    "push {object} to the right",
    "point at {object}",
    "find {object}",
    "where is {object}",
    "go to {object}",
    "turn {object} over",
    "stand {object} up",
    "set {object} upright",
    "open {object}",
    "close {object}",
    "rotate {object}",
    "put {object} down",
    "move {object}",
)
_TASKS = tuple(t for task in MIXTURES["Tabletop"] for t in task.all_phrases)
_SLOT = re.compile(r"\{\w+\}")


def _frames(roles: int) -> tuple[str, ...]:
    """The tasks' sentences with so many roles, which are called object and target here."""
    frames = []
    for text in _TASKS:
        if len(_SLOT.findall(text)) == roles:
            names = iter(("{object}", "{target}"))
            frames.append(_SLOT.sub(lambda m, names=names: next(names), text))
    return tuple(dict.fromkeys(frames))


_FRAMES = BOTH + _frames(2)
_SINGLE = ALONE + _frames(1)
_KINDS = list(KINDS)
NOTHING = len(_KINDS)
"""Stands for "no object" among kinds."""
ABSENT = -1
"""Slot of a role that nothing in the picture plays."""
_SHOWN = 0.2
"""Share of a cell that a thing must cover to be spoken for by it."""
_STRAYS = 24
"""Phrases about anything, asked of every picture of a batch."""
_CAPTION = "on the table the robot arm holds is there are and with lies picture photo of"


@dataclass
class Queries:
    """Sentences about a batch of pictures and where their roles are."""

    texts: list[list[str]]
    """The same number of sentences for each picture."""
    slots: NDArray[np.int64]
    """Slot that plays each role, or ABSENT. Shape (n, k, len(ROLES))."""
    captions: list[str]
    """What each picture shows."""
    phrases: list[Phrase]
    """Distinct bare phrases among the sentences, asked of every picture."""
    fit: NDArray[np.float64]
    """From `fit_table`. Shape (n, n_slots, len(phrases))."""
    meant: NDArray[np.float32]
    """Kind (NOTHING for an unfilled role) and Lab / 100 that each role's words speak of, nan where
    they leave it open. Shape (n, k, len(ROLES), 4)."""
    told: NDArray[np.float32]
    """The same for the bare phrases. Shape (len(phrases), 4)."""


def vocabulary() -> list[str]:
    """Every word that pretraining uses; frequent ones repeat."""
    lines = [*_FRAMES, *_SINGLE, *_TASKS, _CAPTION, "the a that is not same colour", *_THINGS]
    lines += [*HAND_NAMES, *SUPERLATIVES, *ANYTHING, "everything all"]
    lines += [w for words in _SIZE_WORDS.values() for w in words]
    lines += [n for nouns in KIND_NOUNS.values() for n in nouns] + list(WORDS)
    return [w for line in lines for w in re.findall(r"[a-z]+", line.lower())]


def make_queries(
    rng: Generator, views: Views, n_phrases: int = 3, n_denied: int = 1, n_instructions: int = 2,
    n_hand: int = 0,
) -> Queries:  # fmt: skip
    """Write sentences about pictures.

    Args:
        rng: Source of randomness.
        views: The pictures.
        n_phrases: Bare phrases of things that are there.
        n_denied: Bare phrases of things that are not.
        n_instructions: Whole instructions.
        n_hand: Phrases for the robot's hand.
    """
    texts, slots, captions, meant = [], [], [], []
    said: dict[str, Phrase] = {}
    for things, relations, pixels in zip(views.things, views.relations, views.pixels, strict=True):
        rows = _phrases(rng, things, n_phrases, said)
        rows += [_denial(rng, things, said) for _ in range(n_denied)]
        rows += [_instruction(rng, things) for _ in range(n_instructions)]
        rows += [_of_hand(rng, pixels, said) for _ in range(n_hand)]
        texts.append([text for text, _, _ in rows])
        slots.append([roles for _, roles, _ in rows])
        meant.append([said_of(pair) for _, _, pair in rows])
        captions.append(_caption(rng, things, relations, pixels))
    for phrase in (stray(rng) for _ in range(_STRAYS)):
        said.setdefault(phrase.text, phrase)
    phrases = list(said.values())
    told = np.array([said_of((phrase, None))[0] for phrase in phrases], np.float32)
    fit = fit_table(phrases, views.things, views.pixels.shape[1])
    truth = np.array(meant, np.float32)
    return Queries(texts, np.array(slots), captions, phrases, fit, truth, told)


Row = tuple[str, tuple[int, int], tuple[Phrase | None, Phrase | None]]


def said_of(pair: tuple[Phrase | None, Phrase | None]) -> list[list[float]]:
    """What a sentence says about each role, as in `Queries.meant`."""
    rows = []
    for phrase in pair:
        if phrase is None:
            rows.append([float(NOTHING), *[np.nan] * 3])
            continue
        one = len(phrase.kinds) == 1 and min(phrase.kinds) in KINDS
        kind = _KINDS.index(min(phrase.kinds)) if one else np.nan
        colour = _lab(WORDS[phrase.word]) / 100 if phrase.word else [np.nan] * 3
        rows.append([kind, *colour])
    return rows


def _name(rng: Generator, things: list[Thing], i: int) -> Phrase | None:
    return describe(rng, things[i], things)


def _phrases(rng: Generator, things: list[Thing], count: int, said: dict[str, Phrase]) -> list[Row]:
    rows: list[Row] = []
    for i in rng.permutation(len(things)):
        phrase = _name(rng, things, int(i))
        if phrase is not None:
            said[phrase.text] = phrase
            rows.append((phrase.text, (int(i), ABSENT), (phrase, None)))
        if len(rows) == count:
            break
    while len(rows) < count:
        rows.append(_denial(rng, things, said))
    return rows


def _denial(rng: Generator, things: list[Thing], said: dict[str, Phrase]) -> Row:
    phrase = deny(rng, things)
    if phrase is not None:
        said[phrase.text] = phrase
    return (phrase.text if phrase else "", (ABSENT, ABSENT), (phrase, None))


def _of_hand(rng: Generator, pixels: NDArray, said: dict[str, Phrase]) -> Row:
    phrase = said.setdefault((new := hand(rng)).text, new)
    return (phrase.text, (len(pixels) - 1, ABSENT), (phrase, None))


def _instruction(rng: Generator, things: list[Thing]) -> Row:
    i, j = (int(k) for k in rng.choice(len(things), 2, replace=False))
    first, second = _name(rng, things, i), _name(rng, things, j)
    if rng.random() < 0.1:
        first, i = deny(rng, things), ABSENT
    if rng.random() < 0.15:
        second, j = deny(rng, things), ABSENT
    if first is None:
        return _denial(rng, things, {})
    if second is None or rng.random() < 0.15:
        return str(rng.choice(_SINGLE)).format(object=first.text), (i, ABSENT), (first, None)
    text = str(rng.choice(_FRAMES)).format(object=first.text, target=second.text)
    return text, (i, j), (first, second)


def _caption(
    rng: Generator, things: list[Thing], relations: list[tuple[str, int, int]], pixels: NDArray
) -> str:
    seen = [int(i) for i in rng.permutation(len(things)) if pixels[i] >= MIN_PIXELS]
    names = {i: f"{things[i].word} {things[i].kind}" for i in range(len(things))}
    parts = [f"a {names[i]}" for i in seen]
    facts = [
        f"the {names[a]} is in the {names[b]}"
        if fact == "in"
        else f"the robot holds the {names[a]}"
        for fact, a, b in relations
    ]
    return " and ".join([*facts, *parts]) if parts or facts else "a table"


def role_targets(
    views: Views, slots: NDArray[np.int64]
) -> tuple[NDArray, NDArray[np.bool_], NDArray, NDArray, NDArray[np.bool_]]:
    """What the heat maps should show.

    Args:
        views: The pictures.
        slots: From `Queries`. Shape (n, k, len(ROLES)).

    Returns:
        Heat, the covered share of each cell over the object's best cell (n, k, r, gh * gw);
        whether the map counts at all, because the thing is either plainly seen or not there
        (n, k, r); the point (n, k, r, 2); the shape (n, k, r, N_SHAPE); whether the thing is
        plainly seen (n, k, r).
    """
    n, k, r = slots.shape
    assert r == len(ROLES)
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    best = np.maximum(cover.max(axis=-1, keepdims=True), 1e-6)
    relative = cover / best
    rows = np.arange(n)[:, None, None]
    there = slots >= 0
    pixels = np.where(there, views.pixels[rows, slots], 0)
    seen = pixels >= MIN_PIXELS
    heat = relative[rows, slots] * seen[..., None]
    counts = seen | (pixels == 0)
    point, shape = views.point[rows, slots], views.shape[rows, slots]
    return heat.astype(np.float32), counts, point, shape, seen


def phrase_targets(
    views: Views, fit: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """What every phrase's map should show in every picture.

    Args:
        views: The pictures.
        fit: From `fit_table`. Shape (n, n_slots, p).

    Returns:
        Heat (n, p, gh * gw); whether it counts, (n, p): exactly one thing is meant and plainly
        seen, or nothing is meant; whether something is plainly seen (n, p).
    """
    sure, loose = (fit == 1).sum(axis=1), (fit == 0.5).any(axis=1)
    slot = fit.argmax(axis=1)
    rows = np.arange(len(fit))[:, None]
    pixels = views.pixels[rows, slot]
    seen = (sure == 1) & ~loose & (pixels >= MIN_PIXELS)
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    relative = cover / np.maximum(cover.max(axis=-1, keepdims=True), 1e-6)
    heat = relative[rows, slot] * seen[..., None]
    nothing = (sure == 0) & ~loose
    return heat.astype(np.float32), seen | nothing, seen


def cell_truth(views: Views) -> NDArray[np.float32]:
    """What each cell shows: kind and Lab / 100, as in `Queries.meant`; nan where mixed.

    Args:
        views: The pictures.

    Returns:
        Shape (n, gh * gw, 4).
    """
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    slots = cover.shape[1]
    facts = np.full((len(cover), slots, 4), np.nan, np.float32)
    for i, things in enumerate(views.things):
        for j, t in enumerate(things):
            facts[i, j] = [_KINDS.index(t.kind), *(_lab(t.rgb) / 100)]
    facts[:, -1, 0] = NOTHING  # the hand
    truth = facts[np.arange(len(cover))[:, None], cover.argmax(axis=1)]
    share = cover.max(axis=1)
    truth[share < 0.35] = np.nan
    truth[cover.sum(axis=1) == 0, 0] = NOTHING
    return truth


def cell_aims(views: Views) -> NDArray[np.float32]:
    """Where the thing that each cell shows most of should be pointed at; nan where there is none.

    Args:
        views: The pictures.

    Returns:
        u right, v down, [-1, 1]. Shape (n, gh * gw, 2).
    """
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    aims = views.point[np.arange(len(cover))[:, None], cover.argmax(axis=1)]
    aims[cover.max(axis=1) < _SHOWN] = np.nan
    return aims
