"""The client against a server of its own that fails in every way, and against real llama.cpp."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

pytest.importorskip("openai", reason="the openai library is not installed")

from tests.planner.test_plan import GOOD, NAMES, SCENE
from vla_gym.errors import InvalidConfigError, PlannerUnavailableError, UnknownNameError
from vla_gym.planner.check import Embodiment
from vla_gym.planner.client import ChatClient, ChatSettings
from vla_gym.planner.decide import Decider
from vla_gym.planner.llm import LanguagePlanner
from vla_gym.planner.local import LocalServer, reason_absent
from vla_gym.planner.plan import parse_plan, schema
from vla_gym.planner.prompts import PROMPTING, examples, messages
from vla_gym.planner.requests import PlanRequest

ASK = PlanRequest("put the red cube in the blue bowl", SCENE)


def completion(text, prompt=100, out=20):
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out},
    }  # fmt: skip


class Server:
    """Speaks the chat endpoint's protocol; answers are (status, body) or functions."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append(body)
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, reply = answer(body) if callable(answer) else answer
                data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.http.shutdown()
        self.http.server_close()


def client(server, **kwargs):
    return ChatClient(ChatSettings("m", server.url, timeout=5.0, **kwargs))


def test_plans_tokens_and_cost_are_accounted():
    with Server((200, completion(GOOD.to_json()))) as server:
        c = client(server, price_in=2.0, price_out=10.0)
        decision = Decider(LanguagePlanner(c)).decide(ASK)
    assert decision.plan == GOOD and decision.executable
    assert c.account.calls == 1 and c.account.prompt_tokens == 100
    assert c.account.cost_usd == pytest.approx((100 * 2 + 20 * 10) / 1e6)
    asked = server.requests[0]["response_format"]
    assert asked["type"] == "json_schema" and asked["json_schema"]["schema"] == schema(NAMES)


def test_transient_errors_are_retried_and_counted():
    busy = (429, {"error": {"message": "slow down"}})
    with Server(busy, (503, {}), (200, completion(GOOD.to_json()))) as server:
        c = client(server, retries=3)
        assert c.ask([{"role": "user", "content": "x"}], {}).retries == 2
    assert c.account.retries == 2 and len(server.requests) == 3


def test_servers_without_schemas_are_asked_for_json_then_for_text():
    def picky(body):
        if "response_format" in body:
            return 400, {"error": {"message": "response_format is not supported"}}
        return 200, completion(GOOD.to_json())

    with Server(picky) as server:
        c = client(server)
        planner = LanguagePlanner(c)
        assert Decider(planner, remember=0).decide(ASK).plan == GOOD
        tried = [r.get("response_format", {}).get("type") for r in server.requests]
        assert tried == ["json_schema", "json_object", None]
        Decider(planner, remember=0).decide(ASK)
        assert len(server.requests) == 4  # remembered


@pytest.mark.parametrize(
    "answer",
    [
        (401, {"error": {"message": "wrong key"}}),
        (500, {}),
        (200, b"<html>not an answer</html>"),
        (200, {"choices": []}),
        (200, {"choices": [{"message": None}]}),
        (200, b""),
    ],
)
def test_a_broken_server_ends_without_motion(answer):
    with Server(answer) as server:
        c = client(server, retries=0)
        with pytest.raises(PlannerUnavailableError, match="'m'"):
            c.ask([{"role": "user", "content": "x"}], {})
        decision = Decider(LanguagePlanner(c)).decide(ASK)
    assert not decision.plan.feasible and decision.problems[-1][0].check == "service"
    assert not decision.answered and not decision.schema_valid
    assert c.account.failed == 2


def test_no_server_and_a_server_that_hangs():
    c = ChatClient(ChatSettings("m", "http://127.0.0.1:9/v1", timeout=1.0, retries=0))
    with pytest.raises(PlannerUnavailableError):
        c.ask([{"role": "user", "content": "x"}], {})

    def hang(body):
        time.sleep(2.0)
        return 200, completion("{}")

    with Server(hang) as server:
        c = ChatClient(ChatSettings("m", server.url, timeout=0.3, retries=0))
        start = time.monotonic()
        with pytest.raises(PlannerUnavailableError, match="Timeout"):
            c.ask([{"role": "user", "content": "x"}], {})
        assert time.monotonic() - start < 1.5


