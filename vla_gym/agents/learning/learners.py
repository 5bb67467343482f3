"""The learners: Stable-Baselines3 algorithms as a configuration asks for them."""

from __future__ import annotations

import numpy as np

from vla_gym.agents.learning.cloning import demo_tokens
from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.learning.curricula import make_curricula
from vla_gym.agents.learning.demonstrations import Demos
from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv
from vla_gym.agents.learning.ppo import SparsePPO
from vla_gym.agents.learning.sac import SparseSAC
from vla_gym.agents.policies.actor_critics import PPOActorCritic, SACActorCritic
from vla_gym.agents.policies.blueprint import PolicyBlueprint

Learner = SparsePPO | SparseSAC


def make_learner(
    config: TrainConfig, policy: PolicyBlueprint, env: FeatureVecEnv, demos: Demos | None = None
) -> Learner:
    """The learner with an untrained network, and the curricula that it asks for.

    Args:
        config: A resolved configuration.
        policy: What learns.
        env: Where it learns; gets the curricula.
        demos: Demonstrations, if any.
    """
    env.curricula = make_curricula(config, env.raw)
    return (_make_ppo if config.agent == "ppo" else _make_sac)(config, policy, env, demos)


def critic_options(config: TrainConfig) -> dict[str, object]:
    """Arguments of the network that concern its critics."""
    if config.agent == "ppo":
        return {"critic_hidden": config.ppo.critic_hidden, "critic_lr": config.ppo.critic_lr}
    c = config.sac
    return {"critic_hidden": c.critic_hidden, "n_critics": c.n_critics, "dropout": c.dropout}


def _make_ppo(
    config: TrainConfig, policy: PolicyBlueprint, env: FeatureVecEnv, demos: Demos | None
) -> SparsePPO:
    c = config.ppo
    labels: np.ndarray | None = None
    if demos is not None:
        labels = demos.labels if policy.tokens is None else demo_tokens(demos.labels)
    return SparsePPO(
        # on the CPU even where there is a GPU: learning takes a hundredth of PPO's time, and its
        # networks are so small that starting GPU kernels would cost more
        PPOActorCritic, env, device="cpu", seed=config.seed, learning_rate=c.learning_rate,
        n_steps=c.n_steps, batch_size=c.batch_size, n_epochs=c.n_epochs, gamma=c.gamma,
        gae_lambda=c.gae_lambda, ent_coef=c.ent_coef, max_grad_norm=c.max_grad_norm,
        target_kl=c.target_kl, final_lr=c.final_lr, critic_warmup=c.critic_warmup, clip=c.clip,
        imitation=c.imitation, imitation_half_life=c.imitation_half_life,
        demo_features=None if demos is None else demos.features, demo_actions=labels,
        policy_kwargs={**policy.network_options, **critic_options(config)},
    )  # fmt: skip


def _make_sac(
    config: TrainConfig, policy: PolicyBlueprint, env: FeatureVecEnv, demos: Demos | None
) -> SparseSAC:
    c = config.sac
    return SparseSAC(
        SACActorCritic, env, device="auto", seed=config.seed, learning_rate=c.learning_rate,
        buffer_size=c.buffer_size, learning_starts=c.learning_starts, batch_size=c.batch_size,
        tau=c.tau, gamma=c.gamma, train_freq=1, n_steps=c.n_step,
        gradient_steps=max(1, round(c.updates_per_step * env.num_envs)),
        ent_coef=f"auto_{c.start_entropy}", target_entropy=c.target_entropy,
        demos=demos, demo_share=c.demo_share, final_lr=c.final_lr, critic_warmup=c.critic_warmup,
        policy_delay=c.policy_delay, imitation=c.imitation,
        imitation_half_life=c.imitation_half_life,
        pretrained=bool(config.demos) or config.init is not None,
        gripper_spells=0.0 if config.demos else c.gripper_spells,
        policy_kwargs={**policy.network_options, **critic_options(config)},
    )  # fmt: skip
