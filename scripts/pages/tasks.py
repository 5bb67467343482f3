"""docs/tasks.md, from the tasks themselves and the measured success of the expert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vla_gym.agents.policies.registry import ExpertPolicy
from vla_gym.cli.tasks import table
from vla_gym.envs.catalogue import count
from vla_gym.envs.novelty import AXES
from vla_gym.envs.registration import make_vec
from vla_gym.envs.task import Task
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.evaluation.episode_video import FrameRecorder
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.evaluation.statistics import format_rate
from vla_gym.io import replacing
from vla_gym.rendering import make_renderer

from .text import DOCS, IMAGES, RESULTS, load_json

PAGE, STRIPS, RATES = DOCS / "tasks.md", IMAGES / "tasks", RESULTS / "tasks-expert.json"
SEED, FRAMES, SIZE = 3, 6, 144
"""Test seed of the episode shown for each task; number and size [px] of its frames."""
HEAD = """# Tasks

Written by `make docs` from the tasks and from `docs/results/tasks-expert.json`
(`scripts/measure_expert.py`). 95% Wilson intervals in brackets; episodes of the test split.

{table}

`vla-gym tasks` prints this table. A cell such as 12 + 6 gives the number in training and how many
more there are with all generalisation axes switched on. `gym.make(id, novelty=("colours",))`
switches on generalisation axes:

| axis | what is new |
|---|---|
{axes}

All ids share their spaces: observations `image` and `wrist_image` (128, 128, 3), `proprio` (26,)
and `instruction`; actions (7,), or (8,) where the policy can end an episode. Your own instruction:
`env.reset(options={{"instruction": "put the teal mug on the biggest plate"}})` draws a scene in
which it makes sense; with `"same_scene": True` the scene stays and only the instruction
changes.

Any other instruction is put together from what it means ([language.md](language.md),
[composing.py](../vla_gym/envs/composing.py)): several steps of any skills, groups, "everything
except", things to leave alone. `info["task"]` names its family (`Reach`, `Pick`, `PickPlace`,
`Push`, `Slide`, `Stack`, `Arrange`, `Upright`, `Drawer`, `Button`, `Shelf`, `Sort`; `Avoid`
where something is spared, `Sequence` for several steps, `Infeasible` for things that the table
never has, where policies can end an episode). Steps count in the order in which they are said,
and what they achieve must hold at the end unless a later step undoes it. In the scene each
thing is exactly what its words say; where no colour is named there is one of its kind, unless
the sentence tells several apart. Left, right, in front and behind are the viewer's; "nearest"
and "farthest" count from the robot's base. With `"same_scene": True` an instruction that fits
several things is answered with the candidates. What cannot be done (a plate in the gripper, a
mug in a shut drawer) raises `InstructionError` with the reason.
`vla_gym.envs.composing.compose(meaning)` gives the task; `options={{"instruction": meaning}}`
takes an `Understanding`, and `vla_gym.envs.asking.Spoken(text, meaning)` both.
`scripts/measure_composed.py` measures how well requests are carried out."""


def groups() -> dict[str, tuple[Task, ...]]:
    """Every name with its tasks."""
    return {**{name: (task,) for name, task in TASKS.items()}, **MIXTURES}


def section(name: str, tasks: tuple[Task, ...], sentence: str, rates: dict[str, Any]) -> str:
    """The section of one id."""
    task, row = tasks[0], rates[f"VLA{name}-v0"]
    lines = [f"## `VLA{name}-v0`", "", task.summary if len(set(t.name for t in tasks)) == 1 else
             "One of all other tasks is drawn for each episode.", "",
             f"![{sentence}](images/tasks/{name}.png)", "", f"*{sentence}*", ""]  # fmt: skip
    lines += [f"- Expert: {format_rate(*row['expert'])}. Random: {format_rate(*row['random'])}."]
    axes = [a for a in AXES if a in row]
    if axes:
        shares = ", ".join(f"{a} {row[a][0] / row[a][1]:.2f}" for a in axes)
        lines += [f"- Expert on each novelty axis (n={row[axes[0]][1]}): {shares}."]
    lines += [f"- At most {max(t.horizon for t in tasks)} steps at 10 Hz; reward 1 on success."]
    if len(tasks) > len(MIXTURES["Arrange"]):
        return "\n".join(lines)
    for role, spec in task.roles.items():
        kinds = ", ".join(spec.kinds) + (f"; new: {', '.join(spec.novel_kinds)}" if spec.novel_kinds
                                         else "")  # fmt: skip
        lines.append(f"- Role `{role}`{' (not in the scene)' if spec.absent else ''}: {kinds}.")
    if task.terminate:
        lines.append("- The policy has to end the episode (eighth action) while the goal holds.")
    plain = [p for t in tasks for p in t.phrases]
    new = [p for t in tasks for p in t.novel_phrases]
    lines += [f"- Phrasings: {'; '.join(f'*{p}*' for p in plain)}."]
    lines += [f"- New phrasings: {'; '.join(f'*{p}*' for p in new)}."]
    lines += [f"- {sum(count(t).instructions for t in tasks):,} distinct instructions in training."]
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """The page."""
    rates = (load_json(RATES) or {"rates": {}})["rates"]
    sections = []
    for name, tasks in groups().items():
        venv = make_vec(f"VLA{name}-v0", 1, split="test", cameras=(), n_threads=1)
        obs, _ = venv.reset(seed=[SEED])
        venv.close()
        sections.append(section(name, tasks, obs["instruction"][0], rates))
    axes = "\n".join(f"| `{name}` | {text} |" for name, text in AXES.items())
    head = HEAD.format(table=table(), axes=axes)
    return {PAGE: "\n\n".join([head, *sections]) + "\n"}


def draw() -> list[Path]:
    """Draw frames of one episode of each task, done by the expert."""
    return [draw_strip(name) for name in groups()]


def draw_strip(name: str) -> Path:
    """Draw frames of one episode side by side."""
    venv = make_vec(f"VLA{name}-v0", 1, split="test", cameras=())
    renderer = make_renderer(venv.unwrapped.world, SIZE)
    recorder = FrameRecorder(renderer)
    run_episodes(venv, ExpertPolicy(venv), SEED, 1, [recorder])
    renderer.close()
    venv.close()
    frames = recorder.frames(0)
    picks = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)
    with replacing(STRIPS / f"{name}.png") as temp:
        Image.fromarray(np.concatenate(frames[picks], axis=1)).save(temp, "PNG", optimize=True)
    return STRIPS / f"{name}.png"
