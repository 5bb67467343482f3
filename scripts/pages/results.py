"""The tables of docs/results.md and its plots, from what `measure_learning.py` measured."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from vla_gym.envs.novelty import AXES
from vla_gym.evaluation.statistics import format_rate, wilson

from .text import DOCS, IMAGES, RESULTS, filled, load_json, pyplot, save_figure, table

PAGE, LEARNING = DOCS / "results.md", RESULTS / "learning"
_SEED = re.compile(r"-s\d+$")
Runs = list[dict[str, Any]]
"""Results of one configuration, one per training seed."""


def load(folder: Path) -> dict[str, Runs]:
    """Results by name of the configuration."""
    found: dict[str, Runs] = {}
    for path in sorted(folder.glob("*.json")):
        found.setdefault(_SEED.sub("", path.stem), []).append(load_json(path) or {})
    return found


def part(groups: dict[str, Runs], *prefixes: str) -> dict[str, Runs]:
    """The configurations whose name starts with one of the prefixes."""
    return {name: runs for name, runs in groups.items() if name.startswith(prefixes)}


def by_demos(groups: dict[str, Runs]) -> dict[str, Runs]:
    """Ordered by the number of demonstrations, then by the environment steps."""

    def cost_of(item: tuple[str, Runs]) -> tuple[int, int]:
        first = item[1][0]
        return first["run"]["demos"], first["steps"]

    return dict(sorted(groups.items(), key=cost_of))


def pooled(runs: Runs, question: str, figure: str = "success") -> str:
    """Successes of all training seeds together with the Wilson interval; empty if not measured."""
    rows = [run["measured"][question] for run in runs if question in run["measured"]]
    if not rows:
        return ""
    return format_rate(sum(r[figure] for r in rows), sum(r["n"] for r in rows))


def each(runs: Runs, question: str = "none") -> str:
    """Success of each training seed."""
    rows = [run["measured"].get(question) for run in runs]
    return " / ".join(f"{r['success'] / r['n']:.3f}" for r in rows if r)


def cost(runs: Runs) -> list[str]:
    """Cells: what training started from, its thousand steps, its minutes."""
    run = runs[0]["run"]
    shown = "1 demonstration" if run["demos"] == 1 else f"{run['demos']} demonstrations"
    start = [f"`{run['init']}`"] if run.get("init") else []
    start += [shown] if run["demos"] else []
    start += [f"{run['rehearsed']} successes of its own"] if run.get("rehearsed") else []
    return [
        ", ".join(start) or "nothing",
        " / ".join(f"{r['steps'] / 1e3:,.0f}" for r in runs),
        " / ".join(f"{r['minutes']:.0f}" for r in runs),
    ]


def axes_table(groups: dict[str, Runs]) -> str:
    """One row per generalisation axis, one column per configuration."""
    rows = []
    for axis in ("none", *AXES, "swapped", "blind to instruction", "blind to image"):
        cells = [pooled(runs, axis) for runs in groups.values()]
        if any(cells):
            rows.append([axis, *cells])
    return table(["what is new", *(f"`{name}`" for name in groups)], rows)


def runs_table(groups: dict[str, Runs]) -> str:
    """One row per configuration."""
    head = ["policy", "environment", "success at any time", "at the end", "seeds",
            "imitation alone", "parameters", "starts from", "thousand steps",
            "minutes"]  # fmt: skip
    rows = [
        [f"`{name}`", runs[0]["run"]["env"], pooled(runs, "none"), pooled(runs, "none", "at_end"),
         each(runs), pooled(runs, "imitation only"), f"{runs[0]['head_parameters']:,}",
         *cost(runs)]
        for name, runs in groups.items()
    ]  # fmt: skip
    return table(head, rows)


def task_table(groups: dict[str, Runs]) -> str:
    """One row per task of a mixture, one column per configuration."""
    rows = []
    asked = [[run["measured"]["none"]["by_task"] for run in runs] for runs in groups.values()]
    for task in sorted({task for seeds in asked for tasks in seeds for task in tasks}):
        # of all training seeds together
        counts = [np.sum([tasks.get(task, (0, 0)) for tasks in seeds], axis=0) for seeds in asked]
        rows.append([task, *(format_rate(int(k), int(n)) for k, n in counts)])
    return table(["task", *(f"`{name}`" for name in groups)], rows)


def failures(groups: dict[str, Runs]) -> str:
    """The last stage that failed episodes reached."""
    rows = []
    for name, runs in groups.items():
        asked = [run["measured"]["none"] for run in runs]
        stages: Counter[str] = Counter()
        for row in asked:
            stages.update(row["failed_after"])
        stages.pop("?", None)  # an environment with several goals has no stages of its own
        reached = ", ".join(f"{stage} {count}" for stage, count in stages.most_common()) or "-"
        failed = sum(r["n"] - r["success"] for r in asked)
        wrong = sum(r["wrong_object"] for r in asked)
        total = sum(r["n"] for r in asked)
        rows.append([f"`{name}`", f"{failed} of {total}", str(wrong), reached])
    return table(["policy", "failed", "wrong object taken", "last stage reached"], rows)


def pages() -> dict[Path, str]:
    """The page with its tables."""
    groups = load(LEARNING)
    tables = {
        "headline": runs_table(part(groups, "pickplace-")),
        "axes": axes_table(part(groups, "pickplace-")),
        "tasks": runs_table(part(groups, "task-")),
        "all-tasks": runs_table(part(groups, "tabletop-")),
        "by-task": task_table(part(groups, "tabletop-")),
        "few-shot": runs_table(by_demos(part(groups, "fewshot-"))),
        "controls": runs_table(part(groups, "control-")),
        "outcome": runs_table(part(groups, "outcome-")),
        "failures": failures(part(groups, "pickplace-", "task-")),
    }
    return {PAGE: filled(PAGE.read_text(encoding="utf-8"), tables)}


def draw() -> list[Path]:
    """Draw both plots."""
    groups = load(LEARNING)
    return [
        draw_curves(part(groups, "pickplace-"), IMAGES / "curves.png"),
        draw_few(by_demos(part(groups, "fewshot-")), IMAGES / "few-shot.png"),
    ]


def draw_curves(groups: dict[str, Runs], target: Path) -> Path:
    """Validation success over steps: one colour per configuration, one line per training seed."""
    fig, ax = pyplot().subplots(figsize=(7, 3.6))
    for i, name in enumerate(groups):
        for k, path in enumerate(sorted(LEARNING.glob(f"{name}-s*.csv"))):
            with path.open(encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            for column, width in (("validation/success", 1.6), ("rollout/success_rate", 0.5)):
                points = [(float(r["step"]) / 1e3, float(r[column])) for r in rows if r[column]]
                label = name if k == 0 and width > 1 else None
                ax.plot(*zip(*points, strict=True), color=f"C{i}", linewidth=width, label=label)
    ax.set_xlabel("environment steps [thousand]")
    ax.set_ylabel("success")
    ax.set_ylim(0, 1)
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right", frameon=False, title="validation; thin: while exploring")
    fig.tight_layout()
    return save_figure(fig, target)


def draw_few(groups: dict[str, Runs], target: Path) -> Path:
    """Success over demonstrations, after cloning and after reinforcement learning."""
    fig, ax = pyplot().subplots(figsize=(7, 3.2))
    learnt = {n: r[0] for n, r in groups.items() if r[0]["steps"]}
    for i, (question, label) in enumerate(
        (("imitation only", "cloned"), ("none", "and after four minutes of RL"))
    ):
        rows = [(run["run"]["demos"], run["measured"][question]) for run in learnt.values()
                if question in run["measured"]]  # fmt: skip
        rates = [row["success"] / row["n"] for _, row in rows]
        ends = [wilson(row["success"], row["n"]) for _, row in rows]
        around = [[r - low for r, (low, _) in zip(rates, ends, strict=True)],
                  [high - r for r, (_, high) in zip(rates, ends, strict=True)]]  # fmt: skip
        demos = [n * 1.04**i for n, _ in rows]  # beside one another
        ax.errorbar(demos, rates, around, fmt="o-", color=f"C{i}", capsize=3, label=label)
    for name, runs in groups.items():
        if name not in learnt:
            row = runs[0]["measured"]["none"]
            ax.axhline(row["success"] / row["n"], color="grey", ls="--", label="without training")
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks([run["run"]["demos"] for run in learnt.values()])
    ax.get_xaxis().set_major_formatter("{x:.0f}")
    ax.minorticks_off()
    ax.set(xlabel="demonstrations of stacking", ylabel="success", ylim=(0.6, 1.0), xlim=(-0.3, 140))
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right", frameon=False)
    fig.tight_layout()
    return save_figure(fig, target)
