"""``vla-gym understand``: what a sentence is taken to mean."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import tyro

from vla_gym.cli.language_model import ServedModel, make_client
from vla_gym.errors import InstructionError, InvalidConfigError
from vla_gym.language.canonical import say
from vla_gym.language.reading import normalised, quoted, understand
from vla_gym.language.understanding import Understanding

Read = Callable[[str], Understanding]


@dataclass
class UnderstandConfig:
    """Say what sentences are taken to mean, step by step, and what is to be left alone.

    Where a sentence is not acted on, the reason is given. Sentences come from the command line,
    from --file, or from standard input, one a line.
    """

    sentences: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """What a person types or says, each in quotes."""
    file: Path | None = None
    """Read sentences from this file: a JSON list or JSON lines with the field "text" (or plain
    strings), or any other text file with one sentence a line."""
    reader: Literal["embedded", "llm", "local"] = "embedded"
    """Who reads: the network that comes with the package; a language model behind the server given
    by --model; or llama.cpp with a small model from a package."""
    model: ServedModel = field(default_factory=ServedModel)
    """The language model."""
    json: bool = False
    """Print one JSON object a sentence instead of words: answer, steps, avoid, lang, confidence,
    reason, corrections, error."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(UnderstandConfig, args=list(args), prog="vla-gym understand")
    read, close = make_reader(config)
    try:
        for sentence in _sentences(config):
            print(json.dumps(as_json(sentence, read), ensure_ascii=False) if config.json
                  else as_words(sentence, read), flush=config.file is None)  # fmt: skip
    finally:
        close()
    return 0


def make_reader(config: UnderstandConfig) -> tuple[Read, Callable[[], None]]:
    """What reads sentences, and a function that frees it."""
    if config.reader == "embedded":
        return understand, lambda: None
    client, close = make_client(config.model, local=config.reader == "local")
    from vla_gym.planner.llm_reader import LanguageModelReader

    return LanguageModelReader(client).understand, close


def as_json(sentence: Any, read: Read = understand) -> dict[str, Any]:
    """A sentence's meaning as plain values; "error" holds the message if it cannot be read."""
    try:
        return {**read(sentence).to_json(), "error": None}
    except InstructionError as error:
        refused = Understanding("refuse", confidence=1.0, reason=str(error))
        return {**refused.to_json(), "error": str(error)}


def as_words(sentence: str, read: Read = understand) -> str:
    """A sentence and below it what is understood."""
    meaning = read(sentence)
    doing = say(meaning) if meaning.answer == "act" else f"{meaning.answer}: {meaning.reason}"
    lines = [quoted(normalised(sentence)), f"  {doing}"]
    changed = ", ".join(f"{said} for {meant}" for said, meant in meaning.corrections)
    about = [f"{meaning.confidence:.0%} sure", meaning.lang]
    return "\n".join(
        [*lines, f"  ({', '.join([*about, *([f'read {changed}'] if changed else [])])})"]
    )


def _sentences(config: UnderstandConfig) -> Iterator[Any]:
    if config.file is None:
        yield from config.sentences or _lines_of(sys.stdin)
        return
    try:
        text = config.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfigError(f"{config.file} cannot be read: {error}.") from error
    yield from config.sentences
    yield from _parsed(text, config.file)


def _lines_of(stream: TextIO) -> Iterator[str]:
    """The lines of a stream; bytes that are no UTF-8 are replaced."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace")
    for line in stream:
        yield line.rstrip("\n")


def _parsed(text: str, path: Path) -> Iterator[Any]:
    """The sentences of a file's content."""
    if text.lstrip()[:1] == "[":
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidConfigError(f"{path} is no JSON list: {error}.") from error
        yield from (_text_of(row, f"{path}, entry {k}") for k, row in enumerate(rows, 1))
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip()[:1] in ("{", '"'):
            try:
                yield _text_of(json.loads(line), f"{path}, line {number}")
            except json.JSONDecodeError as error:
                raise InvalidConfigError(f"{path}, line {number}: no JSON: {error}.") from error
        elif line.strip():
            yield line


def _text_of(row: Any, where: str) -> Any:
    if isinstance(row, dict):
        if "text" not in row:
            raise InvalidConfigError(f"{where} has no field 'text'; it has {list(row)[:8]}.")
        return row["text"]
    return row
