"""Dense image tokens in the joint space of an open_clip model, whatever its tower is made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vla_gym.errors import InvalidConfigError
from vla_gym.vlm.correlative import input_of, is_plain, open_clip_block, timm_block


def encode_dense(visual: Any, images: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Run an image tower once for its pooled feature and one feature per cell.

    Args:
        visual: An open_clip image tower: `TimmModel` or `VisionTransformer`.
        images: Normalised images. Shape (n, 3, h, w).

    Returns:
        Pooled (n, d), tokens (n, gh * gw, d) row by row from the top left, both L2-normalised and
        float32; and (gh, gw).

    Raises:
        InvalidConfigError: If the tower offers no dense features.
    """
    if hasattr(visual, "trunk"):
        pooled, tokens, grid = _timm(visual, images)
    elif hasattr(visual, "conv1") and hasattr(visual, "transformer"):
        pooled, tokens, grid = _vit(visual, images)
    else:
        raise InvalidConfigError(
            f"An image tower of type {type(visual).__name__} gives no dense tokens here. Use a"
            " model with a ViT or timm tower, for example 'ViT-B-32', or model='embedded'."
        )
    # normalise in float32: in bfloat16 the lengths are off by half a percent
    pooled, tokens = pooled.float(), tokens.float()
    return functional.normalize(pooled, dim=-1), functional.normalize(tokens, dim=-1), grid


def cell_grid(gh: int, gw: int, device: torch.device | None = None) -> Tensor:
    """Column and row of each cell, in the order of `encode_dense`'s tokens. Shape (gh * gw, 2)."""
    rows, cols = torch.meshgrid(
        torch.arange(gh, device=device), torch.arange(gw, device=device), indexing="ij"
    )
    return torch.stack([cols, rows], dim=-1).view(-1, 2).float()


def _vit(visual: Any, images: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
    block = visual.transformer.resblocks[-1]
    with input_of(block) as seen:
        pooled = visual(images)
    pooled = pooled[0] if isinstance(pooled, tuple) else pooled
    x = seen[0] if visual.transformer.batch_first else seen[0].transpose(0, 1)
    x = visual.ln_post(open_clip_block(block, x))[:, 1:]  # without the class token
    tokens = x if visual.proj is None else x @ visual.proj
    return pooled, tokens, tuple(visual.grid_size)


def _timm(visual: Any, images: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
    trunk = visual.trunk
    features, dense = timm_features(trunk, images)
    pooled = visual.head(trunk.forward_head(features))
    split = _conv_tokens if dense.ndim == 4 else _vit_tokens
    tokens, grid = split(visual, dense)
    return pooled, tokens, grid


def timm_features(trunk: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """Run a timm trunk once: its features for pooling, and its features for dense tokens."""
    blocks = getattr(trunk, "blocks", None)
    last = blocks[-1] if blocks is not None and len(blocks) and is_plain(blocks[-1]) else None
    with input_of(last or nn.Identity()) as seen:
        features = trunk.forward_features(images)
    return features, features if last is None else trunk.norm(timm_block(last, seen[0]))


def _conv_tokens(visual: Any, features: Tensor) -> tuple[Tensor, tuple[int, int]]:
    trunk = visual.trunk
    if features.shape[1] != trunk.num_features:  # channels last, as in Swin
        features = features.permute(0, 3, 1, 2)
    n, c, gh, gw = features.shape
    if any("pool" in name for name, _ in visual.head.named_children()):
        raise InvalidConfigError(
            "This image tower pools by attention over the whole image, so it has no dense tokens."
            " Use a model with average pooling or a ViT, or model='embedded'."
        )
    # each cell goes through the pooled path as if it were a 1 x 1 image
    cells = features.permute(0, 2, 3, 1).reshape(n * gh * gw, c, 1, 1)
    tokens = visual.head(trunk.forward_head(cells))
    return tokens.view(n, gh * gw, -1), (gh, gw)


def _vit_tokens(visual: Any, features: Tensor) -> tuple[Tensor, tuple[int, int]]:
    trunk = visual.trunk
    patches = features[:, getattr(trunk, "num_prefix_tokens", 0) :]
    n, k, c = patches.shape
    pool: nn.Module | None = getattr(trunk, "attn_pool", None)
    if pool is not None:
        # with a single token, attention pooling reduces to its value path
        patches = pool(patches.reshape(n * k, 1, c)).view(n, k, c)
    patches = getattr(trunk, "fc_norm", nn.Identity())(patches)
    tokens = visual.head(getattr(trunk, "head", nn.Identity())(patches))
    embed = getattr(trunk, "patch_embed", None)
    grid = getattr(embed, "grid_size", None)
    side = round(k**0.5)
    return tokens, tuple(grid) if grid is not None else (side, side)


def to_input(images: Any, size: tuple[int, int], mean: Tensor, std: Tensor) -> Tensor:
    """Convert images to a tower's input: resized, scaled, normalised, channels last in memory.

    Args:
        images: Shape (n, H, W, 3) uint8; array or tensor.
        size: Height and width of the tower's input.
        mean: Of the normalisation, for values in [0, 1]. Shape (3,).
        std: Of the normalisation. Shape (3,).

    Returns:
        Shape (n, 3, h, w) float32.

    Raises:
        InvalidConfigError: If the shape or type is wrong.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or "uint8" not in str(images.dtype):
        raise InvalidConfigError(
            f"Images must be uint8 of shape (n, height, width, 3), got {images.dtype} of"
            f" shape {tuple(images.shape)}."
        )
    x = torch.as_tensor(images).to(mean.device)
    # (n, H, W, 3) viewed as (n, 3, H, W) is channels-last memory already: no copy
    x = x.permute(0, 3, 1, 2)
    if tuple(x.shape[-2:]) != size:
        x = functional.interpolate(
            x.float(), size=size, mode="bicubic", antialias=True, align_corners=False
        )
        x = x.clamp_(0.0, 255.0)
    scale = (1.0 / (255.0 * std)).view(1, 3, 1, 1)
    shift = (mean / std).view(1, 3, 1, 1)
    return x.mul(scale).sub_(shift)
