"""Behaviour cloning: fitting a head to demonstrations."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vla_gym.agents.learning.algorithm_config import CloneConfig
from vla_gym.agents.learning.demonstrations import Demos
from vla_gym.agents.policies.action_tokens import N_MOTION, ActionTokens
from vla_gym.agents.policies.actor_critics import SquashedGaussianHead
from vla_gym.agents.policies.heads import GaussianHead, TokenHead
from vla_gym.errors import InvalidConfigError


@dataclass
class CloneReport:
    """Result of cloning."""

    steps: int
    """Gradient steps until it stopped."""
    train_loss: float
    """Loss on the training episodes, around the best evaluation."""
    held_out_loss: float
    """Loss on the held-out episodes, at the best evaluation."""


FEW = 5
"""Number of episodes below which none is held out."""
GRIPPER_STD = 0.85
"""Standard deviation of the gripper number after cloning. Its sign decides, and its mean was fitted
to the share p of demonstrations that open: tanh(m) = 2p - 1, so m = logit(p) / 2. A standard
deviation of 0.85 makes the sign positive with probability p (probit(p) is about logit(p) / 1.7)."""


def demo_tokens(labels: np.ndarray, n_bins: int = 256) -> np.ndarray:
    """Labels as tokens.

    Args:
        labels: Shape (n, 7), or (n, 8) with a positive number where the episode is ended.
        n_bins: Bins per motion number.

    Returns:
        Shape (n, 8).
    """
    motion, end = labels[:, :N_MOTION], labels[:, N_MOTION:]
    if not end.shape[1]:
        return ActionTokens(n_bins).encode(motion)
    return ActionTokens(n_bins, terminate=True).encode(motion, end[:, 0] > 0)


def clone(head: nn.Module, demos: Demos, config: CloneConfig, seed: int = 0) -> CloneReport:
    """Fit a head to demonstrated actions, until the loss on held-out episodes stops falling.

    Args:
        head: `TokenHead`, `GaussianHead` or `SquashedGaussianHead`; changed in place.
        demos: The demonstrations.
        config: Settings.
        seed: Seed of the split and of the order of batches.

    Raises:
        InvalidConfigError: If there is no episode.
    """
    if demos.n_episodes < 1:
        raise InvalidConfigError(
            "Cloning needs demonstrations, got none. "
            "Raise --demos, or use --demos 0 to learn from success alone."
        )
    few = demos.n_episodes < FEW
    steps = config.few_steps if few else config.steps
    gen = torch.Generator().manual_seed(seed)
    order = torch.randperm(demos.n_episodes, generator=gen).numpy()
    n_held = 0 if few else max(1, round(config.held_out * demos.n_episodes))
    held = np.isin(demos.episode, order[:n_held])
    labels = demo_tokens(demos.labels, head.n_bins) if isinstance(head, TokenHead) else demos.labels
    device = next(head.parameters()).device
    x = torch.as_tensor(demos.features, device=device)
    y = torch.as_tensor(labels, dtype=torch.float32, device=device)
    train, test = torch.as_tensor(np.flatnonzero(~held)), torch.as_tensor(np.flatnonzero(held))
    opt = torch.optim.Adam(head.parameters(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps, config.learning_rate / 10)
    best, best_step, train_loss = math.inf, 0, math.inf
    best_state = copy.deepcopy(head.state_dict())
    recent: list[float] = []
    step = 0
    for step in range(1, steps + 1):
        rows = train[torch.randint(len(train), (config.batch_size,), generator=gen)]
        loss = _loss(head, x[rows], y[rows])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        opt.step()
        schedule.step()
        recent.append(loss.item())
        if step % config.check_every and step < steps:
            continue
        head.eval()
        with torch.no_grad():
            # with few episodes, the last weights are taken
            score = -float(step) if few else _loss(head, x[test], y[test]).item()
        head.train()
        if score < best:
            best, best_step, train_loss = score, step, float(np.mean(recent))
            best_state = copy.deepcopy(head.state_dict())
        elif step - best_step >= config.patience * config.check_every:
            break
        recent = []
    head.load_state_dict(best_state)
    _set_std(head, config.std)
    head.eval()
    return CloneReport(step, train_loss, math.nan if few else best)


def _loss(head: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    if isinstance(head, TokenHead):
        return -head(x).log_prob(y).mean()
    if isinstance(head, SquashedGaussianHead):
        mean, _, _ = head.get_action_dist_params(x)
        return nn.functional.mse_loss(torch.tanh(mean), y)
    assert isinstance(head, GaussianHead)
    return nn.functional.mse_loss(head(x).normal.mean, y)


def _set_std(head: nn.Module, std: float) -> None:
    """Cloning fits means only; the standard deviation decides how widely learning explores."""
    log_std = torch.full((N_MOTION,), math.log(std))
    log_std[-1] = math.log(GRIPPER_STD)
    with torch.no_grad():
        if isinstance(head, GaussianHead):
            head.log_std.copy_(log_std)
        elif isinstance(head, SquashedGaussianHead):
            head.log_std.weight.mul_(0.1)
            head.log_std.bias.copy_(log_std)
