"""A distribution over ordered tokens: a mixture of discretised logistics per dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vla_gym.agents.policies.action_tokens import CONTINUE


class TokenMixture:
    """Independent tokens, each from a mixture of logistics cut into uniform bins over [-1, 1].

    Neighbouring bins share probability, so one reward moves a whole range of the axis; a softmax
    over 256 tokens would have to learn each token separately. The outermost bins take the tails.
    Token 0 (terminate) is a Bernoulli variable, or fixed to `CONTINUE` where masked.

    Args:
        logits: Mixture weights before the softmax. Shape (n, d, k).
        mean: Component centres. Shape (n, d, k), in units of the action.
        log_scale: Logarithm of the logistic scales. Shape (n, d, k).
        n_bins: Bins per dimension.
        end_logit: Log odds of ending the episode. Shape (n,). None masks the terminate token.
    """

    def __init__(
        self,
        logits: Tensor,
        mean: Tensor,
        log_scale: Tensor,
        n_bins: int = 256,
        end_logit: Tensor | None = None,
    ) -> None:
        self.log_weight = F.log_softmax(logits, dim=-1)
        self.mean, self.log_scale = mean, log_scale
        self.n_bins, self.end_logit = n_bins, end_logit

    @property
    def width(self) -> float:
        """Width of a bin in units of the action."""
        return 2.0 / self.n_bins

    def log_prob(self, tokens: Tensor) -> Tensor:
        """Exact log probability of whole actions.

        Args:
            tokens: Shape (n, 1 + d).

        Returns:
            Shape (n,).
        """
        motion = self._log_prob_bins(tokens[:, 1:].unsqueeze(-1)).squeeze(-1).sum(-1)
        return motion + self._log_prob_end(tokens[:, 0])

    def entropy(self) -> Tensor:
        """Exact entropy, by the sum over all bins. Costs n_bins times a log_prob. Shape (n,)."""
        bins = torch.arange(self.n_bins, device=self.mean.device).float()
        log_p = self._log_prob_bins(bins.expand(*self.mean.shape[:2], -1))
        motion = -(log_p.exp() * log_p).sum((-1, -2))
        if self.end_logit is None:
            return motion
        p = torch.sigmoid(self.end_logit)
        return motion + F.binary_cross_entropy(p, p, reduction="none")

    def sample(self) -> Tensor:
        """Sample tokens. Shape (n, 1 + d), int64."""
        gumbel = -torch.log(-torch.log(torch.rand_like(self.log_weight).clamp_(1e-7, 1 - 1e-7)))
        pick = (self.log_weight + gumbel).argmax(-1, keepdim=True)
        mean, scale = self.mean.gather(-1, pick), self.log_scale.gather(-1, pick).exp()
        u = torch.rand_like(mean).clamp_(1e-6, 1 - 1e-6)
        values = (mean + scale * torch.logit(u)).squeeze(-1)
        end = None
        if self.end_logit is not None:
            end = torch.rand_like(self.end_logit) < torch.sigmoid(self.end_logit)
        return self._to_tokens(values, end)

    def greedy(self, how: str = "mean") -> Tensor:
        """Tokens without sampling.

        Args:
            how: "mean" takes each mixture's mean; "mode" the component centre of highest density,
                which does not average two modes.

        Returns:
            Shape (n, 1 + d), int64.
        """
        if how == "mean":
            values = (self.log_weight.exp() * self.mean.clamp(-1.0, 1.0)).sum(-1)
        else:
            values = self.mean.gather(-1, self._density(self.mean).argmax(-1, keepdim=True))
            values = values.squeeze(-1)
        end = None if self.end_logit is None else self.end_logit > 0
        return self._to_tokens(values, end)

    def _log_prob_bins(self, bins: Tensor) -> Tensor:
        """Log probability of bins. Shape (n, d, b) to (n, d, b)."""
        inv_scale = torch.exp(-self.log_scale).unsqueeze(-2)
        left = -1.0 + self.width * bins.unsqueeze(-1)
        low = (left - self.mean.unsqueeze(-2)) * inv_scale
        high = low + self.width * inv_scale
        first, last = bins.unsqueeze(-1) <= 0, bins.unsqueeze(-1) >= self.n_bins - 1
        # s(high) - s(low) = s(high) s(-low) (1 - exp(low - high)), which never cancels
        gap = torch.log(-torch.expm1(-self.width * inv_scale))
        inner = F.logsigmoid(high) + F.logsigmoid(-low) + gap
        edge = torch.where(first, F.logsigmoid(high), F.logsigmoid(-low))
        log_p = torch.where(first | last, edge, inner)
        return torch.logsumexp(self.log_weight.unsqueeze(-2) + log_p, dim=-1)

    def _log_prob_end(self, token: Tensor) -> Tensor:
        if self.end_logit is None:
            zero = torch.zeros(len(token), device=self.mean.device)
            return zero.masked_fill(token.round() != CONTINUE, -math.inf)
        sign = torch.where(token.round() == CONTINUE, -1.0, 1.0)
        return F.logsigmoid(sign * self.end_logit)

    def _density(self, x: Tensor) -> Tensor:
        """Log density of the mixture. Shape (n, d, b) to (n, d, b)."""
        z = (x.unsqueeze(-1) - self.mean.unsqueeze(-2)) * torch.exp(-self.log_scale).unsqueeze(-2)
        log_pdf = F.logsigmoid(z) + F.logsigmoid(-z) - self.log_scale.unsqueeze(-2)
        return torch.logsumexp(self.log_weight.unsqueeze(-2) + log_pdf, dim=-1)

    def _to_tokens(self, values: Tensor, end: Tensor | None) -> Tensor:
        bins = torch.floor((values + 1.0) / self.width).clamp_(0, self.n_bins - 1).long()
        first = torch.full_like(bins[:, :1], CONTINUE) if end is None else end.long().unsqueeze(1)
        return torch.cat([first, bins], dim=1)
