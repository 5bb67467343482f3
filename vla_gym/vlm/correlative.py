"""Dense tokens of ViTs by correlative self-attention in the last block.

In a CLIP's last block the tokens attend to whatever serves the pooled feature and lose their local
content. Attention by the similarity of queries to queries and of keys to keys restores it without
training (Wang, Mei and Yuille 2023, "SCLIP: Rethinking Self-Attention for Dense Vision-Language
Inference", arXiv:2312.01597).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional


@contextmanager
def input_of(block: nn.Module) -> Iterator[list[Tensor]]:
    """Record a block's input while the tower runs as usual."""
    seen: list[Tensor] = []
    hook = block.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        yield seen
    finally:
        hook.remove()


def correlative(qkv: Tensor, heads: int) -> Tensor:
    """Attention weighted by the similarity of queries to queries, and of keys to keys.

    Args:
        qkv: Queries, keys and values side by side. Shape (n, k, 3 * width).
        heads: Attention heads.

    Returns:
        Shape (n, k, width).
    """
    n, k, _ = qkv.shape
    q, key, value = qkv.view(n, k, 3, heads, -1).permute(2, 0, 3, 1, 4)
    scale = q.shape[-1] ** -0.5
    by_query, by_key = ((x @ x.transpose(-2, -1) * scale).softmax(dim=-1) for x in (q, key))
    return ((by_query + by_key) @ value).transpose(1, 2).reshape(n, k, -1)


def open_clip_block(block: Any, x: Tensor) -> Tensor:
    """Run an open_clip `ResidualAttentionBlock` with correlative attention on x, (n, k, w)."""
    attn = block.attn
    qkv = functional.linear(block.ln_1(x), attn.in_proj_weight, attn.in_proj_bias)
    x = x + block.ls_1(attn.out_proj(correlative(qkv, attn.num_heads)))
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def timm_block(block: Any, x: Tensor) -> Tensor:
    """Run a timm ViT `Block` with correlative attention on x, (n, k, w)."""
    same: Callable[[Tensor], Tensor] = nn.Identity()
    seen = correlative(block.attn.qkv(block.norm1(x)), block.attn.num_heads)
    x = x + getattr(block, "ls1", same)(block.attn.proj(seen))
    return x + getattr(block, "ls2", same)(block.mlp(block.norm2(x)))


def is_plain(block: Any) -> bool:
    """Whether a timm block has the structure that `timm_block` assumes."""
    attn = getattr(block, "attn", None)
    if attn is None or not all(hasattr(attn, name) for name in ("qkv", "proj", "num_heads")):
        return False
    parts = all(hasattr(block, name) for name in ("norm1", "norm2", "mlp"))
    extras = (getattr(attn, name, None) for name in ("q_norm", "k_norm", "rope"))
    bare = all(isinstance(extra, (nn.Identity, type(None))) for extra in extras)
    return parts and bare and isinstance(attn.qkv, nn.Linear)
