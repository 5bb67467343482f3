"""What the tasks consist of, counted: sentences, kinds, colour words, phrasings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from vla_gym.envs.splits import held_out
from vla_gym.envs.task import Role, Task
from vla_gym.language.noun_phrases import SUPERLATIVES
from vla_gym.language.templates import suits
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, KIND_NOUNS, SIZE_WORDS
from vla_gym.world.objects import KINDS

_KINDS = list(KINDS)


@dataclass(frozen=True)
class Count:
    """Of one task, either of training or with every way of being new."""

    sentences: int
    """Distinct sentences that can be said, each about some scene; things are chosen per role, so
    sentences that name one thing twice are among them."""
    kinds: frozenset[str]
    """Kinds of things that play a part."""
    colours: int
    """Colour words."""
    phrasings: int
    """Templates of sentences."""


def count(task: Task, novel: bool = False) -> Count:
    """Count what a task can say.

    Args:
        task: The task.
        novel: Whether the words, kinds, pairs and phrasings of the novelty axes count too.
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
    """A kind that suits the template as this role, so that it does not decide."""
    return "bowl" if suits(template, {role: "bowl"}) else "plate"


def _phrases(role: Role, kind: str, novel: bool) -> int:
    """Ways to say one thing of a kind."""
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
