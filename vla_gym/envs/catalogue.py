"""Counts what a task can ask for: instructions, kinds, colour words, templates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from vla_gym.envs.novelty import held_out
from vla_gym.envs.task import Role, Task
from vla_gym.language.noun_phrases import SUPERLATIVES
from vla_gym.language.templates import suits
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, KIND_NOUNS, SIZE_WORDS
from vla_gym.world.objects import KINDS

_KINDS = list(KINDS)


@dataclass(frozen=True)
class Count:
    """Counts of one task, in training or with every generalisation axis."""

    instructions: int
    """Distinct instructions. Phrases are counted per role, so instructions that name one object in
    two roles are included."""
    kinds: frozenset[str]
    """Kinds of objects that play a role."""
    colours: int
    """Colour words."""
    phrasings: int
    """Instruction templates."""


def count(task: Task, novel: bool = False) -> Count:
    """Count what a task can ask for.

    Args:
        task: The task.
        novel: Whether to include the words, kinds, pairs and templates of the generalisation axes.
    """
    templates = task.all_phrases if novel else task.phrases
    total = 0
    for template in templates:
        roles = re.findall(r"\{(\w+)\}", template)
        total += math.prod(
            sum(
                _phrases(task.roles[role], kind, novel)
                for kind in _kinds(task.roles[role], novel)
                if suits(template, {r: (kind if r == role else _any(template, r)) for r in roles})
            )
            for role in roles
        )
    kinds = frozenset(k for role in task.roles.values() for k in _kinds(role, novel))
    colours = len(COLOURS) + novel * len(COLOUR_SYNONYMS)
    return Count(total, kinds, colours, len(templates))


def _kinds(role: Role, novel: bool) -> tuple[str, ...]:
    return role.kinds + (role.novel_kinds if novel else ())


def _any(template: str, role: str) -> str:
    """A kind that suits the template in this role, so that other roles decide."""
    return "bowl" if suits(template, {role: "bowl"}) else "plate"


def _phrases(role: Role, kind: str, novel: bool) -> int:
    """Number of phrases that can name an object of a kind."""
    pairs = len(list(_colours(kind, novel)))
    if role.many:
        return pairs + 1
    nouns = len(KIND_NOUNS[kind]) if novel else 1
    sizes = sum(map(len, SIZE_WORDS.values())) if novel else len(SIZE_WORDS)
    reasoned = nouns * (len(SUPERLATIVES) + len(COLOURS)) if novel else 0
    return pairs * nouns * (1 + sizes) + reasoned


def _colours(kind: str, novel: bool) -> Iterator[str]:
    for i, colour in enumerate(COLOURS):
        if novel or not held_out(i, _KINDS.index(kind)):
            yield colour
    if novel:
        yield from COLOUR_SYNONYMS
