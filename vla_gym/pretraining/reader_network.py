"""The network of the reader in torch, as it is trained, and its files.

`vla_gym.language.reader_model` runs the same network in NumPy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch import Tensor, nn

from vla_gym.io import replace_text, replacing, write_json
from vla_gym.language.meaning_order import END
from vla_gym.language.meaning_tokens import N_NGRAMS, MeaningToken, ngram_ids
from vla_gym.language.plausibility import FEATURES
from vla_gym.language.reader_model import (
    MAX_PIECES,
    MAX_TOKENS,
    READER_CONFIG,
    READER_PIECES,
    READER_WEIGHTS,
    unpacked,
)
from vla_gym.language.wordpieces import WordPieces
from vla_gym.pretraining.text_encoder import N_IDS, EncoderShape, TextEncoder, from_int4, int4_of

_NEVER = -1e9
_SMALL = 20_000
"""Tables of no more values are stored as they are, larger ones in 8 bits."""


@dataclass(frozen=True)
class DecoderShape:
    """Size of the part that writes meanings."""

    width: int = 256
    heads: int = 4
    layers: int = 2
    hidden: int = 768
    dropout: float = 0.1


class ReaderNetwork(nn.Module):
    """Words in, meaning tokens out; a token is one of the names, or a copy of one of the words.

    Ids of tokens: 0 to k - 1 for the names, k for the start, k + 1 + i for a copy of word i.

    Args:
        names: All tokens but copies and `END`.
        pieces: Vocabulary of the encoder.
        encoder: Reads the words.
        shape: Size of the decoder.
    """

    def __init__(
        self, names: Sequence[str], pieces: WordPieces, encoder: TextEncoder,
        shape: DecoderShape | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        s = self.shape = shape or DecoderShape()
        self.names, self.pieces = (*names, END), pieces
        self.start = len(self.names)
        self._id = {name: i for i, name in enumerate(self.names)}
        self.enc = encoder
        self.proj, self.mln = nn.Linear(encoder.shape.width, s.width), nn.LayerNorm(s.width)
        self.tokens = nn.Embedding(self.start + 1, s.width)
        self.token_places = nn.Embedding(MAX_TOKENS + 1, s.width)
        nn.init.normal_(self.tokens.weight, 0.0, 0.02)
        nn.init.normal_(self.token_places.weight, 0.0, 0.02)
        layer = nn.TransformerDecoderLayer(
            s.width, s.heads, s.hidden, s.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, s.layers, nn.LayerNorm(s.width))
        self.copy_query = nn.Linear(s.width, s.width)
        self.dropout = nn.Dropout(s.dropout)

    @classmethod
    def load(cls, folder: Path) -> ReaderNetwork:
        """A network that `save` has written, as exact as its 4 and 8 bits are, to train on.

        Args:
            folder: Holds the three files.
        """
        config = json.loads((folder / READER_CONFIG).read_text(encoding="utf-8"))
        stored = load_file(folder / READER_WEIGHTS)
        packed = torch.from_numpy(stored.pop("enc.word.int4"))
        scale = torch.from_numpy(stored.pop("enc.word.scale"))
        steps = torch.stack([packed & 15, packed >> 4], dim=-1).flatten(1)
        state = {k: torch.from_numpy(v) for k, v in unpacked(stored).items()}
        state["enc.word.weight"] = from_int4(steps, scale)
        pieces = WordPieces.load(folder / READER_PIECES)
        up = state["enc.layers.0.up.weight"]
        encoder = EncoderShape(
            len(pieces.pieces), _count(state, "enc.layers"), up.shape[1], config["heads"],
            up.shape[0], len(state["enc.pos.weight"]),
        )  # fmt: skip
        decoder = DecoderShape(
            state["tokens.weight"].shape[1], config["decoder_heads"],
            _count(state, "decoder.layers"), len(state["decoder.layers.0.linear1.weight"]),
        )  # fmt: skip
        network = cls(config["names"], pieces, TextEncoder(encoder), decoder)
        network.load_state_dict(state)
        network.enc.word.weight.requires_grad_(False)
        network.enc.pos.weight.requires_grad_(False)
        return network

    def batch_words(self, texts: Sequence[Sequence[str]]) -> tuple[Tensor, ...]:
        """The input of `encode` for b texts of at most w words, t pieces.

        Returns:
            Ids of pieces (b, t), letters of their words (b, t, `N_NGRAMS`), which pieces are
            padding (b, t), place of each word's first piece (b, w), which words are padding (b, w).
        """
        rows = [self._pieces_of(words) for words in texts]
        b, t = len(texts), max(len(ids) for ids, _ in rows)
        w = max(1, *map(len, texts)) if len(texts) > 1 else max(1, len(texts[0]))
        ids, first = torch.zeros(b, t, dtype=torch.long), torch.zeros(b, w, dtype=torch.long)
        letters = torch.zeros(b, t, N_NGRAMS, dtype=torch.long)
        padding, no_word = torch.ones(b, t, dtype=torch.bool), torch.ones(b, w, dtype=torch.bool)
        for row, ((found, owner), words) in enumerate(zip(rows, texts, strict=True)):
            ids[row, : len(found)], padding[row, : len(found)] = torch.tensor(found), False
            grams = torch.from_numpy(ngram_ids(words, N_IDS))
            for place in range(len(found) - 1, -1, -1):
                if (word := owner[place]) >= 0:
                    letters[row, place] = grams[word]
                    first[row, word], no_word[row, word] = place, False
            no_word[row, 0] = False  # of an empty text
        return ids, letters, padding, first, no_word

    def _pieces_of(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        ids, owner = [self.pieces.start], [-1]
        for i, word in enumerate(words):
            found = self.pieces.ids(word)
            ids += found
            owner += [i] * len(found)
        return [*ids[:MAX_PIECES], self.pieces.end], [*owner[:MAX_PIECES], -1]

    def batch_tokens(self, meanings: Sequence[Sequence[MeaningToken]]) -> Tensor:
        """Ids of tokens with start and end, padded with -1. Shape (b, u)."""
        rows = []
        for tokens in meanings:
            ids = [self.start + 1 + t if isinstance(t, int) else self._id[t] for t in tokens]
            rows.append(torch.tensor([self.start, *ids[: MAX_TOKENS - 1], self._id[END]]))
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)

    def encode(
        self, ids: Tensor, letters: Tensor, padding: Tensor, first: Tensor, no_word: Tensor
    ) -> tuple[Tensor, ...]:
        """The memory of `decode`: pieces (b, t, width), padding, words (b, w, width), padding."""
        h = self.mln(self.proj(self.enc(ids, letters, padding)))
        words = h.gather(1, first[..., None].expand(-1, -1, h.shape[2]))
        return h, padding, words, no_word

    def decode(self, ids: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """Scores of the next token after each token. Shape (b, u, start + 1 + w)."""
        pieces, padding, words, no_word = memory
        copied = ids > self.start
        place = (ids - self.start - 1).clamp(0, words.shape[1] - 1)
        word = words.gather(1, place[..., None].expand(-1, -1, words.shape[2]))
        # a copy enters as the start token's vector plus that of the word
        known = self.tokens(ids.clamp(0, self.start))
        x = known + word * copied[..., None] + self.token_places.weight[: ids.shape[1]]
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1], dtype=torch.bool)
        h = self.decoder(self.dropout(x), pieces, tgt_mask=mask, memory_key_padding_mask=padding)
        copies = self.copy_query(h) @ words.transpose(1, 2) / math.sqrt(words.shape[2])
        copies = copies.masked_fill(no_word[:, None], _NEVER)
        start = copies.new_full((*h.shape[:2], 1), _NEVER)
        return torch.cat([h @ self.tokens.weight[: self.start].T, start, copies], dim=-1)

    def loss(
        self, texts: Sequence[Sequence[str]], meanings: Sequence[Sequence[MeaningToken]]
    ) -> Tensor:
        """Mean cross-entropy of the tokens of the meanings."""
        ids = self.batch_tokens(meanings)
        scores = self.decode(ids[:, :-1].clamp(min=0), self.encode(*self.batch_words(texts)))
        return nn.functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten(),
                                           ignore_index=-1)  # fmt: skip

    @torch.no_grad()
    def read(self, texts: Sequence[Sequence[str]]) -> list[tuple[list[MeaningToken], float]]:
        """The likeliest next token, again and again, until the end.

        Args:
            texts: Words of each text.

        Returns:
            For each text the tokens without `END`, and their probability.
        """
        memory = self.encode(*self.batch_words(texts))
        ids = torch.full((len(texts), 1), self.start)
        log_p, ended = torch.zeros(len(texts)), torch.zeros(len(texts), dtype=torch.bool)
        for _ in range(MAX_TOKENS):
            best, following = self.decode(ids, memory)[:, -1].log_softmax(-1).max(-1)
            log_p += torch.where(ended, 0.0, best)
            ids = torch.cat([ids, following[:, None]], dim=1)
            ended |= following == self._id[END]
            if ended.all():
                break
        return [
            (self._tokens_of(row), float(p))
            for row, p in zip(ids[:, 1:].tolist(), log_p.exp(), strict=True)
        ]

    def _tokens_of(self, ids: Sequence[int]) -> list[MeaningToken]:
        end = ids.index(self._id[END]) if self._id[END] in ids else len(ids)
        return [self.names[i] if i < self.start else max(0, i - self.start - 1) for i in ids[:end]]

    def save(self, folder: Path, weights: Sequence[float] = (0.0,) * len(FEATURES)) -> None:
        """Write the files that `vla_gym.language.reader_model.ReaderModel` reads.

        Args:
            folder: Is created if it is not there.
            weights: Of `vla_gym.language.plausibility.FEATURES`.
        """
        state = {k: v.detach().float() for k, v in self.state_dict().items()}
        steps, scale = int4_of(state.pop("enc.word.weight"))
        stored = {"enc.word.int4": steps[:, 0::2] | steps[:, 1::2] << 4,
                  "enc.word.scale": scale.half()}  # fmt: skip
        for name, values in state.items():
            stored[name] = values
            if values.ndim == 2 and values.numel() > _SMALL:
                row = values.abs().amax(1).clamp(min=1e-9) / 127
                stored[name] = torch.round(values / row[:, None]).to(torch.int8)
                stored[f"{name}.scale"] = row
        with replacing(folder / READER_WEIGHTS) as path:
            save_file({k: v.contiguous() for k, v in stored.items()}, path)
        replace_text(folder / READER_PIECES, "\n".join(self.pieces.pieces) + "\n")
        config = {
            "names": self.names[:-1], "heads": self.enc.shape.heads,
            "decoder_heads": self.shape.heads, "weights": list(np.round(weights, 4).tolist()),
        }  # fmt: skip
        write_json(folder / READER_CONFIG, config)


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many layers there are whose names begin so."""
    places = prefix.count(".") + 1
    return 1 + max(int(k.split(".")[places]) for k in state if k.startswith(f"{prefix}."))
