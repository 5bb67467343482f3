"""The package's own plain words are read exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vla_gym.language.canonical import say
from vla_gym.language.plain_words import is_odd, read_plain
from vla_gym.language.reading import understand
from vla_gym.language.referents import is_known_colour, is_known_kind
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.pretraining.labelled_sentences import load


def meanings():
    acts = [s.meaning for s in load() if s.meaning.answer == "act"]
    for i in np.random.default_rng(0).permutation(len(acts))[:4000]:
        meaning = acts[i]
        colours = {c for t in meaning.things() for c in (t.colour, t.not_colour) if c}
        known = all(is_known_kind(t.kind) for t in meaning.things())
        if known and all(map(is_known_colour, colours)) and not any(map(is_odd, meaning.steps)):
            yield replace(meaning, lang="en")


def test_every_meaning_is_read_from_its_plain_words():
    found = list(meanings())
    assert len(found) > 3000
    for meaning in found:
        assert read_plain(say(meaning)) == meaning, say(meaning)


def test_no_two_meanings_have_the_same_words():
    found = set(meanings())
    assert len({say(meaning) for meaning in found}) == len(found)


BALL = Thing("ball", pick="in", ref=Thing("mug", pick="on", ref=Thing("tray")))


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("put the ball that is in the mug on the tray",
         SkillStep("put", replace(BALL, ref=Thing("mug")), Thing("tray"))),
        ("pick up the ball that is in the mug that is on the tray", SkillStep("lift", BALL)),
        ("put the cube that is next to the cone left of the bowl that is not red",
         SkillStep("beside", Thing("cube", pick="near", ref=Thing("cone")),
                   Thing("bowl", not_colour="red"), "left")),
    ],
)  # fmt: skip
def test_where_a_thing_is_differs_from_where_it_is_to_go(text, step):
    assert read_plain(text) == Understanding("act", (step,))
    assert understand(text).confidence == 1.0


@pytest.mark.parametrize(
    "text",
    ["", "put", "put the", "pick up the", "pick up the glorpish ball", "pick up the red",
     "put the ball on", "press the ball", "close the mug", "lift the ball", "put the ball in",
     "pick up the ball that is in", "put the ball in the mug, then ", "stand the up",
     "pick up the ball but do not touch ", "pick up the ball that is " + "not red that is " * 50],
)  # fmt: skip
def test_other_sentences_are_not_read(text):
    assert read_plain(text) is None
