"""Sentences of the tasks' own grammar, read exactly."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from vla_gym.envs.task import Task
from vla_gym.envs.tasks import MIXTURES
from vla_gym.errors import InstructionError
from vla_gym.language.canonical import say_step, without_place
from vla_gym.language.clauses import split_clauses
from vla_gym.language.noun_phrases import SUPERLATIVES, NounPhrase, kinds_of, size_of
from vla_gym.language.reading import understand
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.language.vocabulary import ANYTHING, KIND_NOUNS, SIZE_WORDS, all_colours
from vla_gym.language.words import words_of
from vla_gym.world.logic import Predicate
from vla_gym.world.predicates import Beside, Opened

Phrases = Mapping[str, NounPhrase]
_PICKS = {"frontmost": "farthest", "hindmost": "nearest"}
"""Superlative -> pick, where they differ: picks count from the robot, which looks at the viewer."""
_RARE = 2
"""Most words that the quick look does not know: a rare colour may have two names."""
_ONE_SKILL = {
    "PickPlace": "put", "Reach": "reach", "Pick": "lift", "Push": "push", "Stack": "stack",
    "Button": "press", "Shelf": "put", "Sort": "sort", "Avoid": "stack", "Upright": "upright",
    "Slide": "slide", "Infeasible": "put",
}  # fmt: skip
"""Name of a task that is one step -> its skill."""


def read_exactly(text: str) -> Understanding | None:
    """The meaning of a sentence that a shipped task has written, or could have.

    Args:
        text: Any text.

    Returns:
        The meaning; None if no shipped task reads it.
    """
    if not _may_be_ours(words_of(text)):
        return None
    for task in MIXTURES["Tabletop"]:
        try:
            phrases = task.read(text)[0]
        except InstructionError:
            continue
        steps = tuple(_steps(task, phrases))
        avoid = (thing_of(phrases["bystander"]),) if "bystander" in phrases else ()
        return Understanding("act", steps, avoid)
    return None


@functools.lru_cache(maxsize=4096)
def heard_clauses(text: str) -> tuple[str, ...]:
    """The steps of an instruction in the words that policies are trained on.

    Sentences of the grammar are cut as they are. Others are said anew from what `understand`
    finds, each thing as it looks. What is not understood stays in its own words.

    Returns:
        At least one clause, in the order in which they are to be followed.
    """
    meaning = None if read_exactly(text) else understand(text)
    if meaning is None or meaning.answer != "act":
        return split_clauses(text)
    return tuple(
        say_step(replace(
            step, object=without_place(step.object),
            target=step.target and without_place(step.target),
        ))
        for step in meaning.steps
    )  # fmt: skip


def _may_be_ours(words: list[str]) -> bool:
    """A quick look: whether all words but names of rare colours are words of the grammar."""
    return bool(words) and sum(word not in _grammar_words() for word in words) <= _RARE


@functools.cache
def _grammar_words() -> frozenset[str]:
    nouns = [n for names in KIND_NOUNS.values() for n in names]
    words = [*nouns, *(f"{n}s" for n in nouns), *ANYTHING, *SUPERLATIVES, *all_colours()]
    words += [w for names in SIZE_WORDS.values() for w in names]
    words += [
        "the",
        "a",
        "an",
        "that",
        "is",
        "not",
        "of",
        "same",
        "colour",
        "as",
        "all",
        "everything",
    ]
    words += [w for t in MIXTURES["Tabletop"] for p in t.all_phrases for w in p.split()]
    return frozenset(words)


def thing_of(phrase: NounPhrase) -> Thing:
    """What a noun phrase of the grammar describes."""
    kind = "any" if phrase.noun in ANYTHING else kinds_of(phrase.noun)[0]
    word = phrase.superlative
    pick, ref = (_PICKS.get(word, word), None) if word else (None, None)
    if phrase.like:
        pick, ref = "same_colour_as", Thing(kinds_of(phrase.like)[0])
    return Thing(
        kind, phrase.colour, size_of(phrase.size) if phrase.size else None,
        "all" if phrase.every else 1, pick, ref, phrase.other_than,
    )  # fmt: skip


def _steps(task: Task, phrases: Phrases) -> Iterator[SkillStep]:
    things = [thing_of(phrases[role]) for role in task.roles if role in phrases]
    if task.name == "Sequence":
        yield SkillStep("put", things[0], things[1])
        yield SkillStep("put", things[2], things[3])
    elif task.name == "Arrange":
        side = next(_parts(task.goal, Beside)).side
        yield SkillStep("beside", things[0], things[1], side)
    elif task.name == "Drawer" and len(things) == 1:
        opens = next(_parts(task.goal, Opened), None) is not None
        yield SkillStep("open" if opens else "close", things[0])
    else:
        skill = _ONE_SKILL.get(task.name, "put")
        yield SkillStep(skill, things[0], things[1] if len(things) > 1 else None)


def _parts(goal: Predicate, kind: type) -> Iterator:
    """The parts of a goal of one kind."""
    if isinstance(goal, kind):
        yield goal
    for part in goal.parts():
        yield from _parts(part, kind)
