"""``vla-gym tasks``: what there is to do, and in how many words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from vla_gym import ENV_IDS
from vla_gym.envs.catalogue import Count, count
from vla_gym.envs.leaks import count_signs
from vla_gym.envs.splits import AXES
from vla_gym.envs.tasks import MIXTURES, TASKS


@dataclass
class TasksConfig:
    """List the environments: what they ask for, how many sentences, kinds, colours, phrasings."""

    leaks: int = 0
    """Draw so many episodes of each environment and count those in which anything new shows: in
    training none may, and with an axis switched on it must."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(TasksConfig, args=list(args), prog="vla-gym tasks")
    print(table())
    return print_leaks(config.leaks) if config.leaks > 0 else 0


def print_leaks(episodes: int) -> int:
    """Count what shows; returns 1 if anything new shows in training, or an axis does not show."""
    print(f"\nEpisodes of {episodes} in which each axis shows: in training, and switched on.\n")
    print("| id | " + " | ".join(AXES) + " |\n" + "|---" * (len(AXES) + 1) + "|")
    sound = True
    for env_id in ENV_IDS:
        known, cells = count_signs(env_id, episodes), []
        for axis in AXES:
            applies = axis != "kinds" or has_new_kinds(env_id)
            novel = count_signs(env_id, episodes, "test", (axis,))[axis] if applies else 0
            cells.append(f"{known[axis]}, {novel if applies else 'none there are'}")
            sound = sound and known[axis] == 0 and (novel > 0 or not applies)
        print(f"| `{env_id}` | " + " | ".join(cells) + " |", flush=True)
    print("\nNothing new shows in training." if sound else "\nTHERE IS A LEAK, or an axis is dead.")
    return 0 if sound else 1


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


def has_new_kinds(env_id: str) -> bool:
    """Whether some part of the environment's tasks can be played by kinds unseen in training."""
    name = env_id.removeprefix("VLA").removesuffix("-v0")
    tasks = MIXTURES.get(name) or (TASKS[name],)
    return any(role.novel_kinds for task in tasks for role in task.roles.values())


def _kinds(counts: list[Count]) -> int:
    return len(frozenset[str]().union(*(c.kinds for c in counts)))


def _colours(counts: list[Count]) -> int:
    return max(c.colours for c in counts)


def _phrasings(counts: list[Count]) -> int:
    return sum(c.phrasings for c in counts)
