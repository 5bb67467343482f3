"""Sentences cut into the things to be done."""

import pytest

from vla_gym.envs.tasks import MIXTURES
from vla_gym.language.clauses import clauses


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("put the red cube in the bowl", ("put the red cube in the bowl",)),
        ("put a in b then put c in d", ("put a in b", "put c in d")),
        ("put a in b, and then put c in d then push e", ("put a in b", "put c in d", "push e")),
        ("stack a on b but avoid c", ("stack a on b",)),
        ("stack a on b, without touching c, then push d", ("stack a on b", "push d")),
    ],
)
def test_what_is_to_be_done_in_order(sentence, parts):
    assert clauses(sentence) == parts


def test_sentences_of_one_clause_stay_as_they_are():
    several = {"Sequence", "Avoid", "Push"}  # "without lifting it" is nobody's place
    for task in MIXTURES["Tabletop"]:
        if task.name not in several:
            assert all(clauses(phrase) == (phrase,) for phrase in task.all_phrases)
