"""`ClipEncoder`: images and texts in one space, by the embedded or any open_clip model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_gym.errors import (
    CheckpointError,
    HubError,
    InvalidConfigError,
    MissingDependencyError,
    UnknownNameError,
)
from vla_gym.vlm import tower
from vla_gym.vlm.cache import TextCache
from vla_gym.vlm.dense import encode_dense, to_input
from vla_gym.vlm.inference import BatchThreadPool, dtype_of
from vla_gym.vlm.model_folder import (
    BPE_FILE,
    CONFIG_FILE,
    EMBEDDED,
    EMBEDDED_DIR,
    ROLES_FILE,
    WEIGHTS_FILE,
)
from vla_gym.vlm.roles import RoleReader

_LOCAL, _HUB = "local-dir:", "hf-hub:"


@dataclass(frozen=True)
class ImageFeatures:
    """Features of a batch of images."""

    pooled: Tensor
    """L2-normalised. Shape (n, d)."""
    tokens: Tensor
    """L2-normalised, row by row from the top left. Shape (n, gh * gw, d)."""


class ClipEncoder:
    """A frozen CLIP: pooled and dense image features, text features with a cache.

    Args:
        model: ``"embedded"`` (part of the package, needs no network), an open_clip model name
            such as ``"ViT-B-32"``, ``"hf-hub:owner/name"``, a folder with an
            ``open_clip_config.json``, or ``"local-dir:"`` and such a folder.
        pretrained: open_clip's tag or a file of weights, for open_clip model names; may also be
            part of the name: ``"ViT-B-32:laion2b_s34b_b79k"``.
        device: ``"auto"`` takes a GPU if there is one.
        precision: Of the image tower: ``"float32"``, ``"bfloat16"``, or ``"auto"``, which takes
            bfloat16 where the device supports it natively.

    Raises:
        UnknownNameError: If open_clip knows no such model, or no such weights for it, or there is
            no such precision.
        HubError: If weights cannot be fetched.
        CheckpointError: If a folder holds no usable model.
    """

    def __init__(
        self,
        model: str = EMBEDDED,
        pretrained: str | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.dtype = dtype_of(precision, self.device)
        self.name = model
        self.folder = _folder_of(model)
        if self.folder is not None:
            self.clip, self.tokenizer = _load_folder(self.folder)
        else:
            if pretrained is None and not model.startswith(_HUB) and ":" in model:
                model, pretrained = model.split(":", 1)
            self.clip, self.tokenizer = _load_named(model, pretrained)
        self.clip.eval().requires_grad_(False)
        tower.fuse_batch_norm(self.clip.visual)
        self.clip.to(self.device, memory_format=torch.channels_last)
        self.clip.visual.to(self.dtype)
        # a GPU is one worker, from whichever thread it is called
        self._threads = BatchThreadPool(torch.get_num_threads() if self.device.type == "cpu" else 1)
        has_roles = self.folder is not None and (self.folder / ROLES_FILE).is_file()
        self.roles: RoleReader | None = None
        if has_roles and self.folder is not None:
            self.roles = RoleReader.load(self.folder).to(self.device).requires_grad_(False)
        visual: Any = self.clip.visual
        size = visual.image_size
        self.image_size: tuple[int, int] = (size, size) if isinstance(size, int) else tuple(size)
        self._mean = torch.tensor(visual.image_mean, device=self.device)
        self._std = torch.tensor(visual.image_std, device=self.device)
        self._texts: TextCache[Tensor] = TextCache(self._encode_texts)
        probe = self.encode_image(np.zeros((1, *self.image_size, 3), np.uint8))
        self.embed_dim: int = probe.pooled.shape[-1]

    @torch.inference_mode()
    def encode_image(self, images: NDArray[np.uint8] | Tensor) -> ImageFeatures:
        """Encode images; other sizes than the tower's own are resized.

        Args:
            images: Shape (n, H, W, 3), 0 to 255.

        Returns:
            Pooled and dense features, float32.

        Raises:
            InvalidConfigError: If the shape or type is wrong.
        """
        parts = self._threads.map(self._encode, images)
        pooled, tokens = zip(*parts, strict=True)
        return ImageFeatures(torch.cat(pooled), torch.cat(tokens))

    @torch.inference_mode()
    def _encode(self, images: NDArray[np.uint8] | Tensor) -> tuple[Tensor, Tensor]:
        """Pooled and dense features of one share of a batch."""
        x = to_input(images, self.image_size, self._mean, self._std).to(self.dtype)
        pooled, tokens, self.grid = encode_dense(self.clip.visual, x)
        return pooled, tokens

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Encode texts; results are cached.

        Args:
            texts: Any texts.

        Returns:
            L2-normalised. Shape (len(texts), d), float32.
        """
        if not texts:
            return torch.zeros(0, self.embed_dim, device=self.device)
        return torch.stack(self._texts(texts))

    def _encode_texts(self, texts: list[str]) -> Tensor:
        return self.clip.encode_text(self.tokenize(texts), normalize=True).float()

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Token ids of texts, padded. Shape (len(texts), context)."""
        return self.tokenizer(list(texts)).to(self.device)


def _folder_of(model: str) -> Path | None:
    if model == EMBEDDED:
        return EMBEDDED_DIR
    if model.startswith(_LOCAL):
        return Path(model.removeprefix(_LOCAL)).expanduser()
    path = Path(model).expanduser()
    is_path = model.startswith((".", "~", "/")) or ("/" in model and path.is_dir())
    return path if is_path or path.is_absolute() else None


def _load_folder(folder: Path) -> tuple[Any, Any]:
    import open_clip

    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(
            f"No CLIP model in {folder}: {CONFIG_FILE} is missing. Give a folder saved by"
            " open_clip, or model='embedded' for the one that comes with the package."
        )
    if not [*folder.glob("open_clip*.safetensors"), *folder.glob("*.bin"), *folder.glob("*.pt*")]:
        raise CheckpointError(f"No CLIP weights ({WEIGHTS_FILE}) in {folder}.")
    bpe = folder / BPE_FILE
    extra = {"bpe_path": str(bpe)} if bpe.is_file() else {}
    try:
        clip = open_clip.create_model(f"{_LOCAL}{folder}", require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(f"{_LOCAL}{folder}", **extra)  # type: ignore
    except ImportError as error:
        raise _missing(folder, error) from error
    except Exception as error:
        raise CheckpointError(f"The CLIP model in {folder} cannot be loaded: {error}") from error
    return clip, tokenizer


def _load_named(model: str, pretrained: str | None) -> tuple[Any, Any]:
    import open_clip

    if not model.startswith(_HUB):
        _check_names(model.replace("/", "-"), pretrained)
    try:
        clip = open_clip.create_model(model, pretrained=pretrained, require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(model)
    except ImportError as error:
        raise _missing(model, error) from error
    except Exception as error:
        raise HubError(
            f"The weights of {model!r} (pretrained={pretrained!r}) could not be fetched or read:"
            f" {error} Check the network, give a local folder or file, or use model='embedded',"
            " which comes with the package and needs no network."
        ) from error
    return clip, tokenizer


def _check_names(model: str, pretrained: str | None) -> None:
    import open_clip

    if model not in open_clip.list_models():
        remedy = (
            "Or a folder with open_clip_config.json, 'local-dir:<folder>', 'hf-hub:<owner/name>'."
        )
        raise UnknownNameError("CLIP model", model, [EMBEDDED, *open_clip.list_models()], remedy)
    tags = open_clip.list_pretrained_tags_by_model(model)
    if pretrained is None:
        raise InvalidConfigError(
            f"{model!r} needs pretrained=<tag or file>, or its name as '{model}:<tag>'. "
            f"Tags: {', '.join(tags) or '(none)'}."
        )
    if pretrained.lower() not in [t.lower() for t in tags] and not Path(pretrained).is_file():
        remedy = "Or give a file of weights."
        raise UnknownNameError(f"weights for {model!r}", pretrained, tags, remedy)


def _missing(model: object, error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(
        f"{model} needs a package that is not installed ({error}). Models with a Hugging Face text"
        " tower or tokenizer need `pip install transformers`; model='embedded' does not."
    )
