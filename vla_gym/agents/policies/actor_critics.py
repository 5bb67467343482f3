"""Stable-Baselines3 policies around the action head, each with critics of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy, BaseModel
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor, nn

from vla_gym.agents.policies.heads import (
    LOG_STD_MIN,
    Decode,
    Gaussian,
    GaussianHead,
    TokenHead,
    choose,
    count_parameters,
    orthogonal,
    trunk,
)
from vla_gym.agents.policies.token_mixture import TokenMixture


class HeadPolicy(ActorCriticPolicy):
    """Action head and state-value critic for PPO; they share nothing but their input.

    A `MultiDiscrete` action space gets the token head, a `Box` the Gaussian one.

    Args:
        observation_space: Flat feature vector.
        action_space: `MultiDiscrete([256] * 8)` or `Box(7)`.
        lr_schedule: Schedule of the head's learning rate.
        hidden: Widths of the head's layers.
        critic_hidden: Widths of the critic's layers.
        critic_lr: Learning rate of the critic.
        decode: How it acts when asked to be deterministic, see `Decode`.
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

    @property
    def n_head_parameters(self) -> int:
        """Trained numbers of the head; critics do not act and do not count."""
        return count_parameters(self.head)

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
        """Values, log probabilities, and None for the entropy: exact, it costs 256 log_probs."""
        return self.critic(obs), self.head(obs).log_prob(actions), None

    def _predict(self, observation: Tensor, deterministic: bool = False) -> Tensor:  # type: ignore[override]
        how: Decode = self.decode if deterministic else "sample"
        return choose(self.head(observation), how)


class EnsembleCritic(BaseModel):
    """Several action-value networks with layer normalisation, computed as one batched product.

    Layer normalisation bounds the values of actions never tried, which is what keeps learning from
    few successes stable (Ball et al. 2023, "Efficient Online RL with Offline Data").

    Args:
        observation_space: Flat feature vector.
        action_space: Continuous actions.
        n_critics: Number of networks.
        hidden: Widths of the layers.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Box,
        n_critics: int = 5,
        hidden: tuple[int, ...] = (128, 128),
        **kwargs: Any,
    ) -> None:
        super().__init__(observation_space, action_space, **kwargs)
        sizes = [int(np.prod(s.shape)) for s in (observation_space, action_space)]  # type: ignore
        widths = [sum(sizes), *hidden, 1]
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(n_critics, i, o).uniform_(-1, 1) / math.sqrt(i))
            for i, o in pairs
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(n_critics, 1, o)) for _, o in pairs)
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(n_critics, 1, o)) for o in hidden)
        self.shifts = nn.ParameterList(nn.Parameter(torch.zeros(n_critics, 1, o)) for o in hidden)
        self.n_critics = n_critics

    def values(self, obs: Tensor, actions: Tensor, pick: Tensor | None = None) -> Tensor:
        """Values of actions.

        Args:
            obs: Features. Shape (n, f).
            actions: Shape (n, 7).
            pick: Which networks to ask. Shape (m,). None means all.

        Returns:
            Shape (m, n).
        """
        x = torch.cat([obs, actions], dim=1)
        m = self.n_critics if pick is None else len(pick)
        x = x.expand(m, *x.shape)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if pick is not None:
                weight, bias = weight[pick], bias[pick]
            x = torch.baddbmm(bias, x, weight)
            if i < len(self.scales):
                scale, shift = self.scales[i], self.shifts[i]
                if pick is not None:
                    scale, shift = scale[pick], shift[pick]
                x = nn.functional.layer_norm(x, x.shape[-1:]) * scale + shift
                x = torch.relu(x)
        return x.squeeze(-1)

    def forward(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        """Values as Stable-Baselines3 expects them: one (n, 1) tensor per network."""
        return tuple(self.values(obs, actions).unsqueeze(-1).unbind(0))


class HeadActor(Actor):
    """The action head of SAC: a squashed Gaussian with a spread that depends on the state.

    Args:
        dropout: Fraction of hidden units dropped while learning.
        hidden: Widths of the layers.
        decode: How it acts when asked to be deterministic, see `Decode`.
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
        """Mean and logarithm of the spread before the squashing. Shapes (n, 7)."""
        latent = self.latent_pi(obs)
        return self.mu(latent), self.log_std(latent).clamp(LOG_STD_MIN, 0.5), {}  # type: ignore

    def forward(self, obs: Tensor, deterministic: bool = False) -> Tensor:
        """Actions in [-1, 1]. Shape (n, 7)."""
        mean, log_std, _ = self.get_action_dist_params(obs)
        how: Decode = self.decode if deterministic else "sample"
        return torch.tanh(choose(Gaussian(mean, log_std), how))


class HeadSACPolicy(SACPolicy):
    """`HeadActor` and an `EnsembleCritic` with its slow copy.

    Args:
        hidden: Widths of the head's layers.
        critic_hidden: Widths of each critic's layers.
        n_critics: Number of critics.
        dropout: Dropout of the head while learning.
        decode: How it acts when asked to be deterministic.
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
    def n_head_parameters(self) -> int:
        """Trained numbers of the head; critics do not act and do not count."""
        return count_parameters(self.actor)

    def make_actor(self, features_extractor: Any = None) -> HeadActor:
        """The head, untrained."""
        kwargs = self._update_features_extractor(self.actor_kwargs, features_extractor)
        actor = HeadActor(dropout=self.dropout, hidden=self.hidden, decode=self.decode, **kwargs)
        return actor.to(self.device)

    def make_critic(self, features_extractor: Any = None) -> EnsembleCritic:  # type: ignore[override]
        """The critics, untrained."""
        n, actions = self.critic_kwargs["n_critics"], self.action_space
        assert isinstance(actions, spaces.Box)
        critic = EnsembleCritic(self.observation_space, actions, n, self.critic_hidden)
        return critic.to(self.device)
