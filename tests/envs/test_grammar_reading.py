"""Sentences that the tasks write are understood exactly."""

from __future__ import annotations

import numpy as np
import pytest

from vla_gym.envs.episode import Episode
from vla_gym.envs.grammar_reading import read_exactly
from vla_gym.envs.novelty import AXES
from vla_gym.envs.tasks import MIXTURES
from vla_gym.language.meaning_notation import parse_steps, parse_things
from vla_gym.language.reading import understand
from vla_gym.language.understanding import Understanding


@pytest.mark.parametrize("axis", ["", *AXES])
def test_every_sentence_that_a_task_writes_is_read_with_its_words(axis):
    rng = np.random.default_rng(0)
    for task in MIXTURES["Tabletop"]:
        for _ in range(4):
            episode = Episode.draw(task, rng, 12, frozenset((axis,) if axis else ()))
            meaning = understand(episode.instruction)
            assert meaning.answer == "act" and meaning.confidence == 1.0
            colours = {t.colour for t in meaning.things()} | {
                t.not_colour for t in meaning.things()
            }
            for colour in filter(None, colours):
                assert colour in episode.instruction
            assert meaning == read_exactly(episode.instruction)


@pytest.mark.parametrize(
    ("text", "steps", "avoid"),
    [
        ("put the small red cube in the bowl", "put cube{c=red,s=small} > bowl", "-"),
        ("please stack the cube on the brick but avoid the bottle", "stack cube > brick", "bottle"),
        ("put everything red on the tray", "sort any{c=red,n=all} > tray", "-"),
        ("put the leftmost mug behind the box", "beside mug{p=leftmost} > box @behind", "-"),
        ("put the star of the same colour as the ball in the bowl",
         "put star{p=same_colour_as,ref=ball} > bowl", "-"),
        ("open the brown drawer", "open drawer{c=brown}", "-"),
        ("shut the drawer", "close drawer", "-"),
        ("put the cube in the drawer", "put cube > drawer", "-"),
        ("put the cube in the bowl then put the star on the tray",
         "put cube > bowl ; put star > tray", "-"),
        ("pick up the frontmost thing", "lift any{p=farthest}", "-"),
        ("press the button that is not red", "press button{nc=red}", "-"),
        # only the last kind of each target suits both prepositions
        ("put the red thing in the hindmost red thing then put the blue thing in the biggest blue"
         " thing",
         "put any{c=red} > any{c=red,p=nearest} ; put any{c=blue} > any{c=blue,p=biggest}",
         "-"),
    ],
)  # fmt: skip
def test_meanings_of_the_grammar(text, steps, avoid):
    assert read_exactly(text) == Understanding("act", parse_steps(steps), parse_things(avoid))


@pytest.mark.parametrize("text", ["", "shove it", "put the cube", "lift the banana", "köszönöm"])
def test_other_texts_are_left_to_others(text):
    assert read_exactly(text) is None
