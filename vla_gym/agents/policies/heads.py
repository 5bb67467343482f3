"""The action head: the few thousand trained parameters between features and actions."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from vla_gym.agents.policies.action_tokens import N_MOTION
from vla_gym.agents.policies.token_mixture import TokenMixture

LOG_STD_MIN = math.log(0.02)
"""Smallest spread of an action: below this, nothing new is tried."""


class Gaussian:
    """Independent normal distributions over the seven motion numbers.

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
        """Draw actions, not clipped. Shape (n, 7)."""
        return self.normal.sample()

    def greedy(self, how: str = "mean") -> Tensor:
        """The mean, which is the mode too. Shape (n, 7)."""
        return self.normal.mean


Decode = Literal["steady", "mean", "mode", "sample"]
"""How a trained policy chooses from its distribution. "steady" moves by the mean but draws the
gripper: where the pictures do not tell whether the fingers are there yet, the best policy closes
them with some probability, and without chance it would wait for ever."""


def choose(dist: TokenMixture | Gaussian, decode: Decode) -> Tensor:
    """Actions or tokens of a trained policy. Shape (n, 7) or (n, 8); the gripper comes last."""
    if decode == "sample":
        return dist.sample()
    actions = dist.greedy("mode" if decode == "mode" else "mean")
    if decode == "steady":
        actions = torch.cat([actions[:, :-1], dist.sample()[:, -1:]], dim=1)
    return actions


def trunk(n_in: int, hidden: tuple[int, ...], dropout: float = 0.0) -> nn.Sequential:
    """The hidden layers of a head: tanh, so that no feature can shout.

    Args:
        n_in: Number of features.
        hidden: Widths of the layers.
        dropout: Fraction of each layer's outputs dropped while training.
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
    """Features to a normal distribution over continuous actions, one spread per dimension.

    Args:
        n_features: Length of the feature vector.
        hidden: Widths of the hidden layers.
        std: Spread at the start.
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
    """Features to a distribution over eight tokens, ordered along each axis.

    Args:
        n_features: Length of the feature vector.
        hidden: Widths of the hidden layers.
        n_mixture: Logistics per dimension.
        n_bins: Bins per dimension.
        min_scale: Smallest logistic scale; keeps a cloned head trying its neighbours.
        terminate: Whether the first token is free.
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
                self.end.bias.fill_(-4.0)  # an untrained head should not end its episodes

    def forward(self, features: Tensor) -> TokenMixture:
        """Features (n, f) to a distribution over (n, 8) tokens."""
        latent = self.trunk(features)
        logits, mean, raw = self.out(latent).view(-1, N_MOTION, 3, self.n_mixture).unbind(2)
        log_scale = self.log_min + nn.functional.softplus(raw - self.log_min)
        end = None if self.end is None else self.end(latent).squeeze(-1)
        return TokenMixture(logits, mean, log_scale, self.n_bins, end)


def count_parameters(module: nn.Module) -> int:
    """Number of trained numbers in a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
