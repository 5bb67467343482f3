"""Roles, comparisons and noun phrases read out of instructions."""

import numpy as np
import pytest

from tests.language.test_clauses import draw_phrases
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.language.comparisons import phrases_in, without_comparisons
from vla_gym.language.relations import RELATIONS, SIDE_OF, SIDE_WORDS, preposition_for
from vla_gym.language.role_phrases import split_roles
from vla_gym.language.templates import render
from vla_gym.language.words import tokens_of, words_of
from vla_gym.world.predicates import DIRECTIONS


def test_words_have_one_spelling_and_no_politeness():
    assert words_of("Robot, could you PLEASE lift the colored, no: red-color cube please?") == [
        "lift", "the", "colored", "no", "red", "colour", "cube",
    ]  # fmt: skip
    assert words_of("please") == []
    text = "Lift it!"
    assert [text[t.start : t.end] for t in tokens_of(text)] == ["Lift", "it"]


def test_sides_are_the_predicates_and_their_words_are_one_table():
    assert set(SIDE_WORDS) == set(DIRECTIONS)
    assert all(SIDE_OF[words[0]] == side for side, words in SIDE_WORDS.items())
    assert RELATIONS == ("in", "on", "left of", "right of", "in front of", "behind")
    assert preposition_for("bowl") == "in" and preposition_for("plate") == "on"


@pytest.mark.parametrize("template", TASKS["PickPlace"].phrases)
def test_instructions_are_cut_into_their_phrases(template):
    text = template.format(object="the red cube", target="the small blue bowl")
    assert split_roles(text) == ("the red cube", "the small blue bowl")


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("the red cube", ("the red cube", "")),
        ("", ("", "")),
        ("in", ("in", "")),
        ("put the cube in front of the box", ("the cube", "the box")),
        ("put the cube to the left of the box", ("the cube", "the box")),
        ("push the puck towards the mat", ("the puck", "the mat")),
    ],
)
def test_role_phrases_of_other_texts(text, roles):
    assert split_roles(text) == roles


def test_comparisons_are_taken_out():
    found = without_comparisons("put the leftmost cube in the bowl that is not red")
    assert found.text == "put the cube in the bowl"
    assert [str(p) for p in found.phrases] == ["the leftmost cube", "the bowl that is not red"]
    assert all(p.compares for p in found.phrases)
    same = "Put the red cube in the bowl"
    assert without_comparisons(same).text == same and not without_comparisons(same).phrases
    group = without_comparisons("put everything red on the biggest tray")
    assert group.text == "put everything red on the tray" and len(group.phrases) == 1


def test_phrases_of_a_text():
    said = phrases_in("stack the red cube on the blue cube but avoid the white bottle")
    assert [str(p) for p in said] == ["the red cube", "the blue cube", "the white bottle"]
    assert phrases_in("sing a song") == []


@pytest.mark.parametrize("task", MIXTURES["Tabletop"])
def test_phrases_are_those_that_the_task_reads(task):
    rng = np.random.default_rng(3)
    for template in task.all_phrases:
        phrases = draw_phrases(task, rng)
        text = render(template, phrases)
        assert sorted(map(str, phrases_in(text))) == sorted(map(str, phrases.values()))
