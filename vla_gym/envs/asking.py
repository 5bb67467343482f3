"""What a person asks for: words, a meaning, or both; and where words are read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from vla_gym.envs.asked_goals import wording
from vla_gym.envs.composed_scenes import named
from vla_gym.errors import MAX_MESSAGE, InstructionError
from vla_gym.language.understanding import Understanding

MAX_INSTRUCTION = 200
"""Length of the longest instruction in observations [characters]."""
_QUOTED = 100
"""Characters of a sentence that messages quote."""
_READ = 4_000
"""Characters of a text that are looked at for messages and observations."""
_SPACE = re.compile(r"\s+")


class Spoken(NamedTuple):
    """A sentence together with what it means, for whoever has read it already."""

    text: str
    meaning: Understanding


Instruction = str | Understanding | Spoken
"""What the reset option "instruction" can be."""

Reader = Callable[[str], Understanding]
_READERS: list[Reader] = []


def set_reader(reader: Reader | None) -> None:
    """Let a function read the sentences that no task's own grammar reads; None for no function."""
    _READERS[:] = [] if reader is None else [reader]


def meaning_of(instruction: Instruction) -> Understanding | None:
    """What an instruction means; None if nothing is there to read it.

    Args:
        instruction: Words, a meaning, or both.
    """
    if isinstance(instruction, Understanding):
        return instruction
    if isinstance(instruction, Spoken):
        return instruction.meaning
    return _READERS[0](instruction) if _READERS else None


def text_of(instruction: Instruction) -> str:
    """The words of an instruction as observations hold them; of a meaning, plain ones."""
    if isinstance(instruction, Spoken):
        return shown(instruction.text)
    if isinstance(instruction, str):
        return shown(instruction)
    parts = [
        wording(step, "thing", "place").format(
            thing=f"the {named(step.object)}",
            place=f"the {named(step.target)}" if step.target else "",
        )
        for step in instruction.steps
    ]
    text = ", then ".join(parts)
    if instruction.avoid:
        text += " but do not touch the " + " and the ".join(map(named, instruction.avoid))
    return shown(text)


def shown(text: str) -> str:
    """A text on one line, without control characters, cut in the middle if it is long."""
    text = unicodedata.normalize("NFC", cut(text, _READ))
    kept = (" " if c.isspace() or unicodedata.category(c)[0] == "C" else c for c in text)
    return cut(_SPACE.sub(" ", "".join(kept)).strip(), MAX_INSTRUCTION)


def cut(text: str, most: int) -> str:
    """A text cut in the middle, if it is longer than so many characters."""
    if len(text) <= most:
        return text
    left = (most - 5) // 2
    return f"{text[:left]} ... {text[len(text) - (most - 5 - left) :]}"


def refusal(instruction: Instruction, problem: str) -> InstructionError:
    """Why an instruction is not followed, in at most `vla_gym.errors.MAX_MESSAGE` characters."""
    said = "" if isinstance(instruction, Understanding) else cut(text_of(instruction), _QUOTED)
    lead = f"'{said}': " if said else ""
    return InstructionError(lead + cut(problem, MAX_MESSAGE - len(lead)), understood=3_000)
