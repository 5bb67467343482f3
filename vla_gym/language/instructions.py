"""Sentences: templates filled with the phrases of roles, and their way back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from numpy.random import Generator

from vla_gym.errors import InstructionError
from vla_gym.language.vocabulary import KIND_NOUNS, SIZE_WORDS, all_colours

PICK_PLACE_TEMPLATES: tuple[str, ...] = (
    "put {object} in {target}",
    "place {object} in {target}",
    "put {object} into {target}",
    "drop {object} into {target}",
    "move {object} into {target}",
    "pick up {object} and put it in {target}",
    "put {object} on {target}",
    "place {object} on {target}",
    "put {object} onto {target}",
    "set {object} down on {target}",
    "move {object} onto {target}",
    "pick up {object} and put it on {target}",
)
"""Paraphrases of pick-and-place: those with "in" for hollow targets, with "on" for flat ones."""

PREPOSITIONS: dict[str, str] = {"bowl": "in", "mug": "in", "plate": "on", "tray": "on"}
"""Preposition by kind of target."""

_SLOT = re.compile(r"\{(\w+)\}")


def templates_for(target_kind: str) -> tuple[str, ...]:
    """Pick-and-place templates whose preposition suits the target."""
    word = PREPOSITIONS.get(target_kind, "on")
    fits = {"in": (" in ", " into "), "on": (" on ", " onto ")}[word]
    return tuple(t for t in PICK_PLACE_TEMPLATES if any(p in t for p in fits))


def pick_template(target_kind: str, rng: Generator | None = None) -> str:
    """Draw a template; the first, plainest one without a generator."""
    options = templates_for(target_kind)
    return options[0 if rng is None else int(rng.integers(len(options)))]


def render(template: str, phrases: Mapping[str, str]) -> str:
    """Fill a template.

    Args:
        template: Text with role names in braces.
        phrases: Role name -> phrase.
    """
    missing = [name for name in _SLOT.findall(template) if name not in phrases]
    if missing:
        raise InstructionError(
            f"The template {template!r} needs a phrase for {', '.join(missing)}; "
            f"given: {', '.join(phrases) or '(none)'}."
        )
    return _SLOT.sub(lambda m: phrases[m.group(1)], template)


def parse(text: str, templates: Sequence[str] = PICK_PLACE_TEMPLATES) -> tuple[str, dict[str, str]]:
    """Find the template and phrases that a sentence was made of.

    Args:
        text: The sentence.
        templates: Templates to try, in order.

    Returns:
        The template, and role name -> phrase.

    Raises:
        InstructionError: Naming the first word that was not understood and what could stand there.
    """
    words = text.lower().strip().rstrip(".!").split()
    best = -1
    expected: list[str] = []
    for template in templates:
        at, phrases, wanted = _match(words, template.split())
        if not wanted:
            return template, phrases
        if at > best:
            best, expected = at, []
        if at == best:
            expected += [w for w in wanted if w not in expected]
    found = repr(words[best]) if best < len(words) else "the end of the sentence"
    raise InstructionError(
        f"Did not understand {found} (word {best + 1} of {text!r}). "
        f"What could stand there: {', '.join(expected)}."
    )


def _match(words: list[str], pattern: list[str]) -> tuple[int, dict[str, str], list[str]]:
    """Match word by word; returns how far it came, phrases, and what was wanted at a failure."""
    at, phrases = 0, {}
    for part in pattern:
        slot = _SLOT.fullmatch(part)
        if slot is None:
            if at >= len(words) or words[at] != part:
                return at, phrases, [part]
            at += 1
            continue
        end, wanted = _noun_phrase(words, at)
        if wanted:
            return end, phrases, wanted
        phrases[slot.group(1)] = " ".join(words[at:end])
        at = end
    return (at, phrases, ["the end of the sentence"]) if at < len(words) else (at, phrases, [])


def _noun_phrase(words: list[str], at: int) -> tuple[int, list[str]]:
    """Read "the [size] [colour] noun"; returns where it ended and what was wanted, if it failed."""
    sizes = [w for group in SIZE_WORDS.values() for w in group]
    nouns = [w for group in KIND_NOUNS.values() for w in group]
    colours = list(all_colours())
    if at >= len(words) or words[at] != "the":
        return at, ["the"]
    at += 1
    allowed = sizes + colours + nouns
    for group in (sizes, colours):
        if at < len(words) and words[at] in group:
            at += 1
            allowed = (colours if group is sizes else []) + nouns
    if at < len(words) and words[at] in nouns:
        return at + 1, []
    return at, allowed
