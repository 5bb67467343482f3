"""docs/benchmarks.md and its plot, from what benchmarks/*.py measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .text import DOCS, IMAGES, RESULTS, load_json, pyplot, save_figure, table

PAGE, PLOT = DOCS / "benchmarks.md", IMAGES / "benchmarks.png"
MINUTES = {
    "peers": 6,
    "throughput": 6,
    "rendering": 1,
    "encoder": 2,
    "training": 4,
    "memory": 7,
    "gpu": 8,
}
"""Result file, named like its script -> about how long the script takes."""
HZ = 10
"""Control steps per simulated second of this package."""
SPLIT = ("physics", "rendering", "encoding", "controller", "predicates", "resets")
HEAD = """# Benchmarks

Written by `make docs` from the files in `docs/results`; each is made by one command, on a machine
where nothing else runs:

    benchmarks/setup_peers.sh .peers
{commands}
    make docs

Actions are random, resets are included, and episodes of different sub-environments end at different
steps, as in training. Absolute figures hold for one machine only; ratios carry over better.
`python benchmarks/compare.py BEFORE AFTER` compares two checkouts in alternating slices."""


def where(result: dict[str, Any]) -> str:
    """The machine in one line."""
    m = result["machine"]
    return (
        f"{m['cpu']}, {m['cores']} cores; MuJoCo {m['mujoco']}, torch {m['torch']};"
        f" load before the start {m['load_before']:.1f}."
    )


def count(value: float | None) -> str:
    """A rate as text."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def peers(result: dict[str, Any]) -> str:
    """Comparison with other packages."""
    rows = result["rows"]
    best: dict[tuple[str, str], float] = {}
    for r in rows:
        key = r["name"], r["what"]
        best[key] = max(best.get(key, 0.0), r["steps_per_s"] or 0.0)
    lines = []
    for name in dict.fromkeys(r["name"] for r in rows):
        mine = [r for r in rows if r["name"] == name]
        by = {(r["what"], r["worlds"] > 1): r["steps_per_s"] for r in mine}
        ratios = [
            f"{best['ours', what] / best[name, what]:.1f}" if best.get((name, what)) else "-"
            for what in ("state", "frames")
        ]
        slower = mine[0]["control_hz"] / HZ
        simulated = f"{float(ratios[0]) * slower:.1f}" if ratios[0] != "-" else "-"
        lines.append([
            mine[0]["title"], f"{mine[0]['control_hz']} ({mine[0]['substeps']})",
            *(count(by.get(key)) for key in
              (("state", False), ("state", True), ("frames", False), ("frames", True))),
            *ratios, simulated,
        ])  # fmt: skip
    header = ["environment", "Hz (substeps)", "state: one", "state: best path", "frames: one",
              "frames: best path", "ours / theirs, state", "frames"]  # fmt: skip
    return (
        f"## Comparison with other packages\n\nControl steps/s, {result['size']} px frames."
        ' "One" is a single environment in one process; the best path is 64 sub-environments on 2'
        " threads for this package and Gymnasium's `AsyncVectorEnv` with 2 worker processes for the"
        " others; ratios compare the better of the two on each side. Substeps are physics steps per"
        " control step; the last column compares simulated seconds instead of control steps, which"
        " differ in length.\n\n"
        f"{table(header, lines)}\n\n{where(result)}"
    )


def throughput(result: dict[str, Any]) -> str:
    """Rates, upper limits and overheads."""
    header = ["observations", "sub-envs", "threads", "steps/s", "limit", "share of limit",
              "overhead, µs/step", "first reset, ms/sub-env"]  # fmt: skip
    rows = [
        [r["mode"], str(r["worlds"]), str(r["threads"]), count(r["steps_per_s"]),
         count(r["limit_per_s"]), f"{r['share_of_limit']:.0%}", f"{r['overhead_us_per_step']:.1f}",
         f"{r['first_reset_ms_per_world']:.2f}"]
        for r in result["rows"]
    ]  # fmt: skip
    one = result["gym_make"]
    clip = [r for r in result["rows"] if r["encoder_per_s"] and r["worlds"] >= 32]
    against = max((r["steps_per_s"] / r["encoder_per_s"] for r in clip), default=float("nan"))
    split_rows = [
        [r["mode"], *(f"{r['split'].get(p, 0):.1%}" for p in SPLIT), f"{1 - spent(r):.1%}"]
        for r in result["rows"]
        if r["worlds"] == 64 and r["threads"] == max(x["threads"] for x in result["rows"])
    ]
    return (
        f"## Comparison with the limit of the machine\n\n`{result['env']}`. The limit is the rate"
        " if only the calls of MuJoCo's `Batch.step`, of the renderer and of CLIP took time, on the"
        " same states of the same run. Steps/s is the median of three parts of that run; the limit"
        " and its share are of all three, so a rate above its limit means that the machine was"
        " slower in one part.\n\n"
        f"{table(header, rows)}\n\n"
        "![steps per second by number of sub-environments](images/benchmarks.png)\n\n"
        f"One environment of `gym.make`, by state: {count(one['steps_per_s'])} steps/s, overhead"
        f" {one['overhead_us_per_step']:.0f} µs per step. With CLIP the total reaches"
        f" {against:.0%} of the rate of the encoder alone, which shares the cores with physics and"
        " rendering."
        f"\n\nShares of time with 64 sub-environments:\n\n"
        f"{table(['observations', *SPLIT, 'rest'], split_rows)}\n\n{where(result)}"
    )


