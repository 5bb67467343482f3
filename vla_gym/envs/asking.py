"""What a person asks for: words, a meaning, or both; and where words are read."""

from __future__ import annotations

from typing import NamedTuple

from vla_gym.errors import MAX_MESSAGE, InstructionError
from vla_gym.language.canonical import say
from vla_gym.language.reading import normalised, quoted, understand
from vla_gym.language.understanding import Understanding

MAX_INSTRUCTION = 200
"""Length of the longest instruction in observations [characters]."""
_LOOKED_AT = 4_000
"""Characters of a text that are looked at for observations."""


class Spoken(NamedTuple):
    """A sentence together with what it means, for whoever has read it already."""

    text: str
    meaning: Understanding


Instruction = str | Understanding | Spoken
"""What the reset option "instruction" can be."""


def meaning_of(instruction: Instruction) -> Understanding:
    """What an instruction means.

    Args:
        instruction: Words, a meaning, or both.

    Raises:
        InstructionError: If it is none of these.
    """
    if isinstance(instruction, Understanding):
        return instruction
    return instruction.meaning if isinstance(instruction, Spoken) else understand(instruction)


def text_of(instruction: Instruction) -> str:
    """The words of an instruction as observations hold them; of a meaning, canonical ones."""
    if isinstance(instruction, Spoken):
        return shown(instruction.text)
    return shown(instruction if isinstance(instruction, str) else say(instruction))


def shown(text: str) -> str:
    """A text on one line, without control characters, cut in the middle if it is long."""
    return cut(normalised(cut(text, _LOOKED_AT)), MAX_INSTRUCTION).strip()


def cut(text: str, most: int) -> str:
    """A text cut in the middle, if it is longer than so many characters."""
    if len(text) <= most:
        return text
    left = (most - 5) // 2
    return f"{text[:left]} ... {text[len(text) - (most - 5 - left) :]}"


def refusal(instruction: Instruction, problem: str) -> InstructionError:
    """Why an instruction is not followed, in at most `vla_gym.errors.MAX_MESSAGE` characters."""
    lead = ""
    if not isinstance(instruction, Understanding) and quoted(text_of(instruction)) not in problem:
        lead = f"{quoted(text_of(instruction))}: "
    return InstructionError(lead + cut(problem, MAX_MESSAGE - len(lead)), understood=3_000)
