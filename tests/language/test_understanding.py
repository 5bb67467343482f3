"""Meanings of sentences: values, notation, labelled sentences."""

from __future__ import annotations

import json
import re

import pytest

from vla_gym.errors import InstructionError, InvalidConfigError, UnknownNameError, VlaGymError
from vla_gym.language.meaning_notation import (
    parse_steps,
    parse_thing,
    parse_things,
    write_steps,
    write_things,
)
from vla_gym.language.tongues import OTHER_TONGUES, TONGUES
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.pretraining.labelled_sentences import load
from vla_gym.world.objects import KINDS

LINE = (
    "put cube{c=red,n=all,p=on,ref=tray{p=left_of,nc=blue,ref=bowl}} > box{s=small} ; "
    "beside mug > cone @left ; close drawer"
)


@pytest.fixture(scope="module")
def sentences():
    return load()


def test_notation_says_what_it_parses():
    steps = parse_steps(LINE)
    assert [s.skill for s in steps] == ["put", "beside", "close"]
    tray = Thing("tray", not_colour="blue", pick="left_of", ref=Thing("bowl"))
    assert steps[0].object == Thing("cube", "red", count="all", pick="on", ref=tray)
    assert steps[0].target == Thing("box", size="small")
    assert steps[1].side == "left" and steps[2].target is None
    assert write_steps(steps) == LINE
    assert parse_steps("-") == () and write_things(()) == "-"
    assert parse_things("any{c=sea green} , mug") == (Thing("any", "sea green"), Thing("mug"))


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ("juggle cube", UnknownNameError, "juggle"),
        ("lift cube > bowl", InvalidConfigError, "takes no target"),
        ("put cube", InvalidConfigError, "needs a target"),
        ("put cube > bowl @above", UnknownNameError, "above"),
        ("lift cube{c=red", InstructionError, "no thing"),
        ("lift cube{q=red}", InstructionError, "'q'"),
        ("lift cube{s=tiny}", UnknownNameError, "tiny"),
        ("lift cube{n=0}", InvalidConfigError, "1 or more"),
        ("lift cube{n=some}", InvalidConfigError, "'all'"),
        ("", InstructionError, "no thing"),
        ("lift " + "{ref=".join(["cube"] * 8) + "}" * 7, VlaGymError, "refers to"),
    ],
)
def test_what_is_not_in_the_notation_is_named(line, error, says):
    with pytest.raises(error, match=re.escape(says)):
        parse_steps(line)


def test_an_answer_goes_with_its_steps():
    lift = SkillStep("lift", Thing("cube"))
    assert Understanding("act", (lift,)).to_json() == {
        "answer": "act",
        "steps": [{"skill": "lift", "object": {
            "kind": "cube", "colour": None, "size": None, "count": 1, "pick": None, "ref": None,
            "not_colour": None}, "target": None, "side": None}],
        "avoid": [], "lang": "en", "confidence": 1.0, "reason": "", "corrections": (),
        "found": (),
    }  # fmt: skip
    for wrong in (("act", ()), ("refuse", (lift,)), ("maybe", ())):
        with pytest.raises(InvalidConfigError):
            Understanding(*wrong)


def test_shipped_sentences_are_labelled_and_each_is_there_once(sentences):
    assert len(sentences) == 49_761
    assert len({s.text.casefold() for s in sentences}) == len(sentences)
    assert {s.meaning.lang for s in sentences} == {*TONGUES, *OTHER_TONGUES}
    assert {s.meaning.lang for s in sentences if s.meaning.answer == "act"} == {*TONGUES}
    for s in sentences:
        assert parse_steps(write_steps(s.meaning.steps)) == s.meaning.steps
        for thing in s.meaning.avoid:
            assert parse_thing(write_things((thing,))) == thing


def test_every_object_that_people_can_ask_for_is_asked_for(sentences):
    kinds = {thing.kind for s in sentences for step in s.meaning.steps
             for part in (step.object, step.target) if part for thing in part.chain()}  # fmt: skip
    parts_of_others = {"cabinet", "line"}
    assert kinds >= set(KINDS) - parts_of_others


def test_a_bad_line_is_named(tmp_path):
    with pytest.raises(InvalidConfigError, match=r"no \*\.tsv"):
        load(tmp_path)
    (tmp_path / "a.tsv").write_text("lift it\tact\tlift cube\t-\ten\tplain\nlift\tact\n")
    with pytest.raises(InvalidConfigError, match="line 2: 2 columns"):
        load(tmp_path)
    (tmp_path / "a.tsv").write_text("lift it\tact\tlift cube > mat\t-\ten\tplain\n")
    with pytest.raises(InvalidConfigError, match="line 1: Skill 'lift' takes no target"):
        load(tmp_path)


def test_a_meaning_survives_json():
    cube = Thing("cube", "red", "small", 2, "nearest", Thing("mug", not_colour="blue"))
    steps = (SkillStep("beside", cube, Thing("bowl"), "left"), SkillStep("press", Thing("button")))
    meaning = Understanding("act", steps, (Thing("bottle", count="all"),), "de", 0.9)
    again = Understanding.from_json(json.loads(json.dumps(meaning.to_json())))
    assert again == meaning and again.confidence == 0.9


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"answer": "act", "steps": [{"skill": "lift"}]}, "object"),
        ({"answer": "act", "steps": [{"skill": "lift", "object": {"colour": "red"}}]}, "kind"),
        ({"answer": "act", "steps": [{"skill": "fly", "object": {"kind": "cube"}}]}, "fly"),
        ({"answer": "act", "steps": "lift"}, "meaning"),
        ({}, "answer"),
    ],
)
def test_other_json_is_refused(row, word):
    with pytest.raises(VlaGymError, match=word):
        Understanding.from_json(row)
