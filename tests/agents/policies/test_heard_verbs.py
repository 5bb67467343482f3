"""The verb of each clause comes from what is understood, not from a second reader."""

from __future__ import annotations

import numpy as np
import pytest

from vla_gym.agents.policies.clause_tracker import heard_verbs
from vla_gym.agents.policies.clip_source import ClipSource
from vla_gym.envs.episode import Episode
from vla_gym.envs.grammar_reading import heard_clauses
from vla_gym.envs.tasks import MIXTURES
from vla_gym.skills import VERBS, verb_of


@pytest.mark.parametrize("task", MIXTURES["Tabletop"], ids=lambda task: repr(task.goal)[:40])
def test_a_task_s_sentences_have_the_verb_of_its_goal(task):
    rng = np.random.default_rng(0)
    for _ in range(5):
        text = Episode.draw(task, rng, 12).instruction
        verbs = heard_verbs(text)
        assert len(verbs) == len(heard_clauses(text))
        if verb_of(task.goal):
            assert set(verbs) == {verb_of(task.goal)}


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("pop the ball in the mug", ("put",)),
        ("the bottle fell over, stand it up please", ("stand up",)),
        ("open the drawer, then press the red button", ("open", "press")),
        ("put the ball in the bowl, then put the cube on the tray", ("several", "several")),
        ("qwertz uiop asdf", ()),
    ],
)
def test_people_s_sentences_have_the_verbs_of_their_steps(text, verbs):
    assert heard_verbs(text) == verbs


def test_the_verb_is_that_of_the_present_clause():
    source = ClipSource(None, None, 2)
    texts = ["open the drawer, then press the red button"] * 2
    source.clauses.clause[1] = 1
    rows = source.verbs(texts)
    assert [list(VERBS)[i] for i in rows.argmax(axis=1)] == ["open", "press"]
    assert (rows.sum(axis=1) == 1).all()
    assert not ClipSource(None, None, 2, "instruction").verbs(texts).any()
