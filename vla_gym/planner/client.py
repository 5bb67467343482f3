"""One client for every OpenAI-compatible server: schema, retries, time limits, accounts, cache."""

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
"""How a server is told to keep to a schema, strictest first."""


@dataclass(frozen=True)
class ChatSettings:
    """A model behind a server."""

    model: str
    """As the server calls it."""
    base_url: str | None = None
    """For example ``"http://localhost:11434/v1"``; None is OpenAI's own."""
    api_key: str | None = None
    """None for servers that need none."""
    structured: str = "json_schema"
    """One of `STRUCTURED`; where a server refuses one, the next is tried and remembered."""
    timeout: float = 60.0
    """Longest wait for an answer [s]."""
    retries: int = 2
    """How often a call that failed is repeated, with growing pauses."""
    max_tokens: int = 2000
    """Longest answer."""
    price_in: float = 0.0
    """Price of a million prompt tokens [USD]."""
    price_out: float = 0.0
    """Price of a million completion tokens [USD]."""
    cache: Path | None = None
    """Folder in which answers are kept; the same question is then answered from it."""
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.structured not in STRUCTURED:
            raise UnknownNameError("way of structured output", self.structured, STRUCTURED)
        if self.timeout <= 0 or self.retries < 0 or self.max_tokens < 1:
            raise InvalidConfigError(
                "timeout must be above 0 s, retries 0 or more, max_tokens at least 1; got "
                f"{self.timeout}, {self.retries}, {self.max_tokens}."
            )


@dataclass
class Account:
    """What the calls of a client came to."""

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
    """Why the model stopped, "length" if it was cut off."""


class ChatClient:
    """Asks a model.

    Args:
        settings: Which one, where, and how.

    Raises:
        MissingDependencyError: If the openai library is not installed.
    """

    def __init__(self, settings: ChatSettings) -> None:
        try:
            import openai
        except ImportError as fault:
            raise MissingDependencyError(
                "Language models are asked through the openai library, which is not installed. "
                "Type: pip install 'vla_gym[planner]'"
            ) from fault
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
        # its connections are closed with this object, not some time after it
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
        s, begun = self.settings, time.perf_counter()
        while True:
            try:
                raw = self._client.chat.completions.with_raw_response.create(
                    model=s.model, messages=messages, max_tokens=s.max_tokens,  # type: ignore[arg-type]
                    temperature=s.temperature, seed=s.seed, **self._format(schema),
                )  # fmt: skip
                break
            except self._openai.BadRequestError as fault:
                # some servers know no schemas: ask for JSON, then for nothing
                if self._level + 1 >= len(STRUCTURED):
                    raise self._unavailable(fault) from fault
                self._level += 1
            except self._openai.OpenAIError as fault:
                raise self._unavailable(fault) from fault
        try:
            reply = raw.parse()
            choice, usage = reply.choices[0], reply.usage
            text, finish = choice.message.content or "", choice.finish_reason or ""
        except (ValueError, IndexError, AttributeError, TypeError) as fault:
            raise self._unavailable(fault) from fault
        prompt = usage.prompt_tokens if usage else 0
        completion = usage.completion_tokens if usage else 0
        cost = (prompt * s.price_in + completion * s.price_out) / 1e6
        seconds = time.perf_counter() - begun
        return Answer(text, prompt, completion, cost, seconds, raw.retries_taken, finish=finish)

    def _format(self, schema: dict[str, Any]) -> dict[str, Any]:
        level = STRUCTURED[self._level]
        if level == "none":
            return {}
        made: dict[str, Any] = {"type": level}
        if level == "json_schema":
            made["json_schema"] = {"name": "plan", "schema": schema, "strict": True}
        return {"response_format": made}

    def _unavailable(self, fault: Exception) -> PlannerUnavailableError:
        with self._lock:
            self.account.failed += 1
        where = self.settings.base_url or "OpenAI"
        return PlannerUnavailableError(
            f"The model {self.settings.model!r} at {where} gave no answer: "
            f"{type(fault).__name__}: {str(fault)[:300]}"
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
