"""Instructions from templates, filled with the phrases of roles, and parsed by them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from numpy.random import Generator

from vla_gym.errors import InstructionError
from vla_gym.language.noun_phrases import NounPhrase, read_phrase
from vla_gym.language.relations import PLACE_WORDS, preposition_for
from vla_gym.language.words import words_of

_SLOT = re.compile(r"\{(\w+)\}")
_PLACE = "|".join(word for words in PLACE_WORDS.values() for word in words)
_PLACED = re.compile(rf"\b({_PLACE}) \{{(\w+)\}}")


def suits(template: str, kinds: Mapping[str, str]) -> bool:
    """Whether a template's "in" and "on" suit the kinds of its targets.

    Args:
        template: Text with role names in braces.
        kinds: Role name -> kind of its object.
    """
    for word, role in _PLACED.findall(template):
        if word not in PLACE_WORDS[preposition_for(kinds.get(role, ""))]:
            return False
    return True


def pick_template(
    templates: Sequence[str], kinds: Mapping[str, str], rng: Generator | None = None
) -> str:
    """Draw one of the templates that suit; the first one without a generator.

    Args:
        templates: Templates, plainest first.
        kinds: As in `suits`.
        rng: Source of randomness.

    Raises:
        InstructionError: If none suits.
    """
    options = [t for t in templates if suits(t, kinds)]
    if not options:
        raise InstructionError(f"None of the phrasings {list(templates)} suits {dict(kinds)}.")
    return options[0 if rng is None else int(rng.integers(len(options)))]


def render(template: str, phrases: Mapping[str, object]) -> str:
    """Fill a template.

    Args:
        template: Text with role names in braces.
        phrases: Role name -> phrase.

    Raises:
        InstructionError: If a role has no phrase.
    """
    missing = [name for name in _SLOT.findall(template) if name not in phrases]
    if missing:
        raise InstructionError(
            f"The template {template!r} needs a phrase for {', '.join(missing)}; "
            f"given: {', '.join(phrases) or '(none)'}."
        )
    return _SLOT.sub(lambda m: str(phrases[m.group(1)]), template)


def parse(text: str, templates: Sequence[str]) -> list[tuple[str, dict[str, NounPhrase]]]:
    """Find the templates and phrases that an instruction can have been made of.

    Args:
        text: The instruction.
        templates: Templates to try.

    Returns:
        Each reading: the template, and role name -> phrase.

    Raises:
        InstructionError: Naming the first word that was not understood and what could stand there.
    """
    words = words_of(text)
    readings: list[tuple[str, dict[str, NounPhrase]]] = []
    best, expected = -1, []
    for template in templates:
        at, phrases, wanted = _match(words, re.findall(r"\{\w+\}|[a-z]+", template))
        if not wanted:
            readings.append((template, phrases))
        elif at > best:
            best, expected = at, list(wanted)
        elif at == best:
            expected += [w for w in wanted if w not in expected]
    if readings:
        return readings
    found = repr(words[best]) if best < len(words) else "the end of the instruction"
    raise InstructionError(
        f"Did not understand {found} (word {best + 1} of {text!r}). "
        f"What could stand there: {', '.join(expected)}.",
        understood=best,
    )


def _match(words: list[str], pattern: list[str]) -> tuple[int, dict[str, NounPhrase], list[str]]:
    """Match word by word; returns the words read, the phrases, and at a failure what was wanted."""
    at, phrases = 0, {}
    for part in pattern:
        slot = _SLOT.fullmatch(part)
        if slot is None:
            if at >= len(words) or words[at] != part:
                return at, phrases, [part]
            at += 1
            continue
        at, phrase, wanted = read_phrase(words, at)
        if phrase is None:
            return at, phrases, wanted
        phrases[slot.group(1)] = phrase
    return (at, phrases, ["the end of the instruction"]) if at < len(words) else (at, phrases, [])
