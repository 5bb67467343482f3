"""``vla-gym tasks``: the environments and the size of their language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from vla_gym import ENV_IDS
from vla_gym.envs.catalogue import Count, count
from vla_gym.envs.leaks import count_signs
from vla_gym.envs.novelty import AXES
from vla_gym.envs.tasks import MIXTURES, TASKS


@dataclass
class TasksConfig:
    """List the environments with their numbers of instructions, kinds, colour words, phrasings."""

    leaks: int = 0
    """Also draw this many episodes of each environment and count those that show something new:
    none in training, at least one with a generalisation axis switched on."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(TasksConfig, args=list(args), prog="vla-gym tasks")
    print(table())
    return print_leaks(config.leaks) if config.leaks > 0 else 0


def print_leaks(episodes: int) -> int:
    """Count; returns 1 if training shows something new, or an axis switched on shows nothing."""
    print(f"\nEpisodes out of {episodes} that show each axis: in training, with it switched on.\n")
    print("| id | " + " | ".join(AXES) + " |\n" + "|---" * (len(AXES) + 1) + "|")
    sound = True
    for env_id in ENV_IDS:
        known, cells = count_signs(env_id, episodes), []
        for axis in AXES:
            applies = axis != "kinds" or has_new_kinds(env_id)
            novel = count_signs(env_id, episodes, "test", (axis,))[axis] if applies else 0
            cells.append(f"{known[axis]}, {novel if applies else 'does not apply'}")
            sound = sound and known[axis] == 0 and (novel > 0 or not applies)
        print(f"| `{env_id}` | " + " | ".join(cells) + " |", flush=True)
    print(
        "\nTraining shows nothing new."
        if sound
        else "\nLEAK: training shows something new, or an axis shows nothing."
    )
    return 0 if sound else 1


def table() -> str:
    """The tasks as a Markdown table."""
    rows = [
        "| id | instructions in training | with all axes | kinds | colour words | phrasings |",
        "|---|---|---|---|---|---|",
    ]
    for name, tasks in {**{n: (t,) for n, t in TASKS.items()}, **MIXTURES}.items():
        known, every = ([count(t, novel) for t in tasks] for novel in (False, True))
        cells = [f"`VLA{name}-v0`"]
        cells += [f"{sum(c.instructions for c in counts):,}" for counts in (known, every)]
        for part in (_kinds, _colours, _phrasings):
            cells.append(f"{part(known)} + {part(every) - part(known)}")
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def has_new_kinds(env_id: str) -> bool:
    """Whether a role of the environment's tasks has kinds that are not used in training."""
    name = env_id.removeprefix("VLA").removesuffix("-v0")
    tasks = MIXTURES.get(name) or (TASKS[name],)
    return any(role.novel_kinds for task in tasks for role in task.roles.values())


def _kinds(counts: list[Count]) -> int:
    return len(frozenset[str]().union(*(c.kinds for c in counts)))


def _colours(counts: list[Count]) -> int:
    return max(c.colours for c in counts)


def _phrasings(counts: list[Count]) -> int:
    return sum(c.phrasings for c in counts)
