"""Actions as tokens: eight integers a step, each one of 256 uniform bins (as in RT-2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InvalidActionError

TOKEN_DIMS = ("terminate", "dx", "dy", "dz", "rx", "ry", "rz", "gripper")
"""Meaning of the eight tokens of a step, in order."""
N_MOTION = 7
"""Numbers of a continuous action; tokens have one more, the first."""
CONTINUE, TERMINATE = 0, 1
"""The two values of the first token."""


@dataclass(frozen=True)
class ActionTokens:
    """Translate continuous actions to tokens and back.

    The seven numbers in [-1, 1] are cut into `n_bins` bins of equal width; decoding returns a bin's
    centre, so a round trip is off by at most half a bin. The terminate token is not a bin:
    `CONTINUE` or `TERMINATE`.
    """

    n_bins: int = 256
    """Bins per number."""
    terminate: bool = False
    """Whether the policy may end the episode. If not, only `CONTINUE` is valid."""

    @property
    def nvec(self) -> list[int]:
        """Vocabulary size of each token, for `gymnasium.spaces.MultiDiscrete`."""
        return [self.n_bins] * len(TOKEN_DIMS)

    @property
    def max_error(self) -> float:
        """Largest round-trip error of a number: half a bin."""
        return 1.0 / self.n_bins

    def encode(
        self, actions: NDArray[np.floating], terminate: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """Actions to tokens.

        Args:
            actions: Numbers, clipped to [-1, 1]. Shape (..., 7).
            terminate: Whether to end the episode. Shape (...,). None means never.

        Returns:
            Tokens. Shape (..., 8).

        Raises:
            InvalidActionError: If the last axis is not 7, a number is not finite, or an episode is
                to be ended where that is not allowed.
        """
        actions = np.asarray(actions)
        if actions.shape[-1:] != (N_MOTION,):
            raise InvalidActionError(
                f"Expected {N_MOTION} numbers per action, got shape {actions.shape}. "
                f"Pass (..., {N_MOTION}): translation, rotation, gripper."
            )
        if not np.isfinite(actions).all():
            raise InvalidActionError("An action has a number that is not finite (nan or inf).")
        tokens = np.zeros((*actions.shape[:-1], len(TOKEN_DIMS)), np.int64)
        bins = np.floor((actions + 1.0) * (self.n_bins / 2))
        tokens[..., 1:] = np.clip(bins, 0, self.n_bins - 1)
        if terminate is not None and np.any(terminate):
            if not self.terminate:
                raise InvalidActionError(
                    "The terminate token is masked here. Use ActionTokens(terminate=True) with an "
                    "environment made with terminate_action=True."
                )
            tokens[..., 0] = np.where(terminate, TERMINATE, CONTINUE)
        return tokens

    def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.float32]:
        """Tokens to actions of the environment.

        Args:
            tokens: Shape (..., 8).

        Returns:
            Bin centres. Shape (..., 7), or (..., 8) with the terminate number (-1 or +1) last if
            ending the episode is allowed.

        Raises:
            InvalidActionError: If a token is outside its vocabulary.
        """
        tokens = np.asarray(tokens)
        if tokens.shape[-1:] != (len(TOKEN_DIMS),):
            raise InvalidActionError(
                f"Expected {len(TOKEN_DIMS)} tokens per action, got shape {tokens.shape}. "
                f"Their order is {', '.join(TOKEN_DIMS)}."
            )
        highest = TERMINATE if self.terminate else CONTINUE
        if tokens.min(initial=0) < 0 or tokens[..., 1:].max(initial=0) >= self.n_bins:
            raise InvalidActionError(f"Motion tokens must lie in 0..{self.n_bins - 1}.")
        if tokens[..., 0].max(initial=0) > highest:
            raise InvalidActionError(f"The terminate token must lie in 0..{highest} here.")
        motion = (tokens[..., 1:] + 0.5) * (2.0 / self.n_bins) - 1.0
        if not self.terminate:
            return motion.astype(np.float32)
        end = np.where(tokens[..., :1] == TERMINATE, 1.0, -1.0)
        return np.concatenate([motion, end], axis=-1).astype(np.float32)


def fit_width(actions: NDArray, width: int) -> NDArray:
    """Actions of the width that an environment expects.

    Args:
        actions: Shape (n, 7) or (n, 8).
        width: Numbers per action of the environment: 7 or 8.

    Returns:
        Shape (n, width). A missing number is -1, which lets the episode go on; a surplus one is
        dropped.
    """
    missing = max(width - actions.shape[1], 0)
    return np.pad(actions, ((0, 0), (0, missing)), constant_values=-1.0)[:, :width]
