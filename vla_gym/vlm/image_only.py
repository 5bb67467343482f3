"""`TimmEncoder`: image towers of timm (ViT, DeiT, convolutional), without text."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vla_gym.errors import HubError, UnknownNameError
from vla_gym.vlm.dense import timm_features, to_input
from vla_gym.vlm.encoder import ImageFeatures
from vla_gym.vlm.inference import dtype_of


class TimmEncoder:
    """A frozen image tower: pooled and dense features that cannot be matched with texts.

    For baselines and policies that need no language. To locate what an instruction names,
    use `vla_gym.vlm.encoder.ClipEncoder`.

    Args:
        name: Name of a timm model, such as ``"deit_tiny_patch16_224"``, with a tag of weights if
            wanted: ``"vit_base_patch16_224.augreg_in21k"``.
        pretrained: Whether to download the weights; otherwise they are random.
        device: ``"auto"`` takes a GPU if there is one.
        precision: ``"auto"``, ``"float32"`` or ``"bfloat16"``.
        kwargs: Passed on to `timm.create_model`.

    Raises:
        UnknownNameError: If timm knows no such model.
        HubError: If weights cannot be fetched.
    """

    def __init__(
        self, name: str, pretrained: bool = True, device: str = "auto", precision: str = "auto",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        import timm

        if name.split(".")[0] not in timm.list_models():
            raise UnknownNameError("timm model", name, timm.list_models("*vit*_tiny*"))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.name, self.device = name, torch.device(device)
        self.dtype = dtype_of(precision, self.device)
        try:
            trunk: Any = timm.create_model(name, pretrained=pretrained, num_classes=0, **kwargs)
        except Exception as error:  # the hub's clients raise almost anything
            raise HubError(
                f"The weights of {name!r} could not be fetched or read: {error} Check the network,"
                " pass pretrained=False for random weights, or use ClipEncoder('embedded'), which"
                " comes with the package."
            ) from error
        self.trunk = trunk.eval().requires_grad_(False).to(self.device, self.dtype)
        cfg = trunk.pretrained_cfg
        self.image_size: tuple[int, int] = tuple(kwargs.get("img_size", cfg["input_size"][1:]))
        self._mean = torch.tensor(cfg["mean"], device=self.device)
        self._std = torch.tensor(cfg["std"], device=self.device)
        self.embed_dim: int = trunk.num_features
        self.grid: tuple[int, int] = (0, 0)
        self.encode_image(np.zeros((1, *self.image_size, 3), np.uint8))

    @torch.inference_mode()
    def encode_image(self, images: NDArray[np.uint8] | Tensor) -> ImageFeatures:
        """Encode images. Arguments, result and errors as of `ClipEncoder.encode_image`."""
        x = to_input(images, self.image_size, self._mean, self._std).to(self.dtype)
        features, dense = timm_features(self.trunk, x)
        pooled = self.trunk.forward_head(features, pre_logits=True)
        if dense.ndim == 4:
            if dense.shape[1] != self.embed_dim:  # channels last, as in Swin
                dense = dense.permute(0, 3, 1, 2)
            self.grid = (dense.shape[2], dense.shape[3])
            tokens = dense.flatten(2).transpose(1, 2)
        else:
            self.grid = tuple(self.trunk.patch_embed.grid_size)
            tokens = dense[:, -self.grid[0] * self.grid[1] :]
        pooled, tokens = (functional.normalize(t.float(), dim=-1) for t in (pooled, tokens))
        return ImageFeatures(pooled, tokens)
