"""The reader's network in NumPy: words in, the likeliest meanings out.

A transformer encoder over pieces of words (MiniLM's, fine-tuned) and a small decoder that writes a
meaning token by token, or copies words. `vla_gym.pretraining.reader_network` has the same network
in torch and writes its files.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from vla_gym.language.meaning_order import COPY, END, MeaningOrder
from vla_gym.language.meaning_tokens import MeaningToken, ngram_ids
from vla_gym.language.wordpieces import WordPieces

READER = Path(__file__).resolve().parents[1] / "assets" / "reader"
"""Folder of the reader that comes with the package."""
READER_CONFIG, READER_WEIGHTS, READER_PIECES = "config.json", "reader.safetensors", "pieces.txt"
MAX_TOKENS = 96
"""Longest meaning that is written [tokens]."""
MAX_PIECES = 160
"""Pieces of a text that are read; what follows is left out."""
INT4_GROUP = 32
"""Values that share a scale in an embedding of 4 bits."""
_LOW = np.float32(-1e9)


@dataclass(frozen=True)
class Candidate:
    """One meaning that a text may have."""

    tokens: tuple[MeaningToken, ...]
    """In the order that `vla_gym.language.meaning_tokens.from_tokens` reads."""
    log_p: float
    """Log-probability of the whole."""
    weakest: float
    """Log-probability of the least likely token."""


@dataclass(frozen=True)
class _Memory:
    """An encoded text, as the decoder looks at it."""

    keys: list[NDArray]
    """For each layer, shape (heads, t, d)."""
    values: list[NDArray]
    words: NDArray
    """Vector of each word's first piece. Shape (w, width)."""


@dataclass
class _Beam:
    """A meaning in the making."""

    ids: list[int]
    order: MeaningOrder
    log_p: float = 0.0
    weakest: float = 0.0