def test_an_empty_answer_is_a_reason_not_a_crash():
    with Server((200, completion(None))) as server:
        decision = Decider(LanguagePlanner(client(server)), tries=2).decide(ASK)
    assert not decision.plan.feasible and "no JSON object" in decision.plan.reason
    assert len(server.requests) == 2 and "no JSON" in server.requests[1]["messages"][-1]["content"]


def test_the_same_question_is_answered_from_the_cache(tmp_path):
    with Server((200, completion(GOOD.to_json()))) as server:
        for calls, cached in ((1, 0), (0, 1)):
            c = client(server, cache=tmp_path)
            assert Decider(LanguagePlanner(c)).decide(ASK).plan == GOOD
            assert (c.account.calls, c.account.cached) == (calls, cached)
        other = PlanRequest("put the red cube on the blue bowl", SCENE)
        Decider(LanguagePlanner(c)).decide(other)
    assert len(server.requests) == 2


@pytest.mark.parametrize("prompting", PROMPTING)
def test_prompts_tell_limits_things_and_skills(prompting):
    talk = messages(ASK, Embodiment(), prompting, with_image=False)
    text = json.dumps(talk)
    for word in (
        "0.855",
        "0.080 m",
        "3.0 kg",
        "red cube",
        "small green mug",
        "stand_up",
        ASK.instruction,
    ):
        assert word in text, word
    assert ("thought" in talk[0]["content"]) == (prompting == "step-by-step")
    assert (len(talk) > 2) == (prompting == "few-shot")


def test_examples_are_valid_plans_of_training_scenes():
    for scene, sentence, plan in examples():
        assert parse_plan(plan.to_json(), scene.names) == plan, sentence
    assert any(not plan.feasible for _, _, plan in examples())
    assert any(plan.avoid for _, _, plan in examples())


def test_images_are_sent_along_on_request():
    ask = PlanRequest("x", SCENE, np.zeros((8, 8, 3), np.uint8))
    blind = messages(ask, Embodiment(), "zero-shot", with_image=False)[-1]["content"]
    seeing = messages(ask, Embodiment(), "zero-shot", with_image=True)[-1]["content"]
    assert isinstance(blind, str)
    assert seeing[1]["image_url"]["url"].startswith("data:image/png;base64,")


def test_wrong_settings_are_errors():
    with pytest.raises(UnknownNameError, match="json_schema"):
        ChatSettings("m", structured="yaml")
    with pytest.raises(InvalidConfigError, match="OPENAI_API_KEY"):
        ChatClient(ChatSettings("gpt"))
    with pytest.raises(UnknownNameError, match="few-shot"):
        LanguagePlanner(ChatClient(ChatSettings("m", "http://x/v1")), "one-shot")


@pytest.mark.skipif(bool(reason_absent()), reason=reason_absent() or "-")
def test_a_real_model_keeps_to_the_schema():
    """Plumbing, constrained decoding, accounts; how good its plans are is measured elsewhere."""
    with LocalServer() as server:
        c = ChatClient(ChatSettings(server.model, server.base_url, timeout=250.0, retries=0))
        decision = Decider(LanguagePlanner(c, "zero-shot"), tries=1).decide(ASK)
        assert decision.schema_valid
        assert c.account.prompt_tokens > 300 and c.account.completion_tokens > 5
        settings = ChatSettings(
            server.model,
            server.base_url,
            structured="none",
            timeout=250.0,
            retries=0,
            max_tokens=30,
        )
        free = ChatClient(settings)
        loose = Decider(LanguagePlanner(free), tries=1).decide(ASK)
        assert not loose.schema_valid and loose.problems[0][0].text
    with pytest.raises(PlannerUnavailableError):
        c.ask([{"role": "user", "content": "x"}], {})
