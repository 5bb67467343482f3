"""Successful expert episodes as feature arrays, for cloning and for replay."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.learning.feature_vec_env import AgentVecEnv
from vla_gym.agents.policies.action_tokens import N_MOTION, ActionTokens
from vla_gym.errors import CheckpointError, InvalidConfigError
from vla_gym.io import replace_file


@dataclass
class Demos:
    """Steps of successful episodes, one after the other."""

    features: NDArray[np.float32]
    """What the head saw. Shape (N, f)."""
    next_features: NDArray[np.float32]
    """What it saw next; arbitrary after the last step of an episode. Shape (N, f)."""
    actions: NDArray[np.float32]
    """What was done: the expert's action with noise on its motion. Shape (N, 7), or (N, 8) with
    the number that ends an episode."""
    labels: NDArray[np.float32]
    """What the expert wanted to do. Shape as of `actions`."""
    rewards: NDArray[np.float32]
    """Shape (N,)."""
    dones: NDArray[np.float32]
    """1 at the last step of an episode. Shape (N,)."""

    @property
    def n_episodes(self) -> int:
        """Number of episodes."""
        return int(self.dones.sum())

    @property
    def episode(self) -> NDArray[np.int64]:
        """Episode number of each step. Shape (N,)."""
        return (np.cumsum(self.dones) - self.dones).astype(np.int64)

    def save(self, path: str | Path) -> None:
        """Write a compressed npz file, complete or not at all."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        replace_file(Path(path), lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> Demos:
        """Read what `save` wrote.

        Raises:
            CheckpointError: If the file is missing, damaged, or something else.
        """
        names = [f.name for f in fields(cls)]
        try:
            # opened here, for np.load leaves a damaged file open
            with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
                return cls(**{name: file[name] for name in names})
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
            raise CheckpointError(
                f"Cannot read demonstrations from {path}: {fault}. Expected an npz file with the "
                f"arrays {', '.join(names)}; delete it to have them collected again."
            ) from fault

    @classmethod
    def join(cls, parts: Sequence[Demos]) -> Demos:
        """Several as one."""
        names = [f.name for f in fields(cls)]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


class SelfImitation:
    """A policy in an expert's place: what it does and succeeds with is demonstrated to itself.

    Args:
        policy: Anything with Stable-Baselines3's `predict(features, deterministic=)`.
        env: The environment whose features it sees.
        tokens: How its actions are decoded; None for continuous actions.
    """

    def __init__(self, policy: Any, env: AgentVecEnv, tokens: ActionTokens | None) -> None:
        self.policy, self.env, self.tokens = policy, env, tokens

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """Nothing to forget."""

    def act(self, obs: Any) -> NDArray[np.float32]:
        """What it does with the features of the moment. Shape (n, 7), or (n, 8) if it may end."""
        actions, _ = self.policy.predict(self.env.last_features, deterministic=True)
        return actions if self.tokens is None else self.tokens.decode(actions)


def collect_demos(
    env: AgentVecEnv, expert: Any, n_episodes: int, noise: float = 0.15, seed: int = 0,
    ends: bool = False,
) -> Demos:  # fmt: skip
    """Record successful episodes of an expert, through the features that the policy will have.

    Noise on the executed motion makes the expert correct itself, so that a clone learns what to do
    off the ideal path; the gripper follows the expert exactly.

    Args:
        env: The learner's environment with continuous actions; is reset.
        expert: `reset(mask)` and `act(obs) -> (n, 7)`, or (n, 8) where it may end episodes.
        n_episodes: How many successful episodes to keep.
        noise: Spread of the noise on executed translation and rotation.
        seed: Seed of the noise.
        ends: Whether the expert may end episodes, where that is what a task asks for.

    Raises:
        InvalidConfigError: If the expert hardly ever succeeds.
    """
    rng = np.random.default_rng(seed)
    rows: list[list[tuple]] = [[] for _ in range(env.num_envs)]
    kept: list[list[tuple]] = []
    tried = 0
    seen = env.reset()
    expert.reset(np.ones(env.num_envs, bool))
    while len(kept) < n_episodes:
        labels = np.asarray(expert.act(env.last_obs), np.float32)[:, : N_MOTION + ends]
        actions = labels.copy()
        actions[:, :6] += rng.normal(0.0, noise, (env.num_envs, 6)).astype(np.float32)
        actions = np.clip(actions, -1.0, 1.0)
        after, rewards, dones, infos = env.step(actions)
        for i in range(env.num_envs):
            rows[i].append((seen[i], after[i], actions[i], labels[i], rewards[i], dones[i]))  # type: ignore
            if dones[i]:
                tried += 1
                if infos[i].get("is_success") and len(kept) < n_episodes:
                    kept.append(rows[i])
                rows[i] = []
        expert.reset(dones.astype(bool))
        seen = after
        if tried >= 20 + 4 * n_episodes and len(kept) < tried / 10:
            raise InvalidConfigError(
                f"Only {len(kept)} of {tried} episodes succeeded; there is nothing to clone. "
                "See `vla-gym evaluate --policy expert --env ID`, or use --demos 0; "
                "where they were episodes of --init's policy, use --rehearse 0."
            )
    columns = [np.array(c, np.float32) for c in zip(*(r for e in kept for r in e), strict=True)]
    return Demos(*columns)
