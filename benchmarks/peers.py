"""Comparison with other packages, in one run on one machine.

    benchmarks/setup_peers.sh .peers                  # once
    python benchmarks/peers.py --peers .peers         # about five minutes; writes docs/results

The packages alternate round by round, each in its own process, and the median of the rounds is
reported. All use the same frame size and random actions. Control steps differ in length.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
import tyro

HERE = Path(__file__).parent
RATES_HZ = {"ours": 10, "fetch": 25, "metaworld": 80, "panda": 25, "robosuite": 20}
"""Control steps per simulated second."""
SUBSTEPS = {"ours": 30, "fetch": 20, "metaworld": 5, "panda": 20, "robosuite": 25}
"""Physics steps of a control step."""
TITLES = {
    "ours": "VLAPickPlace-v0 (this package)",
    "fetch": "FetchPickAndPlace-v4 (gymnasium-robotics)",
    "metaworld": "pick-place-v3 (Meta-World)",
    "panda": "PandaPickAndPlace-v3 (panda-gym)",
    "robosuite": "Lift, Panda (robosuite)",
}


@dataclass
class PeersConfig:
    """Measure this package and others."""

    peers: Path = HERE.parent / ".peers"
    """Environment made by benchmarks/setup_peers.sh."""
    size: int = 64
    """Width and height of frames [px]."""
    seconds: float = 4.0
    """Time per figure and round [s]."""
    rounds: int = 3
    """Number of rounds."""
    only: tuple[str, ...] = tuple(TITLES)
    """Packages to measure."""


def ours(what: str, worlds: int, size: int, seconds: float) -> dict[str, Any]:
    """This package: one environment of `make`, or several of `make_vec`."""
    import vla_gym

    kwargs: dict[str, Any] = {"cameras": ("image",) if what == "frames" else (), "image_size": size}
    name = "VLAPickPlace-v0"
    if worlds == 1:
        env: Any = vla_gym.make(name, n_threads=1, **kwargs)
    else:
        env = vla_gym.make_vec(name, worlds, n_threads=2, **kwargs)
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(32)]
    if worlds > 1:  # episodes end at different steps, as in training
        core = env.unwrapped
        core.elapsed[:] = np.random.default_rng(1).integers(0, core.horizon, worlds)
    turn = 0

    def step() -> None:
        nonlocal turn
        turn += 1
        _, _, terminated, truncated, _ = env.step(actions[turn % 32])
        if worlds == 1 and (terminated or truncated):
            env.reset()

    common.run_for(0.5, step)
    calls, took = common.run_for(seconds, step)
    return {"steps_per_s": round(calls * worlds / took, 1)}


def run(config: PeersConfig, name: str, what: str, workers: int) -> dict[str, Any]:
    """One figure, in its own process."""
    arguments = [what, str(workers), str(config.size), str(config.seconds)]
    if name == "ours":
        command = [sys.executable, str(Path(__file__).resolve()), "--worker", *arguments]
    else:
        python = config.peers.absolute() / "bin" / "python"
        command = [str(python), str(HERE / "peer_worker.py"), name, *arguments]
    environment = {**os.environ, "MUJOCO_GL": "egl", "OMP_NUM_THREADS": "1"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    try:
        process = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
    except OSError as exc:
        return {"error": f"{exc}: run benchmarks/setup_peers.sh first"}
    try:
        out, errors = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        return {"error": "no answer in 90 s"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers may outlive their parent
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"error": errors.strip()[-200:]}


def main(config: PeersConfig) -> None:
    """Measure, print and write."""
    # one environment, then the best path: 64 sub-environments here, 2 worker processes elsewhere
    cases = [
        (name, what, n)
        for what in ("state", "frames")
        for name in config.only
        for n in ((1, 64) if name == "ours" else (1, 2))
    ]
    found: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
    errors: dict[tuple[str, str, int], str] = {}
    machine = common.machine()
    for turn in range(config.rounds):
        for case in cases:
            if case in errors:
                continue
            row = run(config, *case)
            if "error" in row:
                errors[case] = row["error"]
            else:
                found[case].append(row["steps_per_s"])
            print(turn + 1, *case, row, flush=True)
    rows = [
        {"name": name, "title": TITLES[name], "what": what, "worlds": n,
         "control_hz": RATES_HZ[name], "substeps": SUBSTEPS[name],
         "steps_per_s": round(float(np.median(rates)), 1) if rates else None,
         "lowest": min(rates, default=None), "highest": max(rates, default=None),
         "error": errors.get((name, what, n))}
        for (name, what, n), rates in found.items()
    ]  # fmt: skip
    common.save("peers", {"machine": machine, "size": config.size, "rows": rows})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        kind, worlds, size, seconds = sys.argv[2:6]
        print(json.dumps(ours(kind, int(worlds), int(size), float(seconds))), flush=True)
    else:
        main(tyro.cli(PeersConfig))
