"""Stable-Baselines3 actor-critics around the action heads, for PPO and SAC."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor, nn

from vla_gym.agents.policies.ensemble_critic import EnsembleCritic
from vla_gym.agents.policies.head_spec import Decode
from vla_gym.agents.policies.heads import (
    LOG_STD_MIN,
    Gaussian,
    GaussianHead,
    TokenHead,
    choose,
    orthogonal,
    trunk,
)
from vla_gym.agents.policies.token_mixture import TokenMixture


class PPOActorCritic(ActorCriticPolicy):
    """Action head and state-value critic for PPO; they share no layers.

    A `MultiDiscrete` action space gets a `TokenHead`, a `Box` a `GaussianHead`.

    Args:
        observation_space: Flat feature vector.
        action_space: `MultiDiscrete([256] * 8)` or `Box(7)`.
        lr_schedule: Schedule of the head's learning rate.
        hidden: Widths of the head's layers.
        critic_hidden: Widths of the critic's layers.
        critic_lr: Learning rate of the critic.
        decode: How it acts when `deterministic`, see `Decode`.
        head_kwargs: More options of `GaussianHead` or `TokenHead`.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Any,
        hidden: tuple[int, ...] = (64, 64),
        critic_hidden: tuple[int, ...] = (128, 128),
        critic_lr: float = 1e-3,
        decode: Decode = "steady",
        head_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.hidden, self.critic_hidden, self.critic_lr = hidden, critic_hidden, critic_lr
        self.decode: Decode = decode
        self.head_kwargs = head_kwargs or {}
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        n = self.features_dim
        kind = GaussianHead if isinstance(self.action_space, spaces.Box) else TokenHead
        self.head = kind(n, self.hidden, **self.head_kwargs)
        self.critic = nn.Sequential(
            *trunk(n, self.critic_hidden), orthogonal(nn.Linear(self.critic_hidden[-1], 1), 1.0)
        )
        make: Any = self.optimizer_class
        self.optimizer = make(self.head.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)
        self.critic_optimizer = make(
            self.critic.parameters(), lr=self.critic_lr, **self.optimizer_kwargs
        )

    def get_distribution(self, obs: Tensor) -> TokenMixture | Gaussian:  # type: ignore[override]
        """The head's distribution over actions for features (n, f)."""
        return self.head(obs)

    def predict_values(self, obs: Tensor) -> Tensor:  # type: ignore[override]
        """The critic's values. Shape (n, 1)."""
        return self.critic(obs)

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions, values and log probabilities for features (n, f)."""
        dist = self.head(obs)
        how: Decode = self.decode if deterministic else "sample"
        actions = choose(dist, how)
        return actions, self.critic(obs), dist.log_prob(actions)

    def evaluate_actions(  # type: ignore[override]
        self, obs: Tensor, actions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log probabilities, and None for the entropy, which costs 256 log_probs."""
        return self.critic(obs), self.head(obs).log_prob(actions), None

    def _predict(self, observation: Tensor, deterministic: bool = False) -> Tensor:  # type: ignore[override]
        how: Decode = self.decode if deterministic else "sample"
        return choose(self.head(observation), how)


class SquashedGaussianHead(Actor):
    """SAC's action head: a tanh-squashed Gaussian whose standard deviation depends on the state.

    Args:
        dropout: Fraction of hidden units dropped during training.
        hidden: Widths of the layers.
        decode: How it acts when `deterministic`, see `Decode`.
        kwargs: As for Stable-Baselines3's `Actor`.
    """

    def __init__(
        self,
        *args: Any,
        dropout: float = 0.0,
        hidden: tuple[int, ...] = (64, 64),
        decode: Decode = "steady",
        **kwargs: Any,
    ) -> None:
        self.decode: Decode = decode
        kwargs["net_arch"] = list(hidden)
        super().__init__(*args, **kwargs)
        self.latent_pi = trunk(self.features_dim, hidden, dropout)
        orthogonal(self.mu, 0.01)  # type: ignore
        orthogonal(self.log_std, 0.01)  # type: ignore
        nn.init.constant_(self.log_std.bias, -1.0)

    def get_action_dist_params(self, obs: Tensor) -> tuple[Tensor, Tensor, dict]:  # type: ignore[override]
        """Mean and log standard deviation before the tanh. Shapes (n, 7)."""
        latent = self.latent_pi(obs)
        return self.mu(latent), self.log_std(latent).clamp(LOG_STD_MIN, 0.5), {}  # type: ignore

    def forward(self, obs: Tensor, deterministic: bool = False) -> Tensor:
        """Actions in [-1, 1]. Shape (n, 7)."""
        mean, log_std, _ = self.get_action_dist_params(obs)
        how: Decode = self.decode if deterministic else "sample"
        return torch.tanh(choose(Gaussian(mean, log_std), how))


class SACActorCritic(SACPolicy):
    """`SquashedGaussianHead`, and an `EnsembleCritic` with its target network.

    Args:
        hidden: Widths of the head's layers.
        critic_hidden: Widths of each critic's layers.
        n_critics: Number of critics.
        dropout: Dropout of the head during training.
        decode: How it acts when `deterministic`, see `Decode`.
        kwargs: As for Stable-Baselines3's `SACPolicy`.
    """

    def __init__(
        self,
        *args: Any,
        hidden: tuple[int, ...] = (64, 64),
        critic_hidden: tuple[int, ...] = (128, 128),
        n_critics: int = 5,
        dropout: float = 0.0,
        decode: Decode = "steady",
        **kwargs: Any,
    ) -> None:
        self.hidden, self.critic_hidden, self.dropout = hidden, critic_hidden, dropout
        self.decode: Decode = decode
        super().__init__(*args, n_critics=n_critics, **kwargs)

    @property
    def head(self) -> SquashedGaussianHead:
        """The part that acts, under the name that it has in `PPOActorCritic`."""
        return self.actor  # type: ignore[return-value]

    def make_actor(self, features_extractor: Any = None) -> SquashedGaussianHead:
        """The head, untrained."""
        kwargs = self._update_features_extractor(self.actor_kwargs, features_extractor)
        actor = SquashedGaussianHead(
            dropout=self.dropout, hidden=self.hidden, decode=self.decode, **kwargs
        )
        return actor.to(self.device)

    def make_critic(self, features_extractor: Any = None) -> EnsembleCritic:  # type: ignore[override]
        """The critics, untrained."""
        n, actions = self.critic_kwargs["n_critics"], self.action_space
        assert isinstance(actions, spaces.Box)
        critic = EnsembleCritic(self.observation_space, actions, n, self.critic_hidden)
        return critic.to(self.device)
