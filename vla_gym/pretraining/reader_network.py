"""A small transformer that reads a text and writes its meaning, token by token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vla_gym.language.meaning_tokens import MAX_WORDS, N_NGRAMS, MeaningToken, ngram_ids

END = "end"
"""Last token of a meaning."""
MAX_TOKENS = 96
"""Longest meaning that is written [tokens]."""
_NEVER = -1e9


@dataclass(frozen=True)
class ReaderShape:
    """Size of a `ReaderNetwork`."""

    n_ids: int = 2**14
    """Number of ids for hashed pieces of words."""
    width: int = 160
    heads: int = 4
    encoder_layers: int = 3
    decoder_layers: int = 2
    hidden: int = 480
    """Width inside the feed-forward layers."""
    dropout: float = 0.1


class ReaderNetwork(nn.Module):
    """Words in, meaning tokens out; a token is one of the names, or a copy of one of the words.

    Ids of tokens: 0 to k - 1 for the names, k for the start, k + 1 + i for a copy of word i.

    Args:
        names: All tokens but copies and `END`.
        shape: Size.
    """

    def __init__(self, names: Sequence[str], shape: ReaderShape | None = None) -> None:
        super().__init__()
        s = self.shape = shape or ReaderShape()
        self.names = (*names, END)
        self.start = len(self.names)
        self._id = {name: i for i, name in enumerate(self.names)}
        self.pieces = nn.EmbeddingBag(s.n_ids, s.width, mode="mean", padding_idx=0)
        self.places = nn.Embedding(MAX_WORDS, s.width)
        self.tokens = nn.Embedding(self.start + 1, s.width)
        self.token_places = nn.Embedding(MAX_TOKENS + 1, s.width)
        for table, scale in ((self.pieces, 0.25), (self.places, 0.02), (self.tokens, 0.02),
                             (self.token_places, 0.02)):  # fmt: skip
            nn.init.normal_(table.weight, 0.0, scale)
        layer = nn.TransformerEncoderLayer(
            s.width, s.heads, s.hidden, s.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, s.encoder_layers, nn.LayerNorm(s.width), enable_nested_tensor=False
        )
        decoder_layer = nn.TransformerDecoderLayer(
            s.width, s.heads, s.hidden, s.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(decoder_layer, s.decoder_layers, nn.LayerNorm(s.width))
        self.copy_query = nn.Linear(s.width, s.width)
        self.dropout = nn.Dropout(s.dropout)

    def batch_words(self, texts: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
        """Pieces (b, t, `N_NGRAMS`) of b texts' words, and which places are padding (b, t)."""
        longest = max(1, *map(len, texts))
        pieces = torch.zeros(len(texts), longest, N_NGRAMS, dtype=torch.long)
        padding = torch.ones(len(texts), longest, dtype=torch.bool)
        for row, words in enumerate(texts):
            pieces[row, : len(words)] = torch.from_numpy(ngram_ids(words, self.shape.n_ids))
            padding[row, : max(1, len(words))] = False
        return pieces, padding

    def batch_tokens(self, meanings: Sequence[Sequence[MeaningToken]]) -> Tensor:
        """Ids of tokens with start and end, padded with -1. Shape (b, u)."""
        rows = []
        for tokens in meanings:
            ids = [self.start + 1 + t if isinstance(t, int) else self._id[t] for t in tokens]
            rows.append(torch.tensor([self.start, *ids[: MAX_TOKENS - 1], self._id[END]]))
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)

    def encode(self, pieces: Tensor, padding: Tensor) -> Tensor:
        """Words as vectors. Shape (b, t, width)."""
        b, t, _ = pieces.shape
        words = self.pieces(pieces.reshape(b * t, -1)).view(b, t, -1)
        return self.encoder(
            self.dropout(words + self.places.weight[:t]), src_key_padding_mask=padding
        )

    def decode(self, ids: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        """Scores of the next token after each token. Shape (b, u, start + 1 + t)."""
        copied = ids > self.start
        place = (ids - self.start - 1).clamp(0, memory.shape[1] - 1)
        words = memory.gather(1, place[..., None].expand(-1, -1, memory.shape[2]))
        # a copy enters as the start token's vector plus that of the word
        known = self.tokens(ids.clamp(0, self.start))
        x = known + words * copied[..., None] + self.token_places.weight[: ids.shape[1]]
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1], dtype=torch.bool)
        h = self.decoder(self.dropout(x), memory, tgt_mask=mask, memory_key_padding_mask=padding)
        copies = self.copy_query(h) @ memory.transpose(1, 2) / math.sqrt(memory.shape[2])
        copies = copies.masked_fill(padding[:, None], _NEVER)
        start = copies.new_full((*h.shape[:2], 1), _NEVER)
        return torch.cat([h @ self.tokens.weight[: self.start].T, start, copies], dim=-1)

    def loss(
        self, texts: Sequence[Sequence[str]], meanings: Sequence[Sequence[MeaningToken]]
    ) -> Tensor:
        """Mean cross-entropy of the tokens of the meanings."""
        pieces, padding = self.batch_words(texts)
        ids = self.batch_tokens(meanings)
        scores = self.decode(ids[:, :-1].clamp(min=0), self.encode(pieces, padding), padding)
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
        pieces, padding = self.batch_words(texts)
        memory = self.encode(pieces, padding)
        ids = torch.full((len(texts), 1), self.start)
        log_p, ended = torch.zeros(len(texts)), torch.zeros(len(texts), dtype=torch.bool)
        for _ in range(MAX_TOKENS):
            best, following = self.decode(ids, memory, padding)[:, -1].log_softmax(-1).max(-1)
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
