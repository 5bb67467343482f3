"""`RoleReader`: one query per role from an instruction's tokens, and scores of image tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from vla_gym.vlm.model_folder import ROLES_FILE
from vla_gym.world.grasping import N_SHAPE

ROLES = ("object", "target")
"""Roles of phrases in an instruction; a bare phrase is the object."""


def text_hidden(clip: Any, ids: Tensor) -> Tensor:
    """Run an open_clip `CLIP` text tower up to its last norm, without the padding.

    Args:
        clip: The model.
        ids: Token ids, padded with 0. Shape (n, context).

    Returns:
        Hidden states. Shape (n, longest, width).
    """
    length = int(ids.argmax(dim=-1).max()) + 1  # the end token has the highest id
    ids = ids[:, :length]
    x = clip.token_embedding(ids) + clip.positional_embedding[:length]
    x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
    return clip.ln_final(x)


def padding(hidden: Tensor, ids: Tensor) -> Tensor:
    """Mask of the hidden states beyond the end token.

    Args:
        hidden: From `text_hidden`. Shape (n, longest, width).
        ids: Shape (n, context).

    Returns:
        Shape (n, longest).
    """
    steps = torch.arange(hidden.shape[1], device=ids.device)
    return steps[None] > ids.argmax(dim=-1, keepdim=True)


def text_pooled(clip: Any, hidden: Tensor, ids: Tensor) -> Tensor:
    """Pool hidden states at the end token and project them, as `CLIP.encode_text` does.

    Args:
        clip: The model.
        hidden: From `text_hidden`. Shape (n, longest, width).
        ids: Shape (n, context).

    Returns:
        L2-normalised. Shape (n, d).
    """
    end = hidden[torch.arange(len(ids), device=ids.device), ids.argmax(dim=-1)]
    return functional.normalize(end @ clip.text_projection, dim=-1)


class RoleReader(nn.Module):
    """Attention pooling over the instruction's tokens, with one learnt question per role.

    The roles share all other weights, so that "the red cube" has the same meaning as an object and
    as a target.

    Args:
        width: Width of the text tower.
        dim: Dimension of the joint embedding.
        heads: Attention heads.
    """

    def __init__(self, width: int, dim: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.question = nn.Parameter(torch.randn(len(ROLES), width) * 0.5)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, dim))
        self.log_scale = nn.Parameter(torch.tensor(2.5))
        self.bias = nn.Parameter(torch.tensor(-6.0))
        self.shift = nn.Linear(dim, 2)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)
        self.shape = nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, N_SHAPE))

    def forward(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Compute the queries.

        Args:
            hidden: From `text_hidden`. Shape (n, longest, width).
            ids: Shape (n, context).

        Returns:
            L2-normalised queries. Shape (n, len(ROLES), d).
        """
        n, length, width = hidden.shape
        split = (n, length, self.heads, width // self.heads)
        key, value = self.key(hidden).view(split), self.value(hidden).view(split)
        question = self.question.view(len(ROLES), self.heads, -1)
        score = torch.einsum("rhc,nlhc->nrhl", question, key) * split[-1] ** -0.5
        unused = padding(hidden, ids)[:, None, None]
        weight = score.masked_fill(unused, float("-inf")).softmax(dim=-1)
        read = torch.einsum("nrhl,nlhc->nrhc", weight, value).reshape(n, len(ROLES), width)
        return functional.normalize(self.out(read), dim=-1)

    def heat(self, tokens: Tensor, queries: Tensor) -> Tensor:
        """Score image tokens.

        Args:
            tokens: L2-normalised. Shape (n, k, d).
            queries: L2-normalised. Shape (n, q, d).

        Returns:
            Logits. Shape (n, q, k).
        """
        return self.log_scale.exp() * queries @ tokens.transpose(1, 2) + self.bias

    def shifts(self, tokens: Tensor) -> Tensor:
        """Offset of the centre of the object that each token shows from the token's own centre.

        Args:
            tokens: L2-normalised. Shape (n, k, d).

        Returns:
            Right and down [cells]. Shape (n, k, 2).
        """
        return self.shift(tokens)

    def shapes(self, tokens: Tensor) -> Tensor:
        """What a grasp of the object that each token shows needs to know.

        Args:
            tokens: L2-normalised. Shape (n, k, d).

        Returns:
            As `vla_gym.world.grasping.shape_of`. Shape (n, k, N_SHAPE).
        """
        return self.shape(tokens * tokens.shape[-1] ** 0.5)

    @classmethod
    def load(cls, folder: Path) -> RoleReader:
        """Read the weights from a model folder."""
        state = load_file(folder / ROLES_FILE)
        reader = cls(state["key.weight"].shape[0], state["out.2.weight"].shape[0])
        reader.load_state_dict(state)
        return reader.eval()
