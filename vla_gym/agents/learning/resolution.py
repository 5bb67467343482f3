"""Resolving a configuration: what the options leave open is decided once, by the environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.policies.checkpoint_folder import check_fits, read_head, resolve
from vla_gym.agents.policies.head_spec import SHAPE, HeadSpec
from vla_gym.errors import InvalidConfigError
from vla_gym.skills import verb_of

SELF_IMITATION = 100
"""Episodes of self-imitation with --init and demonstrations."""


def resolve_config(config: TrainConfig, venv: Any) -> TrainConfig:
    """Decide what the options leave open.

    Args:
        config: The options.
        venv: The environment.

    Returns:
        The configuration without a None among action, curriculum, self_imitation, skills,
        terminate.

    Raises:
        InvalidConfigError: If success in the environment means ending the episode, and these
            actions cannot.
        CheckpointError: If the policy of --init is missing or has another shape.
    """
    config.check()
    start = None if config.init is None else resolve(config.init)
    inherited = None if start is None else read_head(start)
    asked = [task.terminate for task in venv.unwrapped.tasks]
    tokens = config.action_kind == "tokens"
    skills, terminate = config.skills, config.terminate
    if skills is None:
        skills = inherited.verbs if inherited else several_verbs(venv)
    if terminate is None:
        terminate = inherited.terminate if inherited else any(asked) and tokens
    if all(asked) and not terminate:
        raise InvalidConfigError(
            f"In {config.env} success means ending the episode in time, which this policy cannot. "
            "Use --agent ppo with tokens, and leave out --terminate False."
        )
    curriculum, self_imitation = config.curriculum, config.self_imitation
    if curriculum is None:
        curriculum = not config.demos and start is None
    if self_imitation is None:
        self_imitation = SELF_IMITATION if start is not None and config.demos else 0
    resolved = replace(
        config, action=config.action_kind, skills=skills, terminate=terminate,
        curriculum=curriculum, self_imitation=self_imitation,
    )  # fmt: skip
    if start is not None:
        check_fits(start, head_of(resolved), only=SHAPE)
    return resolved


def head_of(config: TrainConfig) -> HeadSpec:
    """The action head of a configuration; what is not resolved yet counts as False."""
    return HeadSpec(
        agent=config.agent,
        action=config.action_kind,
        features=config.features,
        encoder=config.encoder,
        blind=config.blind,
        verbs=bool(config.skills),
        terminate=bool(config.terminate),
        hidden=config.head.hidden,
        n_mixture=config.head.n_mixture,
        min_scale=config.head.min_scale,
        decode=config.head.decode,
        seed=config.seed,
    )


def several_verbs(venv: Any) -> bool:
    """Whether an environment's instructions have more than one verb."""
    return len({verb_of(task.goal) for task in venv.unwrapped.tasks}) > 1
