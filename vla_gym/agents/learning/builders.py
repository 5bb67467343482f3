"""From a configuration to the things it names: environments, features, learners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vla_gym.agents.learning.cloning import demo_tokens
from vla_gym.agents.learning.config import TrainConfig, layout_of
from vla_gym.agents.learning.demonstrations import Demos
from vla_gym.agents.learning.failure_replay import FailureReplay
from vla_gym.agents.learning.feature_vec_env import AgentVecEnv, Teacher
from vla_gym.agents.learning.ppo import SparsePPO
from vla_gym.agents.learning.reverse_curriculum import ReverseCurriculum
from vla_gym.agents.learning.sac import SparseSAC
from vla_gym.agents.policies.action_tokens import ActionTokens
from vla_gym.agents.policies.actor_critics import HeadPolicy, HeadSACPolicy
from vla_gym.agents.policies.features import Features, PolicyFeatures
from vla_gym.agents.policies.pooled_features import PooledFeatures
from vla_gym.agents.policies.sources import make_source
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.skills import verb_of


def env_kwargs(config: TrainConfig, split: str) -> dict[str, Any]:
    """Arguments of the environment: one split's words, and only the pictures that are looked at."""
    return {"split": split, "cameras": cameras_of(config)}


def cameras_of(config: TrainConfig) -> tuple[str, ...]:
    """Cameras that the features need."""
    sees = config.features != "privileged" and config.blind != "image"
    return ("image",) if sees else ()


def make_raw_env(config: TrainConfig, num_envs: int, split: str = "train") -> Any:
    """The batched environment itself.

    Raises:
        UnknownNameError: If there is no such id.
    """
    import gymnasium as gym

    import vla_gym

    if config.env not in gym.registry:
        raise UnknownNameError("environment", config.env, vla_gym.ENV_IDS)
    return gym.make_vec(
        config.env,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        **env_kwargs(config, split),
    )


def make_encoder(config: TrainConfig) -> Any:
    """The frozen CLIP, or None where the simulator stands in for it."""
    if config.features == "privileged" or (config.features == "clip" and config.blind == "image"):
        return None
    from vla_gym.vlm.encoder import ClipEncoder

    return ClipEncoder(config.encoder)


def make_features(
    venv: Any, config: TrainConfig, encoder: Any = None, blind: str | None = None
) -> Features:
    """Features for an environment, as the configuration wants them."""
    if config.features == "pooled":
        eyes = encoder or make_encoder(config)
        return PooledFeatures(eyes, blind or config.blind)
    source = make_source(
        venv, config.features, blind or config.blind, encoder or config.encoder, config.seed
    )
    clock_hz = venv.unwrapped.control_hz if config.terminate else None
    return PolicyFeatures(venv.num_envs, source, skills=bool(config.skills), clock_hz=clock_hz)


def several_skills(venv: Any) -> bool:
    """Whether an environment's sentences differ in their verb as well as in their things."""
    return len({verb_of(task.goal) for task in venv.unwrapped.tasks}) > 1


def settle(config: TrainConfig, venv: Any, begun_from: TrainConfig | None = None) -> None:
    """Decide what the head is told and may do, where the configuration leaves it open.

    Args:
        config: Changed in place.
        venv: The environment.
        begun_from: Configuration of the policy that learning begins from, which decides.

    Raises:
        InvalidConfigError: If all the environment asks for is to end episodes, and these actions
            cannot.
    """
    asked = [task.terminate for task in venv.unwrapped.tasks]
    tokens = config.action_kind == "tokens"
    if config.skills is None:
        config.skills = bool(begun_from.skills) if begun_from else several_skills(venv)
    if config.terminate is None:
        config.terminate = bool(begun_from.terminate) if begun_from else any(asked) and tokens
    if all(asked) and not config.terminate:
        raise InvalidConfigError(
            f"In {config.env} success means ending the episode in time, which this head cannot. "
            "Use --agent ppo with tokens, and leave out --terminate False."
        )


def make_tokens(config: TrainConfig) -> ActionTokens | None:
    """The action vocabulary, or None for continuous actions."""
    if config.action_kind != "tokens":
        return None
    return ActionTokens(terminate=bool(config.terminate))


def _head_options(config: TrainConfig) -> dict[str, Any]:
    """What only the token head has."""
    if config.action_kind != "tokens":
        return {}
    head = config.head
    return {"n_mixture": head.n_mixture, "min_scale": head.min_scale,
            "terminate": bool(config.terminate)}  # fmt: skip


def make_teachers(config: TrainConfig, venv: Any) -> dict[str, Teacher]:
    """Who changes how episodes begin while learning."""
    teachers: dict[str, Teacher] = {}
    easier = config.curriculum
    if easier is None:
        easier = not config.demos and config.init is None
    if easier:
        teachers["curriculum"] = ReverseCurriculum(venv, config.seed)
    if config.practice:
        teachers["practice"] = FailureReplay(venv, config.practice, seed=config.seed)
    return teachers


