"""`ChatClient` for OpenAI-compatible servers: schema, retries, time limits, costs, cache."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vla_gym.errors import (
    InvalidConfigError,
    MissingDependencyError,
    PlannerUnavailableError,
    UnknownNameError,
)
from vla_gym.io import write_json

STRUCTURED = ("json_schema", "json_object", "none")
"""Ways to make a server keep to a schema, strictest first."""


@dataclass(frozen=True)
class ChatSettings:
    """A model behind a server."""

    model: str
    """Its name on the server."""
    base_url: str | None = None
    """For example ``"http://localhost:11434/v1"``; None is OpenAI's own."""
    api_key: str | None = None
    """None for servers that need none."""
    structured: str = "json_schema"
    """One of `STRUCTURED`; if a server refuses it, the next is used from then on."""
    timeout: float = 60.0
    """Longest wait for an answer [s]."""
    retries: int = 2
    """Most repetitions of a failed call, with growing pauses."""
    max_tokens: int = 2000
    """Longest answer [tokens]."""
    price_in: float = 0.0
    """Price of a million prompt tokens [USD]."""
    price_out: float = 0.0
    """Price of a million completion tokens [USD]."""
    cache: Path | None = None
    """Folder of cached answers; the same question is answered from it."""
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.structured not in STRUCTURED:
            raise UnknownNameError("structured output", self.structured, STRUCTURED)
        if self.timeout <= 0 or self.retries < 0 or self.max_tokens < 1:
            raise InvalidConfigError(
                "timeout must be above 0 s, retries 0 or more, max_tokens at least 1; got "
                f"{self.timeout}, {self.retries}, {self.max_tokens}."
            )


@dataclass
class Account:
    """Totals over the calls of a client."""

    calls: int = 0
    """Answered by the server."""
    cached: int = 0
    """Answered from the cache."""
    failed: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """One answer."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    seconds: float
    retries: int = 0
    cached: bool = False
    finish: str = ""
    """Why the model stopped; "length" if the answer was cut off."""


class ChatClient:
    """Asks a model.

    Args:
        settings: The model and its server.

    Raises:
        MissingDependencyError: If the openai library is not installed.
    """

    def __init__(self, settings: ChatSettings) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingDependencyError(
                "Language models need the openai library, which is not installed. "
                "Type: pip install 'vla_gym[planner]'"
            ) from error
        self.settings, self.account = settings, Account()
        self._openai: Any = openai
        self._level = STRUCTURED.index(settings.structured)
        self._lock = threading.Lock()
        if settings.api_key is None and settings.base_url is None:
            raise InvalidConfigError(
                "OpenAI's server needs a key. Set the environment variable OPENAI_API_KEY, or name "
                "another server with base_url."
            )
        self._client = openai.OpenAI(
            api_key=settings.api_key or "none", base_url=settings.base_url,
            timeout=settings.timeout, max_retries=settings.retries,
        )  # fmt: skip
        # close its connections with this object, not at some later time
        weakref.finalize(self, self._client.close)

    def ask(self, messages: list[dict[str, Any]], schema: dict[str, Any]) -> Answer:
        """Ask, or find the answer in the cache.

        Args:
            messages: As the chat endpoint takes them.
            schema: JSON schema of the answer.

        Raises:
            PlannerUnavailableError: If the server cannot be reached, takes too long or refuses.
        """
        file = self._file(messages, schema)
        if file is not None and file.is_file():
            kept = json.loads(file.read_text(encoding="utf-8"))
            self.account.cached += 1
            return Answer(**{**kept, "cached": True, "cost_usd": 0.0, "seconds": 0.0})
        answer = self._call(messages, schema)
        with self._lock:
            a = self.account
            a.calls, a.retries = a.calls + 1, a.retries + answer.retries
            a.prompt_tokens += answer.prompt_tokens
            a.completion_tokens += answer.completion_tokens
            a.cost_usd, a.seconds = a.cost_usd + answer.cost_usd, a.seconds + answer.seconds
        if file is not None:
            write_json(file, answer, indent=None)
        return answer

    def _call(self, messages: list[dict[str, Any]], schema: dict[str, Any]) -> Answer:
        s, start = self.settings, time.perf_counter()
        while True:
            try:
                raw = self._client.chat.completions.with_raw_response.create(
                    model=s.model, messages=messages, max_tokens=s.max_tokens,  # type: ignore[arg-type]
                    temperature=s.temperature, seed=s.seed, **self._format(schema),
                )  # fmt: skip
                break
            except self._openai.BadRequestError as error:
                # some servers do not support schemas: ask for JSON, then for nothing
                if self._level + 1 >= len(STRUCTURED):
                    raise self._unavailable(error) from error
                self._level += 1
            except self._openai.OpenAIError as error:
                raise self._unavailable(error) from error
        try:
            reply = raw.parse()
            choice, usage = reply.choices[0], reply.usage
            text, finish = choice.message.content or "", choice.finish_reason or ""
        except (ValueError, IndexError, AttributeError, TypeError) as error:
            raise self._unavailable(error) from error
        prompt = usage.prompt_tokens if usage else 0
        completion = usage.completion_tokens if usage else 0
        cost = (prompt * s.price_in + completion * s.price_out) / 1e6
        seconds = time.perf_counter() - start
        return Answer(text, prompt, completion, cost, seconds, raw.retries_taken, finish=finish)

    def _format(self, schema: dict[str, Any]) -> dict[str, Any]:
        level = STRUCTURED[self._level]
        if level == "none":
            return {}
        made: dict[str, Any] = {"type": level}
        if level == "json_schema":
            made["json_schema"] = {"name": "plan", "schema": schema, "strict": True}
        return {"response_format": made}

    def _unavailable(self, error: Exception) -> PlannerUnavailableError:
        with self._lock:
            self.account.failed += 1
        where = self.settings.base_url or "OpenAI"
        return PlannerUnavailableError(
            f"The model {self.settings.model!r} at {where} gave no answer: "
            f"{type(error).__name__}: {str(error)[:300]}"
        )

    def _file(self, messages: list[dict[str, Any]], schema: dict[str, Any]) -> Path | None:
        s = self.settings
        if s.cache is None:
            return None
        key = [
            s.model,
            s.base_url,
            s.structured,
            s.max_tokens,
            s.temperature,
            s.seed,
            messages,
            schema,
        ]
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return s.cache / f"{digest}.json"
