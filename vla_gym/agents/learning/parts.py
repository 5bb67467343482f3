"""The environment and the policy of a run, as its configuration asks for them."""

from __future__ import annotations

from typing import Any

import torch

from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.learning.resolution import head_of
from vla_gym.agents.policies.blueprint import PolicyBlueprint
from vla_gym.envs.registration import make_vec


def make_env(config: TrainConfig, split: str = "train", num_envs: int | None = None) -> Any:
    """The vector environment of a run, with only the images that its policy observes.

    Args:
        config: The options.
        split: Stream of seeds: "train", "validation" or "test".
        num_envs: Number of sub-environments; None takes the configuration's.

    Raises:
        UnknownNameError: If there is no such environment.
    """
    n, cameras = num_envs or config.num_envs, head_of(config).images
    return make_vec(config.env, n, split=split, cameras=cameras)


def make_policy(config: TrainConfig, encoder: Any) -> PolicyBlueprint:
    """The policy of a resolved configuration, without weights.

    Learning may use `config.threads` from here on; the encoder keeps the threads that it found.

    Args:
        config: The configuration.
        encoder: The frozen CLIP model, or None.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    head = head_of(config)
    return PolicyBlueprint(head, head.policy_spec(config.env), encoder)
