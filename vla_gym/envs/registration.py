"""Makes every task an id of Gymnasium: ``VLA<task>-v0``."""

from __future__ import annotations

import gymnasium as gym

from vla_gym.envs.tasks import MIXTURES, TASKS

ENV_IDS: tuple[str, ...] = tuple(f"VLA{name}-v0" for name in (*TASKS, *MIXTURES))
"""Ids that `gymnasium.make` and `gymnasium.make_vec` know."""


def register_envs() -> None:
    """Register all tasks; a second call changes nothing."""
    for env_id, name in zip(ENV_IDS, (*TASKS, *MIXTURES), strict=True):
        if env_id not in gym.registry:
            gym.register(
                env_id,
                entry_point="vla_gym.envs.tabletop:TabletopEnv",
                vector_entry_point="vla_gym.envs.vector:TabletopVectorEnv",
                kwargs={"task": name},
            )
