"""Searches for unintended successes: random and evolved action sequences on every task.

    python scripts/search_cheats.py --tasks PickPlace Stack --generations 20

Successes are printed with their scene. Inspect them; if one is unintended, fix the predicate or the
task, and keep the case as a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from vla_gym.envs.registration import make_vec
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.skills import potential


@dataclass
class SearchConfig:
    """Search for unintended successes."""

    tasks: tuple[str, ...] = (*TASKS, *MIXTURES)
    """Names of tasks."""
    population: int = 64
    """Action sequences per generation, all on one scene."""
    generations: int = 15
    """Maximum number of generations."""
    scenes: int = 2
    """Scenes per task."""
    seed: int = 0
    """Seed of the search."""


def run(venv: Any, plans: np.ndarray, scene: int) -> tuple[np.ndarray, np.ndarray]:
    """Run action sequences (n, t, a) on one scene; returns success and best progress, (n,) each."""
    core = venv.unwrapped
    venv.reset(seed=[scene] * core.num_envs)
    alive = np.ones(core.num_envs, bool)
    won, best = np.zeros(core.num_envs, bool), np.zeros(core.num_envs)
    for t in range(plans.shape[1]):
        _, _, terminated, truncated, infos = venv.step(plans[:, t])
        final = infos.get("final_info", infos)
        won |= alive & np.asarray(final["is_success"])
        alive &= ~(terminated | truncated)
        now = potential(core.tasks[core.task_id[0]].goal, core.world, core.roles)
        best = np.where(alive, np.maximum(best, now), best)
    return won, best + won


def search(name: str, config: SearchConfig) -> list[tuple[int, int, np.ndarray]]:
    """Scene, generation and action sequence of each success."""
    venv = make_vec(name, config.population, cameras=())
    core, rng = venv.unwrapped, np.random.default_rng(config.seed)
    shape = (config.population, core.horizon, core.single_action_space.shape[0])
    found = []
    for scene in range(config.scenes):
        # smooth sequences move the arm further than white noise
        plans = np.clip(np.cumsum(rng.normal(0, 0.35, shape), axis=1), -1, 1)
        for generation in range(config.generations):
            won, score = run(venv, plans, scene)
            if won.any():
                found.append((scene, generation, plans[np.flatnonzero(won)[0]]))
                break
            parents = plans[np.argsort(-score)[: config.population // 4]]
            children = parents[rng.integers(len(parents), size=config.population)].copy()
            cut = rng.integers(shape[1], size=config.population)
            for i, c in enumerate(cut):
                children[i, c:] += rng.normal(0, 0.3, children[i, c:].shape)
            plans = np.clip(children, -1, 1)
            plans[: len(parents) // 2] = parents[: len(parents) // 2]
        tried = config.population * (generation + 1)
        print(f"{name:<11} scene {scene}: {tried} sequences, best progress {score.max():.2f}"
              + (" SUCCESS" if won.any() else ""), flush=True)  # fmt: skip
    venv.close()
    return found


if __name__ == "__main__":
    settings = tyro.cli(SearchConfig)
    for task in settings.tasks:
        search(task, settings)
