"""Writes docs/results.md and the picture of curves from what `measure_learning.py` measured.

python scripts/make_results_docs.py [--check]
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from vla_gym.envs.splits import AXES
from vla_gym.evaluation.statistics import format_rate, wilson

DOCS = Path(__file__).parents[1] / "docs"
_SEED = re.compile(r"-s\d+$")
Runs = list[dict[str, Any]]


def load(folder: Path) -> dict[str, Runs]:
    """What is measured -> its training seeds."""
    found: dict[str, Runs] = {}
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(_SEED.sub("", path.stem), []).append(data)
    return found


def pooled(runs: Runs, question: str, figure: str = "success") -> str:
    """Successes of all seeds together, with the Wilson interval, or nothing."""
    rows = [run["measured"][question] for run in runs if question in run["measured"]]
    if not rows:
        return ""
    return format_rate(sum(r[figure] for r in rows), sum(r["n"] for r in rows))


def each(runs: Runs, question: str = "none") -> str:
    """Success of each seed."""
    rows = [run["measured"].get(question) for run in runs]
    return " / ".join(f"{r['success'] / r['n']:.3f}" for r in rows if r)


def cost(runs: Runs) -> str:
    """What the runs learnt from."""
    steps = " / ".join(f"{run['steps'] / 1e3:,.0f}" for run in runs)
    minutes = " / ".join(f"{run['minutes']:.0f}" for run in runs)
    told = runs[0]["run"]
    shown = "1 demonstration" if told["demos"] == 1 else f"{told['demos']} demonstrations"
    start = [f"`{told['init']}`"] if told.get("init") else []
    start += [shown] if told["demos"] else []
    start += [f"{told['rehearsed']} successes of its own"] if told.get("rehearsed") else []
    return f"{', '.join(start) or 'nothing'} | {steps} | {minutes}"


def heading(what: str, groups: dict[str, Runs]) -> list[str]:
    """The head of a table with one column for each kind of policy."""
    names = " | ".join(f"`{group}`" for group in groups)
    return [f"| {what} | {names} |", "|---|" + "---|" * len(groups)]


def axes_table(groups: dict[str, Runs]) -> list[str]:
    """One row for each way of being new, one column for each kind of policy."""
    rows = heading("what is new", groups)
    extra = ("swapped", "blind to instruction", "blind to image")
    for axis in ("none", *AXES, *extra):
        cells = [pooled(runs, axis) for runs in groups.values()]
        if any(cells):
            rows.append(f"| {axis} | " + " | ".join(cells) + " |")
    return rows


def runs_table(groups: dict[str, Runs]) -> list[str]:
    """One row for each kind of policy."""
    rows = [
        "| policy | environment | success at any time | at the end | seeds | imitation alone "
        "| parameters | begins from | thousand steps | minutes |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in groups.items():
        told = runs[0]
        rows.append(
            f"| `{name}` | {told['run']['env']} | {pooled(runs, 'none')} | "
            f"{pooled(runs, 'none', 'at_end')} | {each(runs)} | {pooled(runs, 'imitation only')} | "
            f"{told['head_parameters']:,} | {cost(runs)} |"
        )
    return rows


def task_table(groups: dict[str, Runs]) -> list[str]:
    """One row for each task of a mixture, one column for each kind of policy."""
    rows = heading("task", groups)
    asked = [[run["measured"]["none"]["by_task"] for run in runs] for runs in groups.values()]
    for task in sorted({task for seeds in asked for tasks in seeds for task in tasks}):
        # of all seeds together
        counts = [np.sum([tasks.get(task, (0, 0)) for tasks in seeds], axis=0) for seeds in asked]
        cells = [format_rate(int(k), int(n)) for k, n in counts]
        rows.append(f"| {task} | " + " | ".join(cells) + " |")
    return rows


def failures(groups: dict[str, Runs]) -> list[str]:
    """How far the episodes got that failed."""
    rows = ["| policy | failed | wrong thing taken | got as far as |", "|---|---|---|---|"]
    for name, runs in groups.items():
        asked = [run["measured"]["none"] for run in runs]
        far: Counter[str] = Counter()
        for row in asked:
            far.update(row["failed_after"])
        far.pop("?", None)  # a task of several kinds has no stages of its own
        told = ", ".join(f"{stage} {count}" for stage, count in far.most_common()) or "-"
        failed = sum(r["n"] - r["success"] for r in asked)
        wrong = sum(r["wrong_object"] for r in asked)
        rows.append(f"| `{name}` | {failed} of {sum(r['n'] for r in asked)} | {wrong} | {told} |")
    return rows


def part(groups: dict[str, Runs], *prefixes: str) -> dict[str, Runs]:
    """Those whose name begins so."""
    return {name: runs for name, runs in groups.items() if name.startswith(prefixes)}


def by_demos(groups: dict[str, Runs]) -> dict[str, Runs]:
    """Ordered by the number of demonstrations, then by what was learnt from success."""

    def cost_of(item: tuple[str, Runs]) -> tuple[int, int]:
        first = item[1][0]
        return first["run"]["demos"], first["steps"]

    return dict(sorted(groups.items(), key=cost_of))


def updated(text: str, name: str, content: str) -> str:
    """The text with what stands between two marks replaced."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    before, rest = text.split(start)
    return f"{before}{start}\n{content}\n{end}{rest.split(end)[1]}"


def page(text: str, groups: dict[str, Runs]) -> str:
    """The page with its tables written afresh."""
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
    for name, rows in tables.items():
        told = "\n".join(rows) if len(rows) > 2 else "Not measured yet."
        text = updated(text, name, told)
    return text


def pyplot() -> Any:
    """Matplotlib without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def draw_curves(folder: Path, groups: dict[str, Runs], target: Path) -> None:
    """Validation success over steps, one colour for each kind of policy, a line for each seed."""
    fig, ax = pyplot().subplots(figsize=(7, 3.6))
    for i, name in enumerate(groups):
        for k, path in enumerate(sorted(folder.glob(f"{name}-s*.csv"))):
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
    fig.savefig(target, dpi=110)


def draw_few(groups: dict[str, Runs], target: Path) -> None:
    """Success over demonstrations, after cloning and after learning from success."""
    fig, ax = pyplot().subplots(figsize=(7, 3.2))
    learnt = {n: r[0] for n, r in groups.items() if r[0]["steps"]}
    for i, (question, label) in enumerate(
        (("imitation only", "cloned"), ("none", "and four minutes of success"))
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
            ax.axhline(row["success"] / row["n"], color="grey", ls="--", label="as it is")
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks([run["run"]["demos"] for run in learnt.values()])
    ax.get_xaxis().set_major_formatter("{x:.0f}")
    ax.minorticks_off()
    ax.set(xlabel="demonstrations of stacking", ylabel="success", ylim=(0.6, 1.0), xlim=(-0.3, 140))
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right", frameon=False)
    fig.tight_layout()
    fig.savefig(target, dpi=110)


if __name__ == "__main__":
    found = load(DOCS / "results" / "learning")
    target = DOCS / "results.md"
    old = target.read_text(encoding="utf-8")
    fresh = page(old, found)
    if "--check" in sys.argv and fresh != old:
        sys.exit("docs/results.md is out of date: run scripts/make_results_docs.py.")
    target.write_text(fresh, encoding="utf-8")
    if "--check" not in sys.argv:
        headline = part(found, "pickplace-")
        draw_curves(DOCS / "results" / "learning", headline, DOCS / "images" / "curves.png")
        draw_few(by_demos(part(found, "fewshot-")), DOCS / "images" / "few-shot.png")
