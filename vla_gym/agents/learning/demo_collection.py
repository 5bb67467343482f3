"""Collecting demonstrations: from the expert, and from the policy that learning starts from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.learning.demonstrations import Demos
from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv
from vla_gym.agents.policies.action_tokens import N_MOTION, ActionTokens
from vla_gym.agents.policies.blueprint import PolicyBlueprint
from vla_gym.agents.policies.checkpoint import put_weights
from vla_gym.errors import InvalidConfigError
from vla_gym.skills import Expert


class Demonstrator(Protocol):
    """Acts in n sub-environments; its successful episodes become demonstrations."""

    def reset(self, mask: NDArray[np.bool_], /) -> None:
        """Episodes start in these sub-environments. Shape (n,)."""
        ...

    def act(self, obs: Any, /) -> NDArray[np.float32]:
        """Actions. Shape (n, 7), or (n, 8) if it may end episodes."""
        ...


class OwnDemonstrator:
    """A trained policy as the demonstrator of its own successes (self-imitation).

    Args:
        network: Anything with Stable-Baselines3's `predict(features, deterministic=)`.
        env: The environment whose features it observes.
        tokens: How its actions are decoded; None for continuous actions.
    """

    def __init__(self, network: Any, env: FeatureVecEnv, tokens: ActionTokens | None) -> None:
        self.network, self.env, self.tokens = network, env, tokens

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """No state."""

    def act(self, obs: Any) -> NDArray[np.float32]:
        """Its actions on the environment's last features. Shape (n, 7), or (n, 8) if it may end."""
        actions, _ = self.network.predict(self.env.last_features, deterministic=True)
        return actions if self.tokens is None else self.tokens.decode(actions)


def collect_demos(
    env: FeatureVecEnv,
    demonstrator: Demonstrator,
    n_episodes: int,
    noise: float = 0.15,
    seed: int = 0,
    ends: bool = False,
) -> Demos:
    """Record successful episodes, with the features that the policy will observe.

    Noise on the executed motion makes the demonstrator correct itself, so that a clone learns to
    act off the ideal path; the gripper has no noise.

    Args:
        env: The learner's environment, with continuous actions; is reset.
        demonstrator: Acts.
        n_episodes: Successful episodes to keep.
        noise: Standard deviation of the noise on executed translation and rotation.
        seed: Seed of the noise.
        ends: Whether it may end episodes.

    Raises:
        InvalidConfigError: If it hardly ever succeeds.
    """
    rng = np.random.default_rng(seed)
    rows: list[list[tuple]] = [[] for _ in range(env.num_envs)]
    kept: list[list[tuple]] = []
    tried = 0
    features = env.reset()
    demonstrator.reset(np.ones(env.num_envs, bool))
    while len(kept) < n_episodes:
        labels = np.asarray(demonstrator.act(env.last_obs), np.float32)[:, : N_MOTION + ends]
        actions = labels.copy()
        actions[:, :6] += rng.normal(0.0, noise, (env.num_envs, 6)).astype(np.float32)
        actions = np.clip(actions, -1.0, 1.0)
        after, rewards, dones, infos = env.step(actions)
        for i in range(env.num_envs):
            rows[i].append((features[i], after[i], actions[i], labels[i], rewards[i], dones[i]))  # type: ignore
            if dones[i]:
                tried += 1
                if infos[i].get("is_success") and len(kept) < n_episodes:
                    kept.append(rows[i])
                rows[i] = []
        demonstrator.reset(dones.astype(bool))
        features = after
        if tried >= 20 + 4 * n_episodes and len(kept) < tried / 10:
            raise InvalidConfigError(
                f"Only {len(kept)} of {tried} episodes succeeded; too few to clone. "
                "See `vla-gym evaluate --policy expert --env ID`, or use --demos 0; "
                "if they were episodes of --init's policy, use --self-imitation 0."
            )
    columns = [np.array(c, np.float32) for c in zip(*(r for e in kept for r in e), strict=True)]
    return Demos(*columns)


def gather_demos(
    config: TrainConfig, policy: PolicyBlueprint, env: FeatureVecEnv, folder: Path
) -> Demos | None:
    """The demonstrations of a run: those in its folder, or new ones that are saved there.

    Args:
        config: A resolved configuration.
        policy: What learns from them.
        env: Its environment; is reset if new ones are collected.
        folder: Of the run.

    Returns:
        None if the run has no demonstrations.

    Raises:
        InvalidConfigError: If the demonstrator hardly ever succeeds.
        CheckpointError: If the stored ones are damaged.
    """
    file = folder / "demos.npz"
    if not (config.demos or config.self_imitation):
        return None
    if file.is_file():
        return Demos.load(file)
    continuous = FeatureVecEnv(env.venv, env.features)
    continuous.seed(config.seed)
    parts = []
    if config.demos:
        parts.append(_collect("demonstrations", config, continuous, Expert(env.raw), config.demos))
    if config.init is not None and config.self_imitation:
        network = policy.network()
        put_weights(network, config.init, critics=False)
        own = OwnDemonstrator(network, continuous, policy.tokens)
        parts.append(_collect("own successes", config, continuous, own, config.self_imitation))
    demos = Demos.join(parts)
    demos.save(file)
    return demos


def _collect(
    name: str, config: TrainConfig, env: FeatureVecEnv, demonstrator: Demonstrator, n: int
) -> Demos:
    start = time.monotonic()
    ends = bool(config.terminate) and env.raw.single_action_space.shape[0] > N_MOTION
    demos = collect_demos(env, demonstrator, n, config.demo_noise, config.seed, ends)
    print(f"  {demos.n_episodes} {name} in {time.monotonic() - start:.0f} s", flush=True)
    return demos
