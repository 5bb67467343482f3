"""``vla-gym tasks``: what there is to do, and in how many words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from vla_gym.envs.catalogue import Count, count
from vla_gym.envs.tasks import MIXTURES, TASKS


@dataclass
class TasksConfig:
    """List the environments: what they ask for, how many sentences, kinds, colours, phrasings."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    tyro.cli(TasksConfig, args=list(args), prog="vla-gym tasks")
    print(table())
    return 0


def table() -> str:
    """The tasks as a Markdown table."""
    rows = [
        "| id | sentences in training | with every novelty | kinds | colour words | phrasings |",
        "|---|---|---|---|---|---|",
    ]
    for name, tasks in {**{n: (t,) for n, t in TASKS.items()}, **MIXTURES}.items():
        known, every = ([count(t, novel) for t in tasks] for novel in (False, True))
        cells = [f"`VLA{name}-v0`"]
        cells += [f"{sum(c.sentences for c in counts):,}" for counts in (known, every)]
        for part in (_kinds, _colours, _phrasings):
            cells.append(f"{part(known)} + {part(every) - part(known)}")
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _kinds(counts: list[Count]) -> int:
    return len(frozenset[str]().union(*(c.kinds for c in counts)))


def _colours(counts: list[Count]) -> int:
    return max(c.colours for c in counts)


def _phrasings(counts: list[Count]) -> int:
    return sum(c.phrasings for c in counts)
