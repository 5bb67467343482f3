"""Action heads: a few thousand trained parameters between features and actions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from vla_gym.agents.policies.action_tokens import N_MOTION
from vla_gym.agents.policies.head_spec import Decode
from vla_gym.agents.policies.token_mixture import TokenMixture

LOG_STD_MIN = math.log(0.02)
"""Smallest log standard deviation of an action; below it, exploration stops."""


class Gaussian:
    """Independent normal distributions over the seven numbers of an action.

    Args:
        mean: Shape (n, 7).
        log_std: Shape (7,) or (n, 7).
    """

    def __init__(self, mean: Tensor, log_std: Tensor) -> None:
        self.normal = Normal(mean, log_std.exp().expand_as(mean), validate_args=False)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log density of whole actions. Shape (n, 7) to (n,)."""
        return self.normal.log_prob(actions).sum(-1)

    def entropy(self) -> Tensor:
        """Differential entropy. Shape (n,)."""
        return self.normal.entropy().sum(-1)

    def sample(self) -> Tensor:
        """Sample actions, not clipped. Shape (n, 7)."""
        return self.normal.sample()

    def greedy(self, how: str = "mean") -> Tensor:
        """The mean, which is the mode too. Shape (n, 7)."""
        return self.normal.mean


def choose(dist: TokenMixture | Gaussian, decode: Decode) -> Tensor:
    """Actions or tokens of a trained policy. Shape (n, 7) or (n, 8); the gripper is last."""
    if decode == "sample":
        return dist.sample()
    actions = dist.greedy("mode" if decode == "mode" else "mean")
    if decode == "steady":
        actions = torch.cat([actions[:, :-1], dist.sample()[:, -1:]], dim=1)
    return actions


def trunk(n_in: int, hidden: tuple[int, ...], dropout: float = 0.0) -> nn.Sequential:
    """The hidden layers of a head; tanh bounds each hidden unit.

    Args:
        n_in: Number of features.
        hidden: Widths of the layers.
        dropout: Fraction of each layer's outputs dropped during training.
    """
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [orthogonal(nn.Linear(n_in, width), math.sqrt(2.0)), nn.Tanh()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        n_in = width
    return nn.Sequential(*layers)


def orthogonal(layer: nn.Linear, gain: float) -> nn.Linear:
    """Initialise a layer with orthogonal rows and a zero bias."""
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class GaussianHead(nn.Module):
    """Features to a normal distribution over actions, with one standard deviation per dimension.

    Args:
        n_features: Length of the feature vector.
        hidden: Widths of the hidden layers.
        std: Initial standard deviation.
    """

    def __init__(
        self, n_features: int, hidden: tuple[int, ...] = (64, 64), std: float = 0.3
    ) -> None:
        super().__init__()
        self.trunk = trunk(n_features, hidden)
        self.mean = orthogonal(nn.Linear(hidden[-1], N_MOTION), 0.01)
        self.log_std = nn.Parameter(torch.full((N_MOTION,), math.log(std)))

    def forward(self, features: Tensor) -> Gaussian:
        """Features (n, f) to a distribution over (n, 7)."""
        log_std = self.log_std.clamp(LOG_STD_MIN, 0.0)
        return Gaussian(self.mean(self.trunk(features)), log_std)


class TokenHead(nn.Module):
    """Features to a distribution over eight tokens that respects the order of the bins.

    Args:
        n_features: Length of the feature vector.
        hidden: Widths of the hidden layers.
        n_mixture: Logistics per dimension.
        n_bins: Bins per dimension.
        min_scale: Smallest logistic scale; a cloned head then still explores neighbouring bins.
        terminate: Whether the first token may end the episode.
    """

    def __init__(
        self,
        n_features: int,
        hidden: tuple[int, ...] = (64, 64),
        n_mixture: int = 3,
        n_bins: int = 256,
        min_scale: float = 0.02,
        terminate: bool = False,
    ) -> None:
        super().__init__()
        self.n_mixture, self.n_bins = n_mixture, n_bins
        self.log_min = math.log(min_scale)
        self.trunk = trunk(n_features, hidden)
        self.out = orthogonal(nn.Linear(hidden[-1], N_MOTION * n_mixture * 3), 0.01)
        self.end = orthogonal(nn.Linear(hidden[-1], 1), 0.01) if terminate else None
        with torch.no_grad():
            bias = self.out.bias.view(N_MOTION, 3, n_mixture)
            bias[:, 1] = torch.linspace(-0.6, 0.6, n_mixture)
            bias[:, 2] = math.log(0.2)
            if self.end is not None:
                self.end.bias.fill_(-4.0)  # an untrained head rarely ends episodes

    def forward(self, features: Tensor) -> TokenMixture:
        """Features (n, f) to a distribution over (n, 8) tokens."""
        latent = self.trunk(features)
        logits, mean, raw = self.out(latent).view(-1, N_MOTION, 3, self.n_mixture).unbind(2)
        log_scale = self.log_min + nn.functional.softplus(raw - self.log_min)
        end = None if self.end is None else self.end(latent).squeeze(-1)
        return TokenMixture(logits, mean, log_scale, self.n_bins, end)


def count_parameters(module: nn.Module) -> int:
    """Number of trainable parameters of a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
