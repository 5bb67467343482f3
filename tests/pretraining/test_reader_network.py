"""The network that reads a text and writes its meaning."""

from __future__ import annotations

import pytest
import torch

from vla_gym.pretraining.reader_network import ReaderNetwork, ReaderShape

NAMES = ("lift", "press", "kind:=", "red")
TEXTS = (["lift", "the", "banana"], ["press", "it"], ["lift", "a", "red", "spoon"])
MEANINGS = (["lift", "kind:=", 2], ["press"], ["lift", "kind:=", 3, "red"])


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    network = ReaderNetwork(NAMES, ReaderShape(2**10, 32, 2, 1, 1, 64, 0.0))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        network.loss(TEXTS, MEANINGS).backward()
        optimizer.step()
    return network.eval()


def test_it_learns_and_writes_what_it_was_taught(trained):
    readings = trained.read(TEXTS)
    assert [tokens for tokens, _ in readings] == list(MEANINGS)
    assert all(p > 0.8 for _, p in readings)


def test_a_text_is_read_alike_alone_and_beside_longer_ones(trained):
    alone = [trained.read([text])[0] for text in TEXTS]
    together = trained.read(TEXTS)
    assert [tokens for tokens, _ in alone] == [tokens for tokens, _ in together]
    assert all(abs(a[1] - b[1]) < 1e-4 for a, b in zip(alone, together, strict=True))


def test_later_tokens_do_not_change_earlier_scores(trained):
    pieces, padding = trained.batch_words(TEXTS[:1])
    memory = trained.encode(pieces, padding)
    ids = trained.batch_tokens(MEANINGS[:1])
    scores = trained.decode(ids, memory, padding)
    ids[0, -1] = 0
    assert torch.allclose(scores[:, :-1], trained.decode(ids, memory, padding)[:, :-1], atol=1e-6)


def test_words_that_are_not_there_are_never_copied(trained):
    pieces, padding = trained.batch_words(TEXTS)
    scores = trained.decode(trained.batch_tokens(MEANINGS).clamp(min=0),
                            trained.encode(pieces, padding), padding)  # fmt: skip
    assert (scores[1, :, trained.start + 1 + 2 :] < -1e8).all()


def test_an_empty_text_is_read_without_an_error(trained):
    (reading,) = trained.read([[]])
    assert isinstance(reading[0], list)