def wrap(
    venv: Any,
    features: Features,
    tokens: ActionTokens | None,
    teachers: Mapping[str, Teacher] | None = None,
) -> AgentVecEnv:
    """The environment as Stable-Baselines3 sees it."""
    from vla_gym.envs.sb3 import SB3VecEnv

    return AgentVecEnv(SB3VecEnv(venv), features, tokens, teachers)


def make_model(
    config: TrainConfig, env: AgentVecEnv, demos: Demos | None = None
) -> SparsePPO | SparseSAC:
    """The learner, untrained."""
    return (_make_ppo if config.agent == "ppo" else _make_sac)(config, env, demos)


def _make_ppo(config: TrainConfig, env: AgentVecEnv, demos: Demos | None) -> SparsePPO:
    c, head = config.ppo, config.head
    tokens = config.action_kind == "tokens"
    labels: np.ndarray | None = None
    if demos is not None:
        labels = demo_tokens(demos.labels) if tokens else demos.labels
    return SparsePPO(
        # on the CPU even where there is a GPU: learning takes a hundredth of PPO's time, and its
        # networks are smaller than what starting a GPU's kernels costs
        HeadPolicy, env, device="cpu", seed=config.seed, learning_rate=c.learning_rate,
        n_steps=c.n_steps, batch_size=c.batch_size, n_epochs=c.n_epochs, gamma=c.gamma,
        gae_lambda=c.gae_lambda, ent_coef=c.ent_coef, max_grad_norm=c.max_grad_norm,
        target_kl=c.target_kl, final_lr=c.final_lr, critic_warmup=c.critic_warmup, clip=c.clip,
        imitation=c.imitation, imitation_half_life=c.imitation_half_life,
        demo_features=None if demos is None else demos.features, demo_actions=labels,
        policy_kwargs={
            "hidden": head.hidden, "critic_hidden": c.critic_hidden, "critic_lr": c.critic_lr,
            "decode": head.decode, "head_kwargs": _head_options(config),
        },
    )  # fmt: skip


def _make_sac(config: TrainConfig, env: AgentVecEnv, demos: Demos | None) -> SparseSAC:
    c = config.sac
    return SparseSAC(
        HeadSACPolicy, env, device="auto", seed=config.seed, learning_rate=c.learning_rate,
        buffer_size=c.buffer_size, learning_starts=c.learning_starts, batch_size=c.batch_size,
        tau=c.tau, gamma=c.gamma, train_freq=1, n_steps=c.n_step,
        gradient_steps=max(1, round(c.updates_per_step * env.num_envs)),
        ent_coef=f"auto_{c.start_entropy}", target_entropy=c.target_entropy,
        demos=demos, demo_share=c.demo_share, final_lr=c.final_lr, critic_warmup=c.critic_warmup,
        policy_delay=c.policy_delay, imitation=c.imitation,
        imitation_half_life=c.imitation_half_life,
        learnt=bool(config.demos) or config.init is not None,
        gripper_spells=0.0 if config.demos else c.gripper_spells,
        policy_kwargs={
            "hidden": config.head.hidden, "critic_hidden": c.critic_hidden,
            "n_critics": c.n_critics, "dropout": c.dropout, "decode": config.head.decode,
        },
    )  # fmt: skip


def head_of(model: SparsePPO | SparseSAC) -> Any:
    """The part that acts, as a torch module."""
    return head_of_policy(model.policy)


def head_of_policy(policy: HeadPolicy | HeadSACPolicy) -> Any:
    """The same, of a policy."""
    return policy.head if isinstance(policy, HeadPolicy) else policy.actor


def bare_policy(config: TrainConfig) -> HeadPolicy | HeadSACPolicy:
    """An untrained policy of the configured shape, without an environment."""
    from gymnasium import spaces

    length = sum(layout_of(config).values())
    obs = spaces.Box(-np.inf, np.inf, (length,), np.float32)
    head = config.head
    if config.agent == "sac":
        box = spaces.Box(-1.0, 1.0, (7,), np.float32)
        c = config.sac
        return HeadSACPolicy(
            obs, box, lambda _: c.learning_rate, hidden=head.hidden,
            critic_hidden=c.critic_hidden, n_critics=c.n_critics, decode=head.decode,
        )  # fmt: skip
    tokens = make_tokens(config)
    action: spaces.Space = spaces.Box(-1.0, 1.0, (7,), np.float32)
    if tokens is not None:
        action = spaces.MultiDiscrete(tokens.nvec)
    return HeadPolicy(
        obs, action, lambda _: config.ppo.learning_rate, hidden=head.hidden,
        critic_hidden=config.ppo.critic_hidden, decode=head.decode,
        head_kwargs=_head_options(config),
    )  # fmt: skip