def spent(row: dict[str, Any]) -> float:
    """Share of time in the parts of `SPLIT`."""
    return sum(row["split"].get(part, 0.0) for part in SPLIT)


def rendering(result: dict[str, Any]) -> str:
    """The two renderers in turns."""
    header = ["sub-envs", "px", "threads", "camera", "native, images/s", "OpenGL, images/s",
              "native / OpenGL", "per processor second"]  # fmt: skip
    rows = [
        [str(r["worlds"]), str(r["size"]), str(r["threads"]), r["camera"],
         count(r["native_per_s"]), count(r["opengl_per_s"]), f"{r['ratio']:.1f}",
         f"{r['ratio_cpu']:.1f}"]
        for r in result["rows"]
    ]  # fmt: skip
    return (
        f"## Rendering\n\nColour images of `{result['env']}`, the same states, in alternating"
        " turns; OpenGL is what the machine has, on a processor Mesa's.\n\n"
        f"{table(header, rows)}\n\n{where(result)}"
    )


def encoder(result: dict[str, Any]) -> str:
    """Rates and accuracy by number format."""
    rates = [
        [precision, *(count(r[precision]) for r in result["images_per_s"].values())]
        for precision in ("float32", "bfloat16")
    ]
    beside = result.get("yardstick")
    if beside:
        rates += [
            [f"{beside['name']}, {kind}", *(count(beside[t][kind]) for t in result["images_per_s"])]
            for kind in ("float32", "bfloat16")
        ]
    header = ["format", *(f"{t} thread{'s' * (t != '1')}" for t in result["images_per_s"])]
    text = (
        f"## The embedded CLIP\n\nImages per second, {result['batch']} per batch. `ClipEncoder`"
        f" chose {result['auto']}: bfloat16 where the processor supports it natively.\n\n"
        f"{table(header, rates)}"
    )
    if result["finding"]:
        found = [
            [r["precision"], r["drawn"], f"{r['within_40mm']:.1%}", f"{r['median_mm']:.2f}",
             f"{r['moved_median_mm']:.2f}"]
            for r in result["finding"]
        ]  # fmt: skip
        text += (
            "\n\nEffect of the format, and of coarser meshes in small images, on the localisation"
            f" of the first object of an instruction, {result['scenes']} scenes of"
            " `VLATabletop-v0`:\n\n"
        ) + table(["format", "meshes", "within 40 mm", "median error, mm", "shift, mm"], found)
    return f"{text}\n\n{where(result)}"


def training(result: dict[str, Any]) -> str:
    """Shares of time in train.py."""
    parts = ("encoding", "physics", "rendering", "learning", "policy", "controller", "predicates",
             "resets")  # fmt: skip
    rows = [
        [r["agent"], str(r["worlds"]), count(r["steps_per_s"]), count(r["limit_per_s"]),
         *(f"{r['shares'].get(p, 0):.1%}" for p in parts),
         f"{1 - sum(r['shares'].get(p, 0) for p in parts):.1%}"]
        for r in result["rows"]
    ]  # fmt: skip
    header = ["learner", "sub-envs", "steps/s", "limit", *parts, "rest"]
    return (
        "## Training, end to end\n\n`train.py` with its default settings and CLIP at 128 px,"
        " between evaluations. The limit counts only encoding, physics, rendering and"
        " learning.\n\n"
        f"{table(header, rows)}\n\n{where(result)}"
    )


