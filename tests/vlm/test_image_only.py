"""timm's image towers, with random weights."""

import numpy as np
import pytest
import torch

from vla_gym.errors import HubError, InvalidConfigError, UnknownNameError
from vla_gym.vlm.image_only import TimmEncoder


@pytest.mark.parametrize(
    ("name", "kwargs", "grid", "dim"),
    [
        ("deit_tiny_patch16_224", {"img_size": (64, 64), "depth": 2}, (4, 4), 192),
        ("vit_tiny_patch16_224", {"img_size": (32, 32), "depth": 1}, (2, 2), 192),
        ("resnet10t", {}, None, 512),
    ],
)
def test_pooled_and_dense_features(name, kwargs, grid, dim):
    encoder = TimmEncoder(name, False, device="cpu", precision="float32", **kwargs)
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)
    seen = encoder.encode_image(images)
    k = encoder.grid[0] * encoder.grid[1]
    assert encoder.grid == (grid or encoder.grid) and encoder.embed_dim == dim
    assert seen.pooled.shape == (2, dim) and seen.tokens.shape == (2, k, dim)
    torch.testing.assert_close(seen.tokens.norm(dim=-1), torch.ones(2, k))
    with pytest.raises(InvalidConfigError, match="uint8"):
        encoder.encode_image(images.astype(float))


def test_unknown_names_and_unavailable_weights(monkeypatch):
    with pytest.raises(UnknownNameError, match="vit_tiny"):
        TimmEncoder("vit_tinny_patch16_224")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="embedded"):
        TimmEncoder("deit_tiny_patch16_224")
