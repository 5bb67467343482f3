import re

import numpy as np
import pytest

from vla_gym.envs.splits import SPLITS, rng_for
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.errors import InstructionError, InvalidConfigError, UnknownNameError
from vla_gym.language.noun_phrases import (
    SUPERLATIVES,
    NounPhrase,
    SceneObjects,
    read_phrase,
    resolve,
)
from vla_gym.language.referring import refer
from vla_gym.language.templates import parse, render, suits
from vla_gym.language.vocabulary import (
    COLOURS,
    KIND_NOUNS,
    _basic_name,
    all_colours,
    colour_distance,
    colour_name,
    jitter,
    lab,
)  # fmt: skip


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


TASK_LIST = MIXTURES["Tabletop"]
PHRASES = [(t, p) for t in TASK_LIST for p in t.all_phrases]


def all_phrases():
    """Noun phrases of every shape."""
    yield from (NounPhrase(n, c) for n in ("cube", "rock", "thing") for c in all_colours())
    yield from (
        NounPhrase(n, "red", s) for n in ("mug", "crate") for s in ("small", "big", "medium")
    )
    yield from (NounPhrase("bowl", superlative=s) for s in SUPERLATIVES)
    yield from (NounPhrase("mug", other_than=c) for c in COLOURS)
    yield from (NounPhrase("ball", like=n) for n in ("plate", "crate"))
    yield from (NounPhrase("mug", c) for c in ("periwinkle", "dark red", "dark sea green", "stone"))
    yield from (
        NounPhrase(n, c) for n in ("stone", "bottle") for c in ("stone", "bottle green", None)
    )
    yield from (NounPhrase(noun) for nouns in KIND_NOUNS.values() for noun in nouns)
    yield from (NounPhrase(colour=c, every=True) for c in COLOURS)
    yield from (NounPhrase(noun=n, every=True) for n in ("cube", "box", "ball"))


@pytest.mark.parametrize("phrase", list(all_phrases()), ids=str)
def test_phrases_are_parsed_back(phrase):
    words = str(phrase).split()
    at, read, wanted = read_phrase(words, 0)
    assert (at, read, wanted) == (len(words), phrase, [])


@pytest.mark.parametrize(("task", "template"), PHRASES)
def test_every_template_is_parsed_back(task, template):
    roles = re.findall(r"\{(\w+)\}", template)
    phrases = {
        role: NounPhrase(colour=colour, every=True)
        if task.roles[role].many
        else NounPhrase(KIND_NOUNS[task.roles[role].kinds[0]][0], colour)
        for role, colour in zip(roles, COLOURS, strict=False)
    }
    readings = [p for t, p in parse(render(template, phrases), task.all_phrases) if t == template]
    assert phrases in readings


def test_parse_names_the_word_and_the_choices():
    phrases = TASKS["PickPlace"].all_phrases
    with pytest.raises(InstructionError, match="'rde'.*red"):
        parse("put the rde cube in the blue bowl", phrases)
    with pytest.raises(InstructionError, match="end of the instruction"):
        parse("put the red cube in", phrases)
    with pytest.raises(InstructionError, match="'throw' .word 1.*put"):
        parse("throw the red cube in the blue bowl", phrases)
    with pytest.raises(InstructionError, match="object"):
        render("put {object}", {})


def test_prepositions_suit_the_target():
    assert suits("put {object} in {target}", {"target": "bowl"})
    assert not suits("put {object} on {target}", {"target": "bowl"})
    assert suits("drop {object} onto {target}", {"target": "plate"})
    assert suits("press {button}", {"button": "button"})


RED, BLUE = COLOURS["red"], COLOURS["blue"]


def scene(*things):
    """A scene of (kind, colour, size, x, y)."""
    return SceneObjects(
        [t and t[0] for t in things],
        [t[2] if t else "medium" for t in things],
        [t[1] if t else "" for t in things],
        [all_colours()[t[1]] if t else (0, 0, 0) for t in things],
        np.array([t[3:] if t else (0, 0) for t in things], float),
    )


A = ("cube", "red", "small", 0.4, -0.1)
B = ("cube", "blue", "large", 0.5, 0.1)
C = ("ball", "red", "medium", 0.6, 0.2)


def test_refer():
    assert str(refer(scene(A, None, B, C), 0)) == "the red cube"
    twin = ("cube", "red", "large", 0.6, 0.0)
    assert str(refer(scene(A, B, twin), 0)) == "the small red cube"
    with pytest.raises(InstructionError, match="names it alone"):
        refer(scene(A, A), 0)
    with pytest.raises(InstructionError, match="slot 1"):
        refer(scene(A, None), 1)
    rng = np.random.default_rng(0)
    said = {str(refer(scene(A, B, C), 0, rng, reasoning=True)) for _ in range(40)}
    assert "the leftmost cube" in said and "the cube that is not blue" in said


@pytest.mark.parametrize(
    ("phrase", "slots"),
    [
        (NounPhrase("cube"), [0, 1]),
        (NounPhrase("thing", "red"), [0, 2]),
        (NounPhrase("cube", superlative="leftmost"), [0]),
        (NounPhrase("thing", superlative="rightmost"), [2]),
        (NounPhrase("cube", superlative="biggest"), [1]),
        (NounPhrase("cube", other_than="red"), [1]),
        (NounPhrase(colour="red", every=True), [0, 2]),
        (NounPhrase("mug"), []),
        (NounPhrase("ball", like="brick"), []),
        (NounPhrase("cube", like="ball"), [0]),
        (NounPhrase("ball", like="cube"), []),  # which of the two cubes?
    ],
)
def test_resolve(phrase, slots):
    assert resolve(phrase, scene(A, B, C)) == slots


def test_a_basic_word_covers_its_shades():
    crimson = ("mug", "crimson", "medium", 0.5, 0.0)
    assert resolve(NounPhrase("mug", "red"), scene(crimson, A)) == [0]
    assert resolve(NounPhrase("mug", "scarlet"), scene(crimson, A)) == []


def test_splits_are_disjoint_and_repeatable():
    draws = {s: rng_for(s, 3).integers(2**60) for s in SPLITS}
    assert len(set(draws.values())) == len(SPLITS)
    assert draws["test"] == rng_for("test", 3).integers(2**60)
    with pytest.raises(UnknownNameError, match="validation"):
        rng_for("valid", 0)
    with pytest.raises(InvalidConfigError):
        rng_for("train", -1)


def test_the_fast_colour_name_equals_the_general_one():
    for shade in np.random.default_rng(2).random((500, 3)):
        assert _basic_name(*shade.tolist()) == colour_name(shade)