class ReaderModel:
    """Reads texts by a trained network.

    Args:
        folder: Holds `READER_CONFIG`, `READER_WEIGHTS` and `READER_PIECES`.
    """

    def __init__(self, folder: Path = READER) -> None:
        config = json.loads((folder / READER_CONFIG).read_text(encoding="utf-8"))
        self.names: tuple[str, ...] = (*config["names"], END)
        self.heads, self.decoder_heads = config["heads"], config["decoder_heads"]
        self.weights: tuple[float, ...] = tuple(config["weights"])
        """Of `vla_gym.language.plausibility.FEATURES`."""
        self.pieces = WordPieces.load(folder / READER_PIECES)
        stored = load_file(folder / READER_WEIGHTS)
        self._embedding = stored.pop("enc.word.int4"), stored.pop("enc.word.scale")
        self._w = unpacked(stored)
        self._n_ids = len(self._w["enc.ngram.weight"])
        self._w["enc.ngram.weight"][0] = 0.0  # id 0 is padding
        self._linears, self._norms = _layers(self._w)
        self._names = np.ascontiguousarray(self._w["tokens.weight"][: len(self.names)].T)
        self._layers = range(1 + max(int(k.split(".")[2]) for k in self._w if "enc.layers" in k))
        self._decoder = range(
            1 + max(int(k.split(".")[2]) for k in self._w if "decoder.layers" in k)
        )
        fields = [name.partition(":")[0] for name in self.names]
        self._of_field = {f: np.array([g == f for g in fields]) for f in dict.fromkeys(fields)}

    # ---- encoder ------------------------------------------------------------------------------

    def _encode(self, words: Sequence[str]) -> _Memory:
        ids, owner = [self.pieces.start], [-1]
        for i, word in enumerate(words):
            pieces = self.pieces.ids(word)
            ids += pieces
            owner += [i] * len(pieces)
        ids, owner = ids[:MAX_PIECES], owner[:MAX_PIECES]
        ids.append(self.pieces.end)
        owner.append(-1)
        read = [i for i in range(len(words)) if i in owner]
        w, n_read = self._w, len(read)
        grams = np.zeros((len(ids), w["enc.ngram.weight"].shape[1]), np.float32)
        if n_read:
            found = ngram_ids(words[:n_read], self._n_ids)
            used = np.maximum((found > 0).sum(axis=1, keepdims=True), 1)
            mean = w["enc.ngram.weight"][found].sum(axis=1) / used
            where = np.array(owner)
            grams[where >= 0] = mean[where[where >= 0]]
        x = self._pieces(np.array(ids)) + w["enc.pos.weight"][: len(ids)]
        x = self._norm(x + grams @ w["enc.ngram_up.weight"].T, "enc.ln")
        for i in self._layers:
            name = f"enc.layers.{i}"
            qkv = self._linear(x, f"{name}.qkv").reshape(len(x), 3, self.heads, -1)
            seen = _attend(*qkv.transpose(1, 2, 0, 3))
            x = self._norm(x + self._linear(seen, f"{name}.out"), f"{name}.ln1")
            up = _gelu(self._linear(x, f"{name}.up"))
            x = self._norm(x + self._linear(up, f"{name}.down"), f"{name}.ln2")
        x = self._norm(self._linear(x, "proj"), "mln")
        keys, values = [], []
        for i in self._decoder:
            both = self._linear(x, f"decoder.layers.{i}.multihead_attn.memory")
            both = both.reshape(len(x), 2, self.decoder_heads, -1).transpose(1, 2, 0, 3)
            keys.append(both[0])
            values.append(both[1])
        first = [owner.index(i) for i in read]
        return _Memory(keys, values, x[first] if first else x[:1] * 0)

    def _pieces(self, ids: NDArray) -> NDArray:
        packed, scale = self._embedding
        rows = packed[ids]
        values = np.stack([rows & 15, rows >> 4], axis=-1).reshape(len(ids), -1).astype(np.float32)
        return (values - 7.5) * np.repeat(scale[ids].astype(np.float32), INT4_GROUP, axis=1)

    # ---- decoder ------------------------------------------------------------------------------

    def read(self, words: Sequence[str], width: int = 4, sure: float = 0.97) -> list[Candidate]:
        """The likeliest meanings, best first.

        Args:
            words: From `vla_gym.language.meaning_tokens.split_text`.
            width: Meanings followed side by side.
            sure: Only one is followed as long as each of its tokens is at least this likely.

        Returns:
            1 to `width` meanings; none if all would be longer than `MAX_TOKENS`.
        """
        memory, start = self._encode(words), len(self.names)
        beams, done = [_Beam([start], MeaningOrder())], []
        shape = (len(self._decoder), 2, 1, self.decoder_heads, 0, memory.keys[0].shape[2])
        past = np.zeros(shape, np.float32)
        for _ in range(MAX_TOKENS):
            scores, past = self._step([b.ids for b in beams], past, memory)
            options = []
            for row, beam in enumerate(beams):
                allowed = self._allowed(beam.order, scores)
                if not allowed.any():
                    continue
                log_p = _log_softmax(np.where(allowed, scores[row], _LOW))
                alone = len(beams) == 1 and not done and log_p.max() > math.log(sure)
                for token in np.argsort(-log_p)[: 1 if alone else width].tolist():
                    if log_p[token] > _LOW / 2:
                        options.append((beam.log_p + float(log_p[token]), row, token, log_p[token]))
            options.sort(key=lambda option: -option[0])
            kept, rows = [], []
            for total, row, token, p in options[:width]:
                old = beams[row]
                weakest = min(old.weakest, float(p))
                if token < start and self.names[token] == END:
                    ids = old.ids[1:]
                    done.append(Candidate(tuple(map(self._token, ids)), total, weakest))
                    continue
                order = old.order.copy()
                order.advance(self._token(token))
                kept.append(_Beam([*old.ids, token], order, total, weakest))
                rows.append(row)
            worst = min((c.log_p for c in done), default=-math.inf)
            if not kept or (len(done) >= width and kept[0].log_p < worst):
                break
            beams, past = kept, past[:, :, rows]
        return sorted(done, key=lambda c: -c.log_p)[:width]

    def _token(self, token: int) -> MeaningToken:
        return self.names[token] if token < len(self.names) else token - len(self.names) - 1

    def _allowed(self, order: MeaningOrder, scores: NDArray) -> NDArray[np.bool_]:
        """Which of the tokens may come next. Shape (names + 1 + words,)."""
        mask = np.zeros(scores.shape[1], bool)
        names = len(self.names)
        for field in order.allowed:
            if field in self._of_field:  # a network need not have names for every field
                mask[:names] |= self._of_field[field]
            elif field != COPY:
                continue
            elif order.next_copy is None:
                mask[names + 1 :] = True
            elif names + 1 + order.next_copy < len(mask):
                mask[names + 1 + order.next_copy] = True
        return mask

    def _step(
        self, ids: Sequence[Sequence[int]], past: NDArray, memory: _Memory
    ) -> tuple[NDArray, NDArray]:
        """Scores of what follows the last token of each beam, and its keys and values."""
        w, at, names = self._w, len(ids[0]) - 1, len(self.names)
        last = np.array([row[-1] for row in ids])
        x = w["tokens.weight"][np.minimum(last, names)] + w["token_places.weight"][at]
        copied = last > names
        x[copied] += memory.words[last[copied] - names - 1]
        grown = []
        for i in self._decoder:
            name = f"decoder.layers.{i}"
            y = self._linear(self._norm(x, f"{name}.norm1"), f"{name}.self_attn.in")
            y = y.reshape(len(x), 3, self.decoder_heads, 1, -1)
            both = np.concatenate([past[i], y[:, 1:].swapaxes(0, 1)], axis=3)
            grown.append(both)
            x = x + self._linear(_attend(y[:, 0], both[0], both[1]), f"{name}.self_attn.out_proj")
            q = self._linear(self._norm(x, f"{name}.norm2"), f"{name}.multihead_attn.query")
            q = q.reshape(len(x), self.decoder_heads, 1, -1)
            seen = _attend(q, memory.keys[i][None], memory.values[i][None])
            x = x + self._linear(seen, f"{name}.multihead_attn.out_proj")
            y = self._norm(x, f"{name}.norm3")
            x = x + self._linear(_gelu(self._linear(y, f"{name}.linear1")), f"{name}.linear2")
        h = self._norm(x, "decoder.norm")
        named = h @ self._names
        copies = self._linear(h, "copy_query") @ memory.words.T / math.sqrt(h.shape[1])
        return np.concatenate([named, np.full((len(h), 1), _LOW), copies], axis=1), np.stack(grown)

    # ---- layers -------------------------------------------------------------------------------

    def _linear(self, x: NDArray, name: str) -> NDArray:
        weight, bias = self._linears[name]
        return x @ weight + bias

    def _norm(self, x: NDArray, name: str) -> NDArray:
        weight, bias = self._norms[name]
        n = np.float32(x.shape[1])
        away = x - np.add.reduce(x, axis=1, keepdims=True) / n
        scale = np.einsum("ij,ij->i", away, away)[:, None] / n + np.float32(1e-5)
        return away / np.sqrt(scale) * weight + bias


