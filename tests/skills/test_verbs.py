"""The verb of a sentence."""

import pytest

from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.skills import VERBS, verb_of


def test_the_order_of_verbs_is_that_of_the_trained_reader():
    assert list(VERBS) == [
        "reach", "lift", "put", "stack", "put left", "put right", "put front", "put behind",
        "push", "strike", "press", "stand up", "open", "close", "several",
    ]  # fmt: skip


@pytest.mark.parametrize("task", MIXTURES["Tabletop"], ids=lambda t: f"{t.name}: {t.phrases[0]}")
def test_every_task_has_a_known_skill_or_asks_for_what_cannot_be_done(task):
    verb = verb_of(task.goal)
    assert verb in VERBS or (verb is None and task.name == "Infeasible")


def test_skills_that_differ_in_words_differ():
    assert verb_of(TASKS["Pick"].goal) == "lift" and verb_of(TASKS["Stack"].goal) == "stack"
    assert [verb_of(t.goal) for t in MIXTURES["Drawer"]] == ["open", "close", "put"]
    assert len({verb_of(t.goal) for t in MIXTURES["Arrange"]}) == 4
