"""Superlatives, exclusions and likenesses on synthetic maps."""

import numpy as np
import pytest
import torch

from vla_gym.language.noun_phrases import NounPhrase
from vla_gym.language.vocabulary import COLOURS
from vla_gym.vlm.peaks import soft_argmax
from vla_gym.vlm.reasoning import choose

CUBES = {(4, 3): "red", (8, 12): "blue", (12, 6): "green"}
PLATE = (2, 13)


def bump(*cells):
    heat = torch.full((16, 16), -12.0)
    for r, c in cells:
        heat[r, c] = 4.0
        heat[r, c + 1] = heat[r + 1, c] = 1.0
    return heat


def ask(text):
    """Maps of an ideal CLIP: three cubes, the last two large, and a green plate."""
    things = {cell: (colour, "cube") for cell, colour in CUBES.items()} | {
        PLATE: ("green", "plate")
    }
    words = text.split()
    cells = [
        cell for cell, (colour, kind) in things.items()
        if (kind in words or "thing" in words)
        and not (set(words) & set(COLOURS) - {colour})
        and ("large" not in words or cell[0] > 5)
        and ("small" not in words or cell[0] < 5)
    ]  # fmt: skip
    return bump(*cells)


def locate(maps):
    return soft_argmax(maps[None])[0]


@pytest.mark.parametrize(
    ("phrase", "cell"),
    [
        (NounPhrase("cube", superlative="leftmost"), (4, 3)),
        (NounPhrase("cube", superlative="rightmost"), (8, 12)),
        (NounPhrase("cube", superlative="frontmost"), (12, 6)),
        (NounPhrase("cube", superlative="hindmost"), (4, 3)),
        (NounPhrase("cube", superlative="smallest"), (4, 3)),
        (NounPhrase("cube", other_than="red", superlative="leftmost"), (12, 6)),
        (NounPhrase("cube", like="plate"), (12, 6)),
        (NounPhrase("thing", "green", superlative="rightmost"), PLATE),
    ],
)
def test_comparisons_choose_one_object(phrase, cell):
    heat = choose(ask(str(phrase.plain())), phrase, ask, locate)
    assert divmod(int(heat.argmax()), 16) == cell
    others = [c for c in (*CUBES, PLATE) if c != cell]
    assert all(heat[c] < -5 for c in others)


def test_without_a_fitting_object_the_highest_cell_is_chosen():
    heat = torch.full((16, 16), -8.0)
    heat[3, 3] = -6.0
    left = choose(heat, NounPhrase("cube", superlative="leftmost"), ask, locate)
    assert divmod(int(left.argmax()), 16) == (3, 3) and np.isfinite(left.numpy()).all()


@pytest.mark.parametrize(
    ("was", "cell"), [((4, 3), (4, 3)), ((8, 11), (8, 12)), ((12, 6), (12, 6)), ((0, 15), None)]
)
def test_a_chosen_object_is_tracked(was, cell):
    chosen = (torch.tensor(was[::-1]) + 0.5) / 8 - 1
    phrase = NounPhrase("cube", superlative="leftmost")
    heat = choose(ask(str(phrase.plain())), phrase, ask, locate, chosen=chosen)
    assert (heat.max() < -5) if cell is None else divmod(int(heat.argmax()), 16) == cell
    undecided = torch.full((2,), float("nan"))
    heat = choose(ask(str(phrase.plain())), phrase, ask, locate, chosen=undecided)
    assert divmod(int(heat.argmax()), 16) == (4, 3)
