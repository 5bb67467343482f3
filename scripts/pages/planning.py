"""The tables of docs/planning.md and docs/safety.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vla_gym.evaluation.statistics import format_rate
from vla_gym.planner.check import Embodiment
from vla_gym.safety import SAFETY_MODES
from vla_gym.skills import step_kinds

from .text import DOCS, RESULTS, filled, load_json, table

PLANNERS = ("grammar", "grammar-tabletop", "clip", "local")


def load(name: str) -> dict[str, Any]:
    """A result file; without rows if it was not measured."""
    return load_json(RESULTS / "planning" / f"{name}.json") or {"rows": []}


def interval(rate: dict[str, Any], n: int) -> str:
    """A rate with its interval, without its n."""
    return re.sub(r", n=\d+$", "", format_rate(rate["count"], n))


def planners() -> str:
    """A row for each planner, prompting and task; a column for each driver."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for part in PLANNERS:
        for r in load(f"planning-{part}")["rows"]:
            task = r["env_id"].removeprefix("VLA").removesuffix("-v0")
            task += f" ({', '.join(r['novelty'])})" if r["novelty"] else ""
            key = (r["planner"], r["see"], task)
            rows.setdefault(key, {})[r["driver"]] = r
    out, acting = [], list(dict.fromkeys(d for drivers in rows.values() for d in drivers))
    for (planner, see, task), drivers in rows.items():
        first = next(iter(drivers.values()))
        n = first["n"]
        silent = n - first.get("answered", {"count": n})["count"]
        cells = [planner, see, task, f"{n}, {silent} not answered" if silent else str(n)]
        cells += [interval(first[key], n) for key in ("schema_valid", "executable", "refused")]
        results = [drivers.get(driver) for driver in acting]
        cells += [interval(r["success"], r["n"]) if r else "-" for r in results]
        cells += [f"{first['planning_s']:.3g}"]
        cells += [f"{first['prompt_tokens']:.0f} + {first['completion_tokens']:.0f}"]
        out.append(cells)
    head = ("planner", "sees", "task", "n", "schema-valid", "executable", "refused",
            *(f"goal, {driver}" for driver in acting), "s", "tokens in + out")  # fmt: skip
    return table(head, out)


def safety() -> str:
    """Safety modes by policy."""
    out = []
    for r in load("safety")["rows"]:
        broken = {k: v["count"] for k, v in r["episodes_with_violation"].items() if v["count"]}
        measured = bool(r["peaks"])
        cells = [r["policy"], r["mode"], str(r["n"]), interval(r["success"], r["n"])]
        cells.append(f"{r['steps_per_episode']:.1f}")
        cells.append(f"{r['cost_per_episode']:.2f}" if measured else "-")
        cells.append(f"{r['interventions_per_episode']:.1f}" if measured else "-")
        cells.append(f"{r['true_peaks']['tcp_speed']:.2f}")
        cells.append(f"{100 * r['true_peaks']['joint_speed']:.0f}%")
        cells.append(f"{r['peaks']['contact_force']:.0f}" if measured else "-")
        cells.append(f"{r['peaks']['grasp_force']:.0f}" if measured else "-")
        cells.append(", ".join(f"{k} {v}" for k, v in broken.items()) or "none")
        out.append(cells)
    head = ("policy", "mode", "n", "success", "steps", "cost", "interventions", "peak TCP [m/s]",
            "peak joint [of limit]", "peak contact [N]", "peak grip [N]",
            "episodes that broke a limit of motion")  # fmt: skip
    return table(head, out)


def refusals() -> str:
    """Share of refused instructions by source of scenes; for each task and all feasible ones."""
    rows = load("refusals")["rows"]
    sources = list(dict.fromkeys(r["sees"] for r in rows))
    counts = {(r["task"], r["sees"]): (r["refused"]["count"], r["n"]) for r in rows}
    tasks = list(dict.fromkeys(r["task"] for r in rows))
    out = [[t, *(format_rate(*counts[t, w]) for w in sources)] for t in tasks]
    total = ["all but Infeasible"]
    for source in sources:
        mine = [counts[t, source] for t in tasks if t != "Infeasible"]
        total.append(format_rate(sum(k for k, _ in mine), sum(n for _, n in mine)))
    return table(("task", *(f"sees {w}" for w in sources)), [*out, total])


def latency() -> str:
    """Time of the control loop's parts while a planner runs, by two clocks."""
    out = []
    for name, clock in (("latency", "wall clock"), ("latency-cpu", "processor time")):
        data = load(name)
        for part, v in data.get("parts", {}).items():
            values = [f"{v.get(k, 0):.3g}" for k in ("n", "p50_ms", "p90_ms", "p99_ms", "max_ms")]
            out.append([clock, part, *values, f"{data['load_average'][0]:.1f}"])
    head = ("clock", "part", "n", "median [ms]", "p90", "p99", "max", "load average")
    return table(head, out)


def modes() -> str:
    """The layer's modes."""
    return table(("mode", "what it does"), [[f"`{k}`", v] for k, v in SAFETY_MODES.items()])


def skills() -> str:
    """The steps that plans are made of."""
    rows = [[f"`{kind.name}`", kind.description] for kind in step_kinds()]
    return table(("step", "what it does"), rows)


def limits() -> str:
    """Default limits."""
    rows = [[f"`{k}`", str(v)] for k, v in vars(Embodiment().limits).items()]
    return table(("limit", "default"), rows)


PAGES = {
    DOCS / "planning.md": {"skills": skills, "planners": planners, "refusals": refusals,
                           "latency": latency},
    DOCS / "safety.md": {"modes": modes, "limits": limits, "safety": safety},
}  # fmt: skip
"""Page -> name of each table and what makes it."""


def pages() -> dict[Path, str]:
    """Both pages with their tables."""
    return {
        path: filled(path.read_text(encoding="utf-8"), {k: make() for k, make in tables.items()})
        for path, tables in PAGES.items()
    }