@functools.cache
def reader_model(folder: Path = READER) -> ReaderModel:
    """The model of a folder, loaded once."""
    return ReaderModel(folder)


def unpacked(stored: dict[str, NDArray]) -> dict[str, NDArray]:
    """Tensors as floats; those of 8 bits have a scale for each row beside them."""
    weights = {}
    for name, values in stored.items():
        if name.endswith(".scale"):
            continue
        scale = stored.get(f"{name}.scale")
        weights[name] = values.astype(np.float32)
        if scale is not None:
            weights[name] *= scale.astype(np.float32)[:, None]
    return weights


def _layers(
    weights: dict[str, NDArray],
) -> tuple[dict[str, tuple[NDArray, NDArray]], dict[str, tuple[NDArray, NDArray]]]:
    """Linear layers, transposed, and norms by name; the attentions' joint ones taken apart."""
    linear, norm = {}, {}
    for name, weight in weights.items():
        base, _, last = name.rpartition(".")
        bias = weights.get(f"{base}.bias")
        if last == "in_proj_weight":
            width, bias = weight.shape[1], weights[f"{base}.in_proj_bias"]
            parts = {"in": slice(None)}
            if base.endswith("multihead_attn"):
                parts = {"query": slice(width), "memory": slice(width, None)}
            for part, rows in parts.items():
                linear[f"{base}.{part}"] = np.ascontiguousarray(weight[rows].T), bias[rows]
        elif last == "weight" and weight.ndim == 1:
            norm[base] = weight, weights[f"{base}.bias"]
        elif last == "weight" and bias is not None:
            linear[base] = np.ascontiguousarray(weight.T), bias
    return linear, norm


def _attend(q: NDArray, k: NDArray, v: NDArray) -> NDArray:
    """Scaled dot-product attention; heads joined again. (..., heads, t, d) to (..., t, heads d)."""
    scores = q @ k.swapaxes(-1, -2) / np.float32(math.sqrt(q.shape[-1]))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    seen = (scores / scores.sum(axis=-1, keepdims=True)) @ v
    joined = seen.swapaxes(-2, -3)
    joined = joined.reshape(*joined.shape[:-2], -1)
    return joined[:, 0] if joined.ndim == 3 else joined


def _gelu(x: NDArray) -> NDArray:
    """GELU by its approximation with tanh (Hendrycks and Gimpel 2016)."""
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (np.float32(1.0) + np.tanh(inner))


def _log_softmax(x: NDArray) -> NDArray:
    top = x.max()
    return x - top - math.log(np.exp(x - top).sum())
