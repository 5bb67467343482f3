"""The parts of a policy: features, network and action tokens, put together as its head says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from vla_gym.agents.policies.action_tokens import N_MOTION, ActionTokens
from vla_gym.agents.policies.actor_critics import PPOActorCritic, SACActorCritic
from vla_gym.agents.policies.checkpoint import put_weights
from vla_gym.agents.policies.checkpoint_folder import read_head, read_spec, resolve
from vla_gym.agents.policies.clip_source import ClipSource
from vla_gym.agents.policies.detections import ObjectSource
from vla_gym.agents.policies.features import Features, GroundedFeatures
from vla_gym.agents.policies.head_spec import HeadSpec
from vla_gym.agents.policies.observed_only import NoEnv, UnbatchedPolicy
from vla_gym.agents.policies.policy import PolicySpec
from vla_gym.agents.policies.pooled_features import PooledFeatures
from vla_gym.agents.policies.privileged_source import PrivilegedSource
from vla_gym.agents.policies.trained_policy import TrainedPolicy
from vla_gym.errors import InvalidConfigError
from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.robots import DEFAULT_ROBOT, find_robot
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder
from vla_gym.world.batch_behind import batch_behind, is_single
from vla_gym.world.model import build_model
from vla_gym.world.readings import pinhole_of

UNUSED_RATE = 1e-3
"""Learning rate that Stable-Baselines3 asks for where nothing is learnt."""


@dataclass(frozen=True)
class PolicyBlueprint:
    """A policy before it has weights and an environment."""

    head: HeadSpec
    """The head and its features."""
    spec: PolicySpec
    """What it needs of an environment."""
    encoder: Any = None
    """The frozen CLIP model; None for privileged features."""

    @property
    def tokens(self) -> ActionTokens | None:
        """The action vocabulary, or None for continuous actions."""
        if self.head.action != "tokens":
            return None
        return ActionTokens(terminate=self.head.terminate)

    @property
    def network_options(self) -> dict[str, Any]:
        """Arguments of the network that its head decides, critics aside."""
        head = self.head
        options: dict[str, Any] = {"hidden": head.hidden, "decode": head.decode}
        if head.action == "tokens":
            options["head_kwargs"] = {"n_mixture": head.n_mixture, "min_scale": head.min_scale,
                                      "terminate": head.terminate}  # fmt: skip
        return options

    def features(self, venv: Any) -> Features:
        """Features of an environment, with a memory of their own."""
        head = self.head
        if head.features == "pooled":
            return PooledFeatures(self.encoder, head.blind)
        clock_hz = venv.unwrapped.control_hz if head.terminate else None
        return GroundedFeatures(
            venv.num_envs, self._source(venv), verbs=head.verbs, clock_hz=clock_hz
        )

    def network(self, **options: Any) -> PPOActorCritic | SACActorCritic:
        """An untrained network.

        Args:
            options: Further arguments of it, for instance of its critics.
        """
        length = sum(self.head.layout.values())
        obs = spaces.Box(-np.inf, np.inf, (length,), np.float32)
        action: spaces.Space = spaces.Box(-1.0, 1.0, (N_MOTION,), np.float32)
        if self.tokens is not None:
            action = spaces.MultiDiscrete(self.tokens.nvec)
        kind = SACActorCritic if self.head.agent == "sac" else PPOActorCritic
        return kind(obs, action, lambda _: UNUSED_RATE, **self.network_options, **options)

    def policy(self, network: Any, venv: Any, deterministic: bool = True) -> TrainedPolicy:
        """The policy, acting in an environment.

        Args:
            network: From `network`, or a learner's.
            venv: The environment.
            deterministic: Whether to act as the head's `decode` says, or to sample every number.
        """
        return TrainedPolicy(
            network, self.features(venv), self.tokens, deterministic, venv, spec=self.spec
        )

    def _source(self, venv: Any) -> ObjectSource:
        head = self.head
        if head.features == "privileged":
            return PrivilegedSource(venv, head.seed, head.blind)
        camera = venv.world.pinhole("fixed")
        return ClipSource(Grounder(self.encoder, camera), camera, venv.num_envs, head.blind)


def make_encoder(head: HeadSpec) -> ClipEncoder | None:
    """The frozen CLIP model of a head, or None where it needs none."""
    return ClipEncoder(head.encoder) if head.needs_encoder else None


def load_policy(
    path_or_name: str | Path,
    venv: Any = None,
    deterministic: bool = True,
    blind: str | None = None,
    features: str | None = None,
    encoder: Any = None,
    num_envs: int | None = None,
    camera: PinholeCamera | None = None,
) -> Any:
    """A trained policy, ready to act in an environment.

    Args:
        path_or_name: A checkpoint, a run folder (its best), or the name of a shipped policy.
        venv: The environment that it shall act in: a batch; or a single one, from
            `gymnasium.make`, whose observations and actions have no leading axis; or None, for a
            policy that acts on observations alone, one at a time unless `num_envs` is given.
        deterministic: Whether to act as the policy's `decode` says, or to sample every number.
        blind: What to hide from it; None as it was trained.
        features: Where object positions come from; None as it was trained.
        encoder: CLIP model or its name; None as it was trained.
        num_envs: Without an environment, the number of observations at once.
        camera: Without an environment, the calibration of the fixed camera; None takes the
            simulated one.

    Returns:
        A `TrainedPolicy`, or for single observations a
        `vla_gym.agents.policies.observed_only.UnbatchedPolicy`.

    Raises:
        InvalidConfigError: If it needs a simulation to look into, and there is none.
        CheckpointError: If the checkpoint is missing, damaged, or its parts do not fit.
    """
    path = resolve(path_or_name)
    changes: dict[str, Any] = {"blind": blind, "features": features}
    if isinstance(encoder, str):
        changes["encoder"] = encoder
    changes = {name: value for name, value in changes.items() if value is not None}
    head = replace(read_head(path), **changes)
    clip = make_encoder(head) if encoder is None or isinstance(encoder, str) else encoder
    blueprint = PolicyBlueprint(head, head.policy_spec(read_spec(path).env_id), clip)
    network = blueprint.network()
    put_weights(network, path, critics=False)
    if venv is None:
        if head.features == "privileged":
            raise InvalidConfigError(
                f"{path_or_name} looks into the simulation. Pass an environment as `venv`."
            )
        calibration = camera or pinhole_of(build_model(find_robot(DEFAULT_ROBOT), 1))
        policy = blueprint.policy(network, NoEnv(num_envs or 1, calibration), deterministic)
        return UnbatchedPolicy(policy) if num_envs is None else policy
    if is_single(venv):
        return UnbatchedPolicy(blueprint.policy(network, batch_behind(venv), deterministic))
    return blueprint.policy(network, batch_behind(venv), deterministic)
