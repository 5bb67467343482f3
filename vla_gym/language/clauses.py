"""An instruction cut into its steps, in order, without what it asks to leave alone."""

from __future__ import annotations

import re
from functools import lru_cache

from vla_gym.language.noun_phrases import SUPERLATIVES, read_phrase
from vla_gym.language.vocabulary import SIZE_WORDS, all_colours
from vla_gym.language.words import tokens_of

_NEXT = re.compile(
    r"[,;]?\s+(?:and\s+)?(?:then|after\s+that|afterwards?)\b,?\s+", flags=re.IGNORECASE
)
_FIRST = re.compile(r"^((?:please,?\s+)?)first(?:ly)?,?\s+", flags=re.IGNORECASE)
_KEEP_AWAY = r"(?:keep|keeping|stay|staying)\s+(?:away\s+from|clear\s+of)"
_LEAVE_OUT = re.compile(
    rf",?\s+(?:but|without|(?:and\s+|while\s+)?(?:{_KEEP_AWAY}|avoiding)|"
    r"and\s+(?:avoid|do\s+not|don't|never))\s+",
    flags=re.IGNORECASE,
)
_LEAVE_OUT_FIRST = re.compile(
    rf"^(?:without\s+\w+ing|(?:while\s+)?avoiding|{_KEEP_AWAY})\s+", flags=re.IGNORECASE
)
_PRONOUNS = ("it", "them", "anything", "everything")
_DETERMINERS = ("the", "a", "an", "that", "everything", "all")
_NOMINAL = frozenset(
    [*_DETERMINERS, *SUPERLATIVES, *all_colours(), *(w for ws in SIZE_WORDS.values() for w in ws)]
)
"""Words that start a noun phrase and no verb phrase."""
_STATES = frozenset(("belong", "belongs", "go", "goes"))
"""Verbs that follow their object: "the cube belongs in the bowl"."""
_AND_VERB_IT = re.compile(r"\band\s+(\w+)\s+(?:it|them)\b", flags=re.IGNORECASE)


@lru_cache(maxsize=4096)
def split_clauses(instruction: str) -> tuple[str, ...]:
    """Cut an instruction into the steps that it asks for.

    A step without a verb of its own takes over the verb of the step before: "first place a on b
    and after that c on d" is "place a on b", "place c on d". What is to be left alone ("but avoid
    c", "without touching c") is in no clause, because it is neither object nor target.

    Args:
        instruction: Any text.

    Returns:
        At least one clause, in the order in which they are to be followed.
    """
    found: list[str] = []
    for part in _NEXT.split(_FIRST.sub(r"\1", instruction)):
        clause = _LEAVE_OUT.split(_without_lead(part), maxsplit=1)[0]
        found.append(_verb_of(found[-1]) + clause if found and _lacks_verb(clause) else clause)
    return tuple(found)


def _without_lead(part: str) -> str:
    """Without "without touching c," at the start; unchanged if its end is not understood."""
    lead = _LEAVE_OUT_FIRST.match(part)
    if lead is None:
        return part
    rest = part[lead.end() :]
    tokens = tokens_of(rest)
    words = [token.word for token in tokens]
    after, phrase, _ = read_phrase(words, 0)
    if phrase is not None:
        end = tokens[after - 1].end
    elif words[:1] and words[0] in _PRONOUNS:
        end = tokens[0].end
    elif "," in rest:
        end = rest.index(",")
    else:
        return part
    return rest[end:].lstrip(", \t\n") or part


def _lacks_verb(clause: str) -> bool:
    words = [token.word for token in tokens_of(clause)]
    return bool(words) and words[0] in _NOMINAL and not _STATES.intersection(words)


def _verb_of(clause: str) -> str:
    """What stands before the object, with a space; "put " of "pick up a and put it in b"."""
    last = _AND_VERB_IT.search(clause)
    if last is not None:
        return f"{last.group(1)} "
    start = next((t.start for t in tokens_of(clause) if t.word in _NOMINAL), 0)
    return clause[:start]
