from dataclasses import dataclass

import numpy as np
import pytest

from vla_gym.errors import InstructionError, InvalidConfigError, UnknownNameError
from vla_gym.language.instructions import PICK_PLACE_TEMPLATES, parse, render, templates_for
from vla_gym.language.referring import refer
from vla_gym.language.splits import SPLITS, rng_for
from vla_gym.language.vocabulary import (
    COLOURS,
    KIND_NOUNS,
    all_colours,
    colour_distance,
    colour_name,
    jitter,
    lab,
)  # fmt: skip


@dataclass
class Thing:
    kind: str
    rgb: tuple
    size: str = "medium"


def test_lab_of_known_colours():
    np.testing.assert_allclose(lab([1, 1, 1]), [100, 0, 0], atol=0.05)
    np.testing.assert_allclose(lab([0, 0, 0]), [0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(lab([1, 0, 0]), [53.2, 80.1, 67.2], atol=0.2)


def test_basic_colours_are_far_apart_and_shades_keep_their_name():
    rgb = np.array(list(COLOURS.values()))
    gaps = colour_distance(rgb[:, None], rgb[None]) + 1e3 * np.eye(len(rgb))
    assert gaps.min() > 25
    rng = np.random.default_rng(0)
    assert all(colour_name(jitter(rng, w)) == w for w in COLOURS for _ in range(20))


def test_unknown_colour_names_the_choices():
    with pytest.raises(UnknownNameError, match="crimson"):
        jitter(np.random.default_rng(0), "crimsom")


@pytest.mark.parametrize("template", PICK_PLACE_TEMPLATES)
def test_round_trip(template):
    for colour in all_colours():
        for nouns in KIND_NOUNS.values():
            for noun in nouns:
                phrases = {"object": f"the {colour} {noun}", "target": "the small blue bowl"}
                assert parse(render(template, phrases)) == (template, phrases)


def test_parse_names_the_word_and_the_choices():
    with pytest.raises(InstructionError, match="'rde'.*red"):
        parse("put the rde cube in the blue bowl")
    with pytest.raises(InstructionError, match="end of the sentence"):
        parse("put the red cube in")
    with pytest.raises(InstructionError, match="object"):
        render("put {object}", {})


def test_preposition_suits_the_target():
    assert all(" in" in t for t in templates_for("bowl"))
    assert all(" on" in t for t in templates_for("plate"))


def test_refer():
    red, blue = COLOURS["red"], COLOURS["blue"]
    scene = [Thing("cube", red), None, Thing("cube", blue), Thing("ball", red)]
    assert refer(scene, 0) == "the red cube"
    assert refer([*scene, Thing("cube", red, "large")], 0) == "the medium red cube"
    with pytest.raises(InstructionError, match="names it alone"):
        refer([*scene, Thing("cube", red)], 0)
    with pytest.raises(InstructionError, match="slot 1"):
        refer(scene, 1)


def test_splits_are_disjoint_and_repeatable():
    draws = {s: rng_for(s, 3).integers(2**60) for s in SPLITS}
    assert len(set(draws.values())) == len(SPLITS)
    assert draws["test"] == rng_for("test", 3).integers(2**60)
    with pytest.raises(UnknownNameError, match="validation"):
        rng_for("valid", 0)
    with pytest.raises(InvalidConfigError):
        rng_for("train", -1)
