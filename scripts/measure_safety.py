"""Measures the safety layer's modes and writes docs/results/planning/safety.json.

Independently of the layer's own measurements, speeds and the workspace are checked after every
physics step (300 Hz), zones and the table after every third.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from vla_gym.agents.policies.registry import policy_factory
from vla_gym.envs.listeners import Listener, StepEvent
from vla_gym.envs.safety_tally import SafetyTally
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.envs.vector import TabletopVectorEnv
from vla_gym.evaluation.records import rate
from vla_gym.io import write_json
from vla_gym.safety import SAFETY_MODES, Box, Limits, SafetyConfig, Sphere
from vla_gym.safety.hand import HandGeometry
from vla_gym.safety.zones import Zones

FILE = Path(__file__).parents[1] / "docs" / "results" / "planning" / "safety.json"
ZONES = (Sphere((0.70, 0.0, 0.46), 0.05), Box((0.30, 0.37, 0.15), (0.02, 0.02, 0.15), 0.01))
"""Keep-out zones: a lamp that hangs over the table and a post that stands on it [m]."""


@dataclass
class SafetyMeasureConfig:
    """Success, costs, interventions and peaks in each mode, with two keep-out zones."""

    episodes: int = 1000
    """Episodes of each policy in mode "clip"."""
    others: int = 200
    """Episodes of each policy in the other modes."""
    modes: tuple[str, ...] = tuple(SAFETY_MODES)
    policies: tuple[str, ...] = ("expert", "random")
    tasks: str = "suite"
    """"suite": every task but Slide, one drawn for each episode; or a name."""
    split: str = "test"
    num_envs: int = 100
    random_steps: int = 40
    """Control steps after which episodes of the random policy are truncated."""
    name: str = "safety"
    """Name of the result file."""


class LimitCheck(Listener):
    """Compares the simulation with the limits at every physics step.

    Args:
        venv: Its `world.step` is replaced by one that checks after each physics step.
    """

    def __init__(self, venv: Any) -> None:
        self.venv, self.world, self._step = venv, venv.world, venv.world.step
        self.limits = Limits().resolve(venv.world.robot)
        n = venv.num_envs
        names = ("tcp_speed", "joint_speed", "workspace", "table", "keep_out")
        self.exceeded = {name: np.zeros(n, bool) for name in names}
        """Limit -> whether the running episode has exceeded it. Shapes (n,)."""
        self.peaks = {"tcp_speed": 0.0, "joint_speed": 0.0, "keep_out_depth_m": -np.inf}
        self.active = np.ones(n, bool)
        """Sub-environments whose episodes count. Shape (n,)."""
        self.counts: Counter[str] = Counter()
        """Limit -> ended episodes that exceeded it."""
        venv.world.step = self.step

    def step(self, k: int, ids: Any = None) -> None:
        """Run k physics steps, one at a time."""
        for j in range(k):
            self._step(1, ids)
            self.check(positions=j == k - 1)

    def check(self, positions: bool) -> None:
        """Compare the present state with the limits; table and zones only if `positions`."""
        w, limits, on = self.world, self.limits, self.active
        speed = np.linalg.norm(w.tcp_linvel, axis=1)
        joints = np.abs(w.qvel[:, : w.n_arm]) / np.array(limits.joint_speed)
        out = np.maximum(limits.workspace_low - w.tcp_pos, w.tcp_pos - limits.workspace_high)
        now = {
            "tcp_speed": speed > limits.tcp_speed,
            "joint_speed": joints.max(axis=1) > 1.0,
            "workspace": out.max(axis=1) > 1e-3,
        }
        if positions:
            now |= self._positions()
        for name, bad in now.items():
            self.exceeded[name] |= bad & on
        self.peaks["tcp_speed"] = max(self.peaks["tcp_speed"], float(speed[on].max(initial=0.0)))
        most = float(joints[on].max(initial=0.0))
        self.peaks["joint_speed"] = max(self.peaks["joint_speed"], most)

    def _positions(self) -> dict[str, Any]:
        """Where the hand is too low or in a zone. Shapes (n,)."""
        w, limits, n_slots = self.world, self.limits, self.world.n_slots
        hand = HandGeometry.of(w)
        guard = self.venv.guard
        protected = guard.protected if guard else np.zeros((w.n, n_slots), bool)
        zones = Zones.of(w, ZONES, protected, limits.object_distance)
        gap, _ = zones.distance(w.tcp_pos[:, None] + hand.spheres)
        gap = np.where((hand.radii > 0)[..., None], gap - hand.radii[..., None], np.inf)
        depth = -gap.min(axis=(1, 2))
        deepest = float(depth[self.active].max(initial=-np.inf))
        self.peaks["keep_out_depth_m"] = max(self.peaks["keep_out_depth_m"], deepest)
        lowest = (w.tcp_pos[:, None] + hand.corners)[:, :, 2].min(axis=1)
        return {"table": lowest < limits.table_distance - 1e-3, "keep_out": depth > 1e-3}

    def on_step(self, venv: Any, event: StepEvent) -> None:
        """Count the limits that ended episodes have exceeded."""
        for name, bad in self.exceeded.items():
            self.counts[name] += int((bad & event.done & self.active).sum())
            bad[event.done] = False


def measure(config: SafetyMeasureConfig, mode: str, policy: str, episodes: int) -> dict[str, Any]:
    """One row of the table."""
    tasks = [t for t in MIXTURES["Tabletop"] if t.name != "Slide"]
    chosen: Any = (
        tasks if config.tasks == "suite" else MIXTURES.get(config.tasks) or TASKS[config.tasks]
    )
    safety = SafetyConfig(mode, keep_out=ZONES, keep_away=("bystander",))
    cameras = () if policy in ("expert", "random") else ("image", "wrist_image")
    venv = TabletopVectorEnv(
        chosen, min(config.num_envs, episodes), split=config.split, cameras=cameras, safety=safety,
        horizon=config.random_steps if policy == "random" else None,
    )  # fmt: skip
    actor, check, tally = policy_factory(policy)(venv), LimitCheck(venv), SafetyTally()
    venv.add_listener(check)
    each = -(-episodes // venv.num_envs)
    left = np.full(venv.num_envs, each)
    won, steps, start = 0, 0, time.monotonic()
    obs, _ = venv.reset(seed=0)
    actor.reset(np.ones(venv.num_envs, bool), obs)
    while left.any():
        check.active = left > 0
        action = np.array(actor.act(obs))
        if policy == "random":
            action[:, 7:] = -1.0  # random terminate actions would end every episode at once
        obs, _, terminated, truncated, infos = venv.step(action)
        if venv.guard is not None:
            tally.add(infos.get("final_info", infos), check.active)
        done = terminated | truncated
        steps += int(check.active.sum())
        if done.any():
            won += int((infos["final_info"]["is_success"] & done & check.active).sum())
            left[done & (left > 0)] -= 1
            actor.reset(done, obs)
    n = each * venv.num_envs
    out = {
        "mode": mode, "policy": policy, "tasks": config.tasks, "split": config.split, "n": n,
        "success": rate(won, n),
        "cost_per_episode": round(tally.cost / n, 3), "costs": tally.costs,
        "interventions_per_episode": round(tally.interventions / n, 2),
        "steps_per_episode": round(steps / n, 1),
        "peaks": {k: round(v, 3) for k, v in tally.peaks.items()},
        "true_peaks": {k: round(v, 4) for k, v in check.peaks.items()},
        "episodes_with_violation": {k: rate(v, n) for k, v in check.counts.items()},
        "wall_s": round(time.monotonic() - start, 1),
    }  # fmt: skip
    venv.close()
    return out


def main(config: SafetyMeasureConfig) -> None:
    """Measure every row; the file is written after each."""
    rows = []
    for policy in config.policies:
        for mode in config.modes:
            full = mode == "clip" or (mode == "off" and policy == "expert")
            n = config.episodes if full else config.others
            row = measure(config, mode, policy, n)
            rows.append(row)
            broken = {k: v["count"] for k, v in row["episodes_with_violation"].items()}
            print(policy, mode, n, row["success"]["rate"], broken, row["true_peaks"], flush=True)
            write_json(FILE.with_name(f"{config.name}.json"), {"rows": rows})


if __name__ == "__main__":
    main(tyro.cli(SafetyMeasureConfig))
