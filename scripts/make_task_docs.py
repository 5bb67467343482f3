"""Writes docs/tasks.md and its film strips; every line of it comes from the tasks themselves.

python scripts/make_task_docs.py            # measures the expert too, some minutes
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from PIL import Image

import vla_gym
from vla_gym.cli.tasks import table
from vla_gym.envs.catalogue import count
from vla_gym.envs.splits import AXES
from vla_gym.envs.task import Task
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.evaluation.protocol import evaluate
from vla_gym.evaluation.statistics import format_rate
from vla_gym.io import write_json
from vla_gym.rendering.opengl import OpenGLRenderer
from vla_gym.skills import Expert

ROOT = Path(__file__).parents[1]
PAGE, STRIPS = ROOT / "docs" / "tasks.md", ROOT / "docs" / "images" / "tasks"
RATES = ROOT / "docs" / "results" / "tasks-expert.json"
FRAMES, SIZE = 6, 144
HEAD = """# Tasks

Written by `scripts/make_task_docs.py` from the tasks and from what was measured. In brackets 95%
Wilson intervals; episodes of the test split.

{table}

`vla-gym tasks` prints this table. Numbers such as 12 + 6 are those of training, and how many more
there are with every novelty. `gym.make(id, novelty=("colours",))` chooses ways of being new:

| axis | what is new |
|---|---|
{axes}

All ids share their spaces: observations `image` and `wrist_image` (128, 128, 3), `proprio` (26,)
and `instruction`; actions (7,), or (8,) where the robot can end an episode. A person's own
sentence: `env.reset(options={{"instruction": "put the teal mug on the biggest plate"}})` draws a
scene in which it makes sense; with `"same_scene": True` the present scene stays and only what is
asked changes."""


@dataclass
class DocsConfig:
    """Write the page of tasks."""

    episodes: int = 200
    """Test episodes of the expert and of random actions per task; 0 keeps what was measured."""
    novel: int = 100
    """The same on each novelty axis, for the expert."""
    envs: tuple[str, ...] = vla_gym.ENV_IDS
    """Ids to measure; of the others what was measured is kept."""


def strip(name: str) -> tuple[Path, str]:
    """Film the expert on one test episode; returns the picture and the sentence."""
    kwargs = {"vectorization_mode": "vector_entry_point", "split": "test", "cameras": ()}
    venv: Any = gym.make_vec(f"VLA{name}-v0", num_envs=1, **kwargs).unwrapped
    venv.reset(seed=3)
    pool, expert, shots = OpenGLRenderer(venv.world, SIZE), Expert(venv), []
    sentence = venv.instructions[0]
    for _ in range(venv.horizon):
        shots.append(pool.render("fixed")[0].copy())
        _, _, terminated, truncated, _ = venv.step(expert.act())
        if (terminated | truncated)[0]:
            break
    pool.close()
    picks = np.linspace(0, len(shots) - 1, FRAMES).round().astype(int)
    path = STRIPS / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([shots[i] for i in picks], axis=1)).save(path, optimize=True)
    return path, sentence


def measure(episodes: int, novel: int, envs: tuple[str, ...]) -> dict[str, Any]:
    """Success of the expert and of random actions on test seeds, and the expert on each axis."""
    rates: dict[str, Any] = json.loads(RATES.read_text())["rates"] if RATES.is_file() else {}
    for env_id in envs:
        row: dict[str, Any] = {}
        for policy in ("expert", "random"):
            result = evaluate(env_id, policy, episodes, "test", num_envs=50)
            row[policy] = [result.successes, result.n]
        for axis in AXES if novel else ():
            kwargs = {"novelty": (axis,)}
            result = evaluate(env_id, "expert", novel, "test", num_envs=50, env_kwargs=kwargs)
            row[axis] = [result.successes, result.n]
        rates[env_id] = row
        write_json(RATES, {"evaluation": "expert", "rates": rates})
        print(env_id, {k: f"{a}/{b}" for k, (a, b) in row.items()}, flush=True)
    return rates


def section(name: str, tasks: tuple[Task, ...], sentence: str, rates: dict[str, Any]) -> str:
    """What there is to say of one id."""
    task, row = tasks[0], rates[f"VLA{name}-v0"]
    lines = [f"## `VLA{name}-v0`", "", task.summary if len(set(t.name for t in tasks)) == 1 else
             "All the others, one drawn for each episode.", "",
             f"![{sentence}](images/tasks/{name}.png)", "", f"*{sentence}*", ""]  # fmt: skip
    lines += [f"- Expert: {format_rate(*row['expert'])}. Random: {format_rate(*row['random'])}."]
    axes = [a for a in AXES if a in row]
    if axes:
        told = ", ".join(f"{a} {row[a][0] / row[a][1]:.2f}" for a in axes)
        lines += [f"- Expert on each novelty axis (n={row[axes[0]][1]}): {told}."]
    lines += [f"- At most {max(t.horizon for t in tasks)} steps at 10 Hz; reward 1 on success."]
    if len(tasks) > len(MIXTURES["Arrange"]):
        return "\n".join(lines)
    for role, spec in task.roles.items():
        kinds = ", ".join(spec.kinds) + (f"; new: {', '.join(spec.novel_kinds)}" if spec.novel_kinds
                                         else "")  # fmt: skip
        lines.append(f"- Role `{role}`{' (not there)' if spec.absent else ''}: {kinds}.")
    if task.terminate:
        lines.append("- The episode is to be ended by the eighth action while the goal holds.")
    plain = [p for t in tasks for p in t.phrases]
    new = [p for t in tasks for p in t.novel_phrases]
    lines += [f"- Said so: {'; '.join(f'*{p}*' for p in plain)}."]
    lines += [f"- New phrasings: {'; '.join(f'*{p}*' for p in new)}."]
    lines += [f"- {sum(count(t).sentences for t in tasks):,} distinct sentences in training."]
    return "\n".join(lines)


def main(config: DocsConfig) -> None:
    """Write the page."""
    if config.episodes:
        rates = measure(config.episodes, config.novel, config.envs)
    else:
        rates = json.loads(RATES.read_text())["rates"]
    pages = []
    for name, tasks in {**{n: (t,) for n, t in TASKS.items()}, **MIXTURES}.items():
        _, sentence = strip(name)
        pages.append(section(name, tasks, sentence, rates))
    axes = "\n".join(f"| `{name}` | {text} |" for name, text in AXES.items())
    head = HEAD.format(table=table(), axes=axes)
    PAGE.write_text("\n\n".join([head, *pages]) + "\n", encoding="utf-8")
    print(f"written to {PAGE}")


if __name__ == "__main__":
    main(tyro.cli(DocsConfig))
