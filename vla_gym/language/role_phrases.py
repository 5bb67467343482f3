"""An instruction cut into the phrases of its object and its target, for any wording."""

from __future__ import annotations

import re

from vla_gym.language.relations import PREPOSITIONS

_CONNECTIVES = ("so that", "with", "then", "and", "down", "up")
# the longest first, so that "in front of" is not cut at "in"
_BREAKS = re.compile(
    rf"\b(?:{'|'.join(sorted((*PREPOSITIONS, *_CONNECTIVES), key=len, reverse=True))})\b|[,.;:]"
)
_LEAD = re.compile(
    r"^(?:please|now|could you|can you|robot|put|place|pick|pick up|lift|raise|move|drop|set|lay|"
    r"push|pull|slide|grab|grasp|take|bring|carry|stack|hold|get|drag|press|open|close|it|up|down|"
    r"away|there|the left|the right|the side|top)\b\s*"
)


def split_roles(instruction: str) -> tuple[str, str]:
    """Cut an instruction into the phrase of each role, by prepositions and verbs.

    Needs no vocabulary of objects, so it serves CLIP models without role queries of their own.

    Args:
        instruction: For example ``"put the red cube in the blue bowl"``.

    Returns:
        Phrases of the object and of the target; the last may be empty.
    """
    parts = []
    for part in _BREAKS.split(instruction.lower().strip()):
        phrase, before = part.strip(), None
        while phrase != before:
            before, phrase = phrase, _LEAD.sub("", phrase).strip()
        if re.search(r"[a-z]", phrase.removeprefix("the").removeprefix("a ").strip()):
            parts.append(phrase)
    parts = parts or [instruction.strip()]
    return parts[0], parts[-1] if len(parts) > 1 else ""
