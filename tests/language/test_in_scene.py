"""A meaning in a scene: found, or asked back."""

from __future__ import annotations

import numpy as np
import pytest

from vla_gym.language.in_scene import in_scene, needed
from vla_gym.language.meaning_notation import parse_steps
from vla_gym.language.noun_phrases import SceneObjects
from vla_gym.language.understanding import Thing, Understanding
from vla_gym.language.vocabulary import colour_rgb

COLOURS = ("red", "blue", "blue", "white", "green")
SCENE = SceneObjects(
    ("cube", "cube", "ball", "bowl", "tray"),
    ("small", "large", "small", "large", "large"),
    COLOURS,
    [colour_rgb(c) for c in COLOURS],
    np.array([[0.4, -0.2], [0.5, 0.1], [0.45, 0.0], [0.55, 0.2], [0.6, -0.1]]),
)


def meaning(steps):
    return Understanding("act", parse_steps(steps))


@pytest.mark.parametrize(
    ("steps", "slots"),
    [
        ("put cube{c=red} > bowl", [0, 3]),
        ("lift ball", [2]),
        ("lift cube{p=rightmost}", [1]),
        ("put any{c=blue,n=all} > tray", [(1, 2), 4]),
        ("lift any{p=same_colour_as,ref=ball}", [2, 1]),
        ("put cube{n=2} > tray", [(0, 1), 4]),
    ],
)
def test_things_are_found(steps, slots):
    got = in_scene(meaning(steps), SCENE)
    wanted = [s if isinstance(s, tuple) else (s,) for s in slots]
    assert got.answer == "act" and [found for _, found in got.found] == wanted
    assert [thing for thing, _ in got.found] == list(needed(meaning(steps)))


def test_several_that_fit_are_asked_about_and_listed():
    got = in_scene(meaning("put cube > bowl"), SCENE)
    assert got.answer == "ask" and not got.steps
    assert "small red cube, large blue cube" in got.reason


@pytest.mark.parametrize("steps", ["lift mug", "lift cube{c=green}", "put ball{n=2} > bowl"])
def test_what_is_not_there_is_refused_and_the_scene_told(steps):
    got = in_scene(meaning(steps), SCENE)
    assert got.answer == "refuse" and "large white bowl" in got.reason
    assert len(got.reason) <= 400


def test_a_thing_is_needed_after_what_it_refers_to():
    near = Thing("ball", pick="near", ref=Thing("bowl"))
    got = needed(Understanding("act", parse_steps("put ball{p=near,ref=bowl} > bowl")))
    assert got == (Thing("bowl"), near)
