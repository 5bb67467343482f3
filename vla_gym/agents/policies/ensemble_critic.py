"""SAC's critics: several action-value networks, computed as one batched product."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel
from torch import Tensor, nn


class EnsembleCritic(BaseModel):
    """Action-value networks with layer normalisation.

    Layer normalisation bounds the values of actions outside the data, which keeps learning from few
    successes stable (Ball et al. 2023, "Efficient Online RL with Offline Data").

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
        pairs = list(itertools.pairwise(widths))
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
            pick: Indices of the networks. Shape (m,). None means all.

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
