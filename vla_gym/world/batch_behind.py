"""Finds the batch of simulations behind an environment of Gymnasium."""

from __future__ import annotations

from typing import Any


def is_single(env: Any) -> bool:
    """Whether it is a single environment, from `gymnasium.make`, wrapped or not."""
    return hasattr(getattr(env, "unwrapped", env), "vector")


def batch_behind(env: Any) -> Any:
    """The batched environment under all wrappers, also of a single one.

    Args:
        env: From `gymnasium.make` or `gymnasium.make_vec`, or anything with a `world`.
    """
    core = getattr(env, "unwrapped", env)
    return getattr(core, "vector", core)
