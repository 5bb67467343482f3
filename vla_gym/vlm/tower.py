"""The embedded CLIP's image tower: a small convolutional network with a map at stride 8."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import register_model
from torch import Tensor, nn
from torch.nn import functional

TOWER_NAME = "vla_gym_convnet"


def _conv(n_in: int, n_out: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(n_in, n_out, size, stride, size // 2, bias=False)
    return [conv, nn.BatchNorm2d(n_out)]


def _conv_relu(n_in: int, n_out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(*_conv(n_in, n_out, size, stride), nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions through half the channels, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.inner = nn.Sequential(*_conv_relu(channels, half), *_conv(half, channels))
        # blocks start as the identity, so that deep stacks train from the first step
        nn.init.zeros_(self.inner[-1].weight)  # type: ignore

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same shape."""
        return functional.relu(x + self.inner(x))


class ConvTower(nn.Module):
    """Image tower with the interface that open_clip expects of a timm model.

    A branch at stride 8 has the detail; one at stride 16 has a larger receptive field and is added.

    Args:
        channels: Channels at strides 2, 4, 8 and 16.
        depths: Residual blocks at strides 4, 8, 16 and after the branches are joined.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int] = (24, 48, 96, 144),
        depths: tuple[int, int, int, int] = (1, 2, 2, 1),
        **_: Any,
    ) -> None:
        super().__init__()
        c2, c4, c8, c16 = channels
        d4, d8, d16, d_out = depths
        self.stem = nn.Sequential(
            _conv_relu(3, c2, stride=2),
            _conv_relu(c2, c4, stride=2),
            *(ResidualBlock(c4) for _ in range(d4)),
        )
        self.detail = nn.Sequential(
            _conv_relu(c4, c8, stride=2), *(ResidualBlock(c8) for _ in range(d8))
        )
        self.context = nn.Sequential(
            _conv_relu(c8, c16, stride=2),
            *(ResidualBlock(c16) for _ in range(d16)),
            nn.Conv2d(c16, c8, 1),
        )
        self.merge = nn.Sequential(*(ResidualBlock(c8) for _ in range(d_out)))
        self.num_features = c8
        self.global_pool = "avg"
        self.default_cfg = {"pool_size": (16, 16), "input_size": (3, 128, 128)}

    def reset_classifier(self, num_classes: int = 0, global_pool: str | None = None) -> None:
        """Set the pooling; there is no classifier to remove."""
        self.global_pool = global_pool or "avg"

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to a feature map (n, c, h/8, w/8)."""
        detail = self.detail(self.stem(x))
        context = functional.interpolate(self.context(detail), size=detail.shape[-2:])
        return self.merge(detail + context)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Average a feature map (n, c, h, w) to (n, c)."""
        return x.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to pooled features (n, c)."""
        return self.forward_head(self.forward_features(x))


@register_model
def vla_gym_convnet(pretrained: bool = False, **kwargs: Any) -> ConvTower:
    """Build the tower by its timm name, as open_clip does from its configuration."""
    return ConvTower()


def fuse_batch_norm(module: nn.Module) -> nn.Module:
    """Fold every batch norm that follows a convolution into it, for inference.

    Args:
        module: Changed in place; must be in evaluation mode.
    """
    for child in module.modules():
        if not isinstance(child, nn.Sequential):
            continue
        for i in range(len(child) - 1):
            conv, norm = child[i], child[i + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                child[i] = torch.nn.utils.fusion.fuse_conv_bn_eval(conv, norm)
                child[i + 1] = nn.Identity()
    return module
