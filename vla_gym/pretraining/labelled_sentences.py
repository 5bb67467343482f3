"""Sentences of people with their meanings, to train a reader on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import vla_gym
from vla_gym.errors import InvalidConfigError, VlaGymError
from vla_gym.language.meaning_notation import parse_steps, parse_things
from vla_gym.language.understanding import Understanding

SENTENCES = Path(vla_gym.__file__).parent / "assets" / "sentences"
"""Folder of the shipped files; its README says where they come from."""
COLUMNS = ("text", "answer", "steps", "avoid", "lang", "tags")


@dataclass(frozen=True)
class LabelledSentence:
    """One line of a file."""

    text: str
    meaning: Understanding
    tags: tuple[str, ...]
    """Style and difficulties, such as "spoken" or "negation"."""
    source: str
    """File name without extension."""


def load(folder: Path = SENTENCES) -> list[LabelledSentence]:
    """Every labelled sentence of a folder, by file name and line.

    Args:
        folder: Holds ``*.tsv`` files with the columns `COLUMNS`.

    Raises:
        InvalidConfigError: If there is no file, or a line is not as described; it names the line.
    """
    files = sorted(folder.glob("*.tsv"))
    if not files:
        raise InvalidConfigError(f"{folder} holds no *.tsv file with the columns {COLUMNS}.")
    return [sentence for path in files for sentence in _load_file(path)]


def _load_file(path: Path) -> Iterator[LabelledSentence]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            raise InvalidConfigError(
                f"{path}, line {number}: {len(cells)} columns; needed: {', '.join(COLUMNS)}."
            )
        text, answer, steps, avoid, lang, tags = cells
        try:
            meaning = Understanding(answer, parse_steps(steps), parse_things(avoid), lang)
        except VlaGymError as error:
            raise InvalidConfigError(f"{path}, line {number}: {error}") from error
        yield LabelledSentence(text, meaning, tuple(tags.split(",")), path.stem)
