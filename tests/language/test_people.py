"""What people say, read by the shipped reader; sentences of this file are in no training data."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from vla_gym.cli import main as command
from vla_gym.errors import InstructionError
from vla_gym.language import understand
from vla_gym.language.meaning_notation import write_steps, write_things
from vla_gym.language.reading import LONGEST_REQUEST, normalised

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from measure_language import _odd_texts

PLAIN = {
    "Would you kindly put the yellow ball into the blue box?": "put ball{c=yellow} > box{c=blue}",
    "grab the green cup": "lift mug{c=green}",
    "I'd like the drawer open": "open drawer",
    "shut the drawer for me please": "close drawer",
    "hit the red button": "press button{c=red}",
    "shove the brown box onto the mat": "push box{c=brown} > mat",
    "put the white cube on top of the purple cube": "stack cube{c=white} > cube{c=purple}",
    "put the star to the left of the bottle": "beside star > bottle @left",
    "the bottle fell over, stand it up again": "upright bottle",
    "put all of the balls in the bowl": "sort ball{n=all} > bowl",
    "first open the drawer and then put the orange cube in it":
        "open drawer ; put cube{c=orange} > drawer",
    "pick up the leftmost can": "lift can{p=leftmost}",
    "lift the cube that is in the bowl": "lift cube{p=in,ref=bowl}",
    "plz put teh bleu ball in the bolw": "put ball{c=blue} > bowl",
}  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_plain_requests_are_understood(text):
    meaning = understand(text)
    assert meaning.answer == "act", meaning.reason
    assert write_steps(meaning.steps) == PLAIN[text]
    assert 0.0 < meaning.confidence <= 1.0


def test_what_to_leave_alone_is_understood():
    meaning = understand("put the ball in the bowl but don't touch the green bottle")
    assert write_steps(meaning.steps) == "put ball > bowl"
    assert write_things(meaning.avoid) == "bottle{c=green}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smash the table to pieces", "an arm at a table"),
        ("what time is it?", "an arm at a table"),
        ("pick up the spoon", "No 'spoon' is ever on this table"),
        ("Подними красный куб", "Cyrillic"),
        ("", "no word"),
        ("!!! ???", "no word"),
        ("put the cube in the bowl " * 60, f"{LONGEST_REQUEST} words"),
    ],
)
def test_what_is_not_done_is_refused_with_the_reason(text, words):
    meaning = understand(text)
    assert meaning.answer == "refuse" and not meaning.steps
    assert words in meaning.reason and len(meaning.reason) <= 400


def test_what_is_left_open_is_asked_back():
    meaning = understand("put it over there")
    assert meaning.answer == "ask" and "name the thing" in meaning.reason


def test_misspelt_words_are_told():
    assert dict(understand("lift the yelow cyilnder").corrections) == {
        "yelow": "yellow", "cyilnder": "cylinder",
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [None, 7, b"lift the cube", ["lift"], {"text": "lift"}])
def test_what_is_no_text_is_the_packages_own_error(wrong):
    with pytest.raises(InstructionError, match=type(wrong).__name__):
        understand(wrong)


def test_odd_texts_raise_nothing_and_are_answered_in_short():
    for text in _odd_texts(400, np.random.default_rng(1)):
        meaning = understand(text)
        assert (meaning.answer == "act") == bool(meaning.steps)
        assert len(meaning.reason) <= 400
        assert all(c.isprintable() for c in meaning.reason)


def test_a_megabyte_is_answered_at_once():
    assert understand("lift the cube " * 75_000).answer == "refuse"


def test_texts_are_put_on_one_line():
    assert normalised(" lift\tthe\n\x00cube\u202e  ") == "lift the cube"


# ---- the command ------------------------------------------------------------------------------


def test_the_command_reads_files_of_every_sort_and_prints_json(tmp_path, capsys):
    rows = [{"text": "lift the ball", "id": 3}, {"text": "do a backflip"}, {"text": 5}]
    files = {
        "list.json": json.dumps(rows),
        "lines.jsonl": "\n".join(json.dumps(row) for row in rows),
        "plain.txt": "lift the ball\n\ndo a backflip\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        assert command(["understand", "--file", str(tmp_path / name), "--json"]) == 0
        got = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [row["answer"] for row in got] == ["act", "refuse", "refuse"][: len(got)]
        assert {"steps", "avoid", "lang", "confidence", "reason", "error"} <= set(got[0])
        assert got[0]["steps"][0]["object"]["kind"] == "ball"
        if len(got) == 3:
            assert "int" in got[2]["error"]


def test_the_command_says_it_in_words(capsys):
    assert command(["understand", "grab the green cup"]) == 0
    out = capsys.readouterr().out
    assert "pick up the green mug" in out and "% sure" in out


@pytest.mark.parametrize(
    ("content", "words"),
    [('[{"txt": "a"}]', "no field 'text'"), ("[1, ", "no JSON"), ('{"text": ', "line 1")],
)
def test_bad_files_are_named_with_the_line(tmp_path, capsys, content, words):
    path = tmp_path / "bad.json"
    path.write_text(content)
    assert command(["understand", "--file", str(path)]) == 2
    err = capsys.readouterr().err
    assert words in err and "bad.json" in err


def test_a_file_that_is_not_there_is_named(capsys):
    assert command(["understand", "--file", "nowhere.txt"]) == 2
    assert "nowhere.txt" in capsys.readouterr().err
