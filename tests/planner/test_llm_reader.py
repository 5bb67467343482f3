"""Sentences read by a language model: its answers are held to the form of a meaning."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("openai", reason="the openai library is not installed")

from tests.planner.test_client import Server, client, completion
from vla_gym.cli.understand import main
from vla_gym.errors import InstructionError, PlannerUnavailableError
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.planner.llm_reader import (
    LanguageModelReader,
    meaning_schema,
    messages,
    parse_meaning,
)

STEP = SkillStep("put", Thing("cube", "red", pick="in", ref=Thing("tray")), Thing("bowl"))
MEANING = Understanding("act", (STEP,), (Thing("bottle"),))


def answer(meaning):
    return completion(json.dumps(meaning.to_json()))


def read(reply, text="shift the red cube from tray to bowl, mind the bottle"):
    with Server((200, reply)) as server:
        reader = LanguageModelReader(client(server))
        return reader.understand(text), server.requests


def test_an_answer_becomes_a_meaning():
    meaning, requests = read(answer(MEANING))
    assert meaning == MEANING and not meaning.reason
    asked = requests[0]["response_format"]["json_schema"]["schema"]
    assert asked == meaning_schema()
    assert requests[0]["messages"][-1]["content"].startswith("shift the red cube")


@pytest.mark.parametrize(
    ("meaning", "got", "word"),
    [
        (Understanding("act", (SkillStep("lift", Thing("banana")),)), "refuse", "banana"),
        (Understanding("act", (SkillStep("lift", Thing("cube", "glorpish")),)), "ask", "glorpish"),
        (Understanding("refuse"), "refuse", ""),
        (Understanding("ask"), "ask", ""),
        (Understanding("act", (SkillStep("lift", Thing("cube")),), lang="ru"), "refuse", "Russian"),
    ],
)
def test_what_a_model_answers_is_checked_as_the_shipped_readers_meanings_are(meaning, got, word):
    found, _ = read(answer(meaning))
    assert found.answer == got and not found.steps and word in found.reason


@pytest.mark.parametrize(
    "text",
    ["", "no json", "{", "[]", '{"answer": "act"}', '{"answer": "fly", "steps": []}',
     json.dumps({**MEANING.to_json(), "steps": []}), "{" * 5000],
)  # fmt: skip
def test_other_answers_are_no_meanings(text):
    with pytest.raises(InstructionError, match="no meaning"):
        parse_meaning(text)
    found, _ = read(completion(text))
    assert found.answer == "ask"


def test_examples_keep_to_the_schema_and_long_texts_are_cut():
    talk = messages("x")
    assert [m["role"] for m in talk[:3]] == ["system", "user", "assistant"]
    for message in talk:
        if message["role"] == "assistant":
            parse_meaning(message["content"])
    _, requests = read(answer(MEANING), "word " * 100_000)
    assert len(requests[0]["messages"][-1]["content"]) <= 4_000
    with pytest.raises(InstructionError, match="not int"):
        read(answer(MEANING), 7)


def test_a_server_that_is_down_is_named():
    with Server((500, {})) as server, pytest.raises(PlannerUnavailableError, match=server.url):
        LanguageModelReader(client(server, retries=0)).understand("lift the cube")


def test_the_command_reads_by_a_model(capsys):
    with Server((200, answer(MEANING))) as server:
        args = ["--reader", "llm", "--model.name", "m", "--model.base-url", server.url, "--json"]
        assert main([*args, "the red cube, please"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"][0]["skill"] == "put"
