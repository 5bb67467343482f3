"""Measures the control loop of one environment while a planner runs; latency.json."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from vla_gym.agents.policies.registry import policy_factory
from vla_gym.envs.registration import make_vec
from vla_gym.io import write_json
from vla_gym.planner.decide import Decider
from vla_gym.planner.drivers import PolicyDriver
from vla_gym.planner.executor import HierarchicalPolicy
from vla_gym.planner.grammar import GrammarPlanner
from vla_gym.planner.latency import Latency
from vla_gym.planner.requests import PlanRequest, Reply

FILE = Path(__file__).parents[1] / "docs" / "results" / "planning" / "latency.json"


@dataclass
class LatencyConfig:
    """Time of policy, CLIP and safety in one environment while a planner runs in its thread."""

    policy: str = "pickplace-ppo"
    env: str = "VLASequence-v0"
    steps: int = 600
    """Control steps."""
    cpu: bool = False
    """Measure the loop's processor time instead of wall time: on a busy machine, an estimate of the
    time on an idle one."""
    think: float = 3.0
    """Time that the planner takes [s]."""


class Thinker:
    """The grammar planner with the latency of a large model."""

    name, tries = "slow", 1

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def plan(self, request: PlanRequest) -> Reply:
        """Wait, then answer."""
        time.sleep(self.seconds)
        return GrammarPlanner().plan(request)


class TimedEncoder:
    """A CLIP encoder that adds up the time of its image encodings.

    Args:
        encoder: The encoder.
        clock: Gives the time [s].
    """

    def __init__(self, encoder: Any, clock: Callable[[], float]) -> None:
        self._encoder, self._clock = encoder, clock
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_image(self, *args: Any, **kwargs: Any) -> Any:
        """As the encoder does."""
        start = self._clock()
        out = self._encoder.encode_image(*args, **kwargs)
        self.seconds += self._clock() - start
        return out


def main(config: LatencyConfig) -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    clock = time.thread_time if config.cpu else time.perf_counter
    venv = make_vec(config.env, 1, split="validation", safety="clip", horizon=10_000)
    parts = {name: Latency(name) for name in ("CLIP", "policy and plan", "safety", "loop")}
    policy: Any = policy_factory(config.policy)(venv)
    grounder = policy.features.source.grounder
    grounder.encoder = encoder = TimedEncoder(grounder.encoder, clock)
    loop = HierarchicalPolicy(
        venv, Decider(Thinker(config.think), remember=0), PolicyDriver(policy), wait=False
    )
    obs, _ = venv.reset(seed=0)
    loop.reset(np.ones(1, bool), obs)
    core, thinking = venv.unwrapped, 0
    core.guard.clock = clock
    for k in range(config.steps):
        encoder.seconds, start = 0.0, clock()
        action = loop.act(obs)
        if loop.state[0] == 0:  # the plan is not ready: the fast loop does all its work meanwhile
            loop.driver.policy.act(obs)
            thinking += 1
        acted = clock() - start
        obs, _, terminated, truncated, _ = venv.step(action)
        safety = core.guard.seconds
        if k >= 5:
            parts["CLIP"].add(encoder.seconds)
            parts["policy and plan"].add(acted - encoder.seconds)
            parts["safety"].add(safety)
            parts["loop"].add(acted + safety)
        if (terminated | truncated)[0] or loop.state[0] > 1:
            obs, _ = venv.reset()
            loop.reset(np.ones(1, bool), obs)
    loop.close()
    venv.close()
    data = {"config": vars(config), "steps_while_planning": thinking,
            "plans": loop.latency["planner"].summary(), "load_average": os.getloadavg(),
            "parts": {k: v.summary() for k, v in parts.items()},
            "histogram_loop": parts["loop"].histogram()}  # fmt: skip
    file = FILE.with_name("latency-cpu.json") if config.cpu else FILE
    write_json(file, data)
    print("\n".join(map(str, parts.values())))
    print(f"{thinking} control steps while plans were made; planner {data['plans']}")


if __name__ == "__main__":
    main(tyro.cli(LatencyConfig))