def memory(result: dict[str, Any]) -> str:
    """Memory by number of sub-environments, and over a long run."""
    rows = [[str(r["worlds"]), f"{r['kib_per_world']:,.0f}", count(r["peak_mib"])]
            for r in result["rows"]]  # fmt: skip
    r = result["long"]
    return (
        "## Memory\n\nBy state; growth of the process per sub-environment.\n\n"
        f"{table(['sub-envs', 'KiB per sub-env', 'peak of the process, MiB'], rows)}\n\n"
        f"{r['steps']:,} steps of {r['worlds']:,} sub-environments with {r['episodes']:,}"
        f" automatic resets: {r['track_mib'][0]:,.1f} MiB after a tenth of the steps,"
        f" {r['track_mib'][-1]:,.1f} MiB at the end ({r['growth']:+.2%}),"
        f" peak {r['peak_mib']:,.1f} MiB.\n\n{where(result)}"
    )


def gpu(result: dict[str, Any]) -> str:
    """With and without a GPU."""
    moved = {(r["device"], r["precision"]): r for r in result["finding"] if "device" in r}
    rows = []
    for key, found in moved.items():
        mine = {r["batch"]: r["per_s"] for r in result["images_per_s"]
                if (r["device"], r["precision"]) == key}  # fmt: skip
        shift = f"{found['moved_median_mm']:.2f} ({found['moved_p99_mm']:.2f})"
        rows.append([*key, *(count(rate) for rate in mine.values()), shift])
    batches = sorted({r["batch"] for r in result["images_per_s"]})
    head = ["CLIP on", "format", *(f"images/s, batches of {b}" for b in batches),
            "shift of objects, mm"]  # fmt: skip
    drawn = result["finding"][0]["pictures_drawn_per_s"]
    steps = "; ".join(
        f"{r['agent'].upper()} with CLIP on {r['device']} {count(r['steps_per_s'])}"
        for r in result["training"]
    )
    return (
        f"## GPU\n\n{result['machine']['gpu']}; images rendered by its own EGL driver,"
        f" {count(drawn)} per second. Positions of objects are compared with those of the CPU in"
        f" float32: median (99th percentile) of {result['scenes']} objects.\n\n"
        f"{table(head, rows)}\n\nEnvironment steps per second of `train.py`, one run of"
        f" {60 * result['train_minutes']:.0f} s each: {steps}.\n\n{where(result)}"
    )


def draw() -> list[Path]:
    """Draw steps per second by number of sub-environments."""
    result = load_json(RESULTS / "throughput.json")
    return [plot(result)] if result else []


def plot(result: dict[str, Any]) -> Path:
    """Steps per second by number of sub-environments."""
    threads = max(r["threads"] for r in result["rows"])
    figure, axes = pyplot().subplots(figsize=(7, 4), layout="constrained")
    for colour, mode in enumerate(dict.fromkeys(r["mode"] for r in result["rows"])):
        rows = [r for r in result["rows"] if (r["mode"], r["threads"]) == (mode, threads)]
        worlds = [r["worlds"] for r in rows]
        for key, style in (("steps_per_s", "o-"), ("limit_per_s", ":")):
            label = mode if key == "steps_per_s" else None
            axes.plot(worlds, [r[key] for r in rows], style, color=f"C{colour}", label=label)
    axes.set(xscale="log", yscale="log", xlabel="sub-environments",
             ylabel=f"control steps per second, {threads} threads")  # fmt: skip
    axes.set_title("Measured (dots) and limit of physics, rendering, CLIP (dotted)", fontsize=10)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return save_figure(figure, PLOT)


WRITERS = {
    "peers": peers,
    "throughput": throughput,
    "rendering": rendering,
    "encoder": encoder,
    "training": training,
    "memory": memory,
    "gpu": gpu,
}
"""Result file -> what writes its section."""


def pages() -> dict[Path, str]:
    """The page."""
    commands = "\n".join(
        f"    {f'python benchmarks/{name}.py' + ' --peers .peers' * (name == 'peers'):<42}"
        f" # about {minutes} minutes"
        for name, minutes in MINUTES.items()
    )
    parts = [HEAD.format(commands=commands)]
    for name, write in WRITERS.items():
        result = load_json(RESULTS / f"{name}.json")
        parts.append(write(result) if result else f"## {name}\n\nNot measured yet.")
    parts.append("[What a GPU changes, and what a batched GPU backend would take](gpu.md).")
    return {PAGE: "\n\n".join(parts) + "\n"}
