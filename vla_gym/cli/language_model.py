"""The language model of commands that ask one: its options and its client."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vla_gym.errors import InvalidConfigError


@dataclass
class ServedModel:
    """A language model behind an OpenAI-compatible server."""

    name: str = ""
    """Name of the model on the server."""
    base_url: str | None = None
    """Address of the server, for example http://localhost:11434/v1; None means OpenAI's."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable with the API key; local servers need none."""
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the server is made to keep to the schema."""
    timeout: float = 60.0
    """Timeout of a call [s]."""
    retries: int = 2
    """Maximum number of repetitions of a failed call."""
    max_tokens: int = 1200
    """Maximum length of an answer [tokens]."""
    price_in: float = 0.0
    """Price of a million prompt tokens [USD]."""
    price_out: float = 0.0
    """Price of a million completion tokens [USD]."""
    cache: Path | None = None
    """Folder for a cache of answers."""


@dataclass
class ModelConfig(ServedModel):
    """A language model that plans."""

    prompting: Literal["zero-shot", "few-shot", "step-by-step"] = "zero-shot"
    """Without examples, with examples, or with reasoning before the plan."""
    picture: bool = False
    """Send the camera image too; needs a vision-language model."""


def make_client(model: ServedModel, local: bool) -> tuple[Any, Callable[[], None]]:
    """A `vla_gym.planner.client.ChatClient`, and a function that frees its server.

    Args:
        model: Its name, server and limits.
        local: Start llama.cpp with the small model of a package; name and address are its own.

    Raises:
        InvalidConfigError: If no model is named.
        MissingDependencyError: If a library is not installed.
    """
    from vla_gym.planner.client import ChatClient, ChatSettings

    close: Callable[[], None] = lambda: None  # noqa: E731
    url, name = model.base_url, model.name
    if local:
        from vla_gym.planner.local import LocalServer

        server = LocalServer().start()
        url, name, close = server.base_url, server.model, server.stop
    if not name:
        raise InvalidConfigError(
            "No model is given. Name it with --model.name, and its server with --model.base-url."
        )
    settings = ChatSettings(
        name, url, os.environ.get(model.api_key_env), model.structured, model.timeout,
        model.retries, model.max_tokens, model.price_in, model.price_out, model.cache,
    )  # fmt: skip
    return ChatClient(settings), close
