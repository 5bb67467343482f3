"""The network that reads a text and writes its meaning, in torch and in NumPy."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from vla_gym.errors import InvalidConfigError, MissingDependencyError
from vla_gym.language.meaning_tokens import from_tokens, split_text, to_tokens
from vla_gym.language.reader_model import ReaderModel
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.language.wordpieces import WordPieces
from vla_gym.pretraining import text_encoder
from vla_gym.pretraining.reader_network import DecoderShape, ReaderNetwork
from vla_gym.pretraining.text_encoder import EncoderShape, TextEncoder, as_int4, encoder_folder

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "lift", "the", "a", "ban", "##ana", "press", "it",
          "red", "spoon", "cube", "button"]  # fmt: skip
SENTENCES = {
    "lift the banana": Understanding("act", (SkillStep("lift", Thing("banana")),)),
    "press it": Understanding("ask"),
    "lift a red spoon": Understanding("act", (SkillStep("lift", Thing("spoon", "red")),)),
    "press the red button": Understanding("act", (SkillStep("press", Thing("button", "red")),)),
}
WORDS = [split_text(text) for text in SENTENCES]
TOKENS = [to_tokens(m, w) for m, w in zip(SENTENCES.values(), WORDS, strict=True)]
NAMES = list(dict.fromkeys(t for row in TOKENS for t in row if isinstance(t, str)))
SHAPE = EncoderShape(len(PIECES), 2, 32, 2, 64)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    network = ReaderNetwork(NAMES, WordPieces(PIECES), TextEncoder(SHAPE, 0.0),
                            DecoderShape(32, 2, 2, 64, 0.0))  # fmt: skip
    with torch.no_grad():
        network.enc.word.weight.copy_(as_int4(network.enc.word.weight))
    network.enc.word.weight.requires_grad_(False)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        network.loss(WORDS, TOKENS).backward()
        optimizer.step()
    return network.eval()


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    trained.save(folder)
    return ReaderModel(folder)


def test_it_learns_and_writes_what_it_was_taught(trained):
    readings = trained.read(WORDS)
    assert [tokens for tokens, _ in readings] == TOKENS
    assert all(p > 0.8 for _, p in readings)


def test_a_text_is_read_alike_alone_and_beside_longer_ones(trained):
    alone = [trained.read([words])[0] for words in WORDS]
    together = trained.read(WORDS)
    assert [tokens for tokens, _ in alone] == [tokens for tokens, _ in together]
    assert all(abs(a[1] - b[1]) < 1e-4 for a, b in zip(alone, together, strict=True))


def test_later_tokens_do_not_change_earlier_scores(trained):
    memory = trained.encode(*trained.batch_words(WORDS[:1]))
    ids = trained.batch_tokens(TOKENS[:1])
    scores = trained.decode(ids, memory)
    ids[0, -1] = 0
    assert torch.allclose(scores[:, :-1], trained.decode(ids, memory)[:, :-1], atol=1e-6)


def test_words_that_are_not_there_are_never_copied(trained):
    scores = trained.decode(trained.batch_tokens(TOKENS).clamp(min=0),
                            trained.encode(*trained.batch_words(WORDS)))  # fmt: skip
    assert (scores[1, :, trained.start + 1 + 2 :] < -1e8).all()


def test_an_empty_text_is_read_without_an_error(trained, model):
    (reading,) = trained.read([[]])
    assert isinstance(reading[0], list)
    assert isinstance(model.read([]), list)


def test_numpy_reads_the_saved_network_as_torch_does(trained, model):
    for words, (tokens, p) in zip(WORDS, trained.read(WORDS), strict=True):
        first = model.read(words)[0]
        assert list(first.tokens) == tokens
        assert torch.tensor(first.log_p).exp().item() == pytest.approx(p, abs=0.1)


def test_a_saved_network_can_be_trained_further(trained, tmp_path):
    trained.save(tmp_path)
    again = ReaderNetwork.load(tmp_path).eval()
    for (tokens, p), (same, q) in zip(trained.read(WORDS), again.read(WORDS), strict=True):
        assert tokens == same and p == pytest.approx(q, abs=0.05)
    assert again.names == trained.names and not again.enc.word.weight.requires_grad
    again.train().loss(WORDS, TOKENS).backward()
    again.save(tmp_path / "again")
    twice = ReaderNetwork.load(tmp_path / "again").state_dict()
    for name, values in again.state_dict().items():  # nothing is lost the second time
        assert torch.allclose(values, twice[name], atol=1e-6), name


@pytest.mark.parametrize("words", [*WORDS, ["red", "red", "lift"], ["xyz"], ["spoon"] * 200])
def test_every_meaning_that_numpy_writes_can_be_read(model, words):
    found = model.read(words, width=4, sure=1.1)
    assert found == sorted(found, key=lambda c: -c.log_p)
    for candidate in found:
        from_tokens(candidate.tokens, words)
    assert len({c.tokens for c in found}) == len(found)


# ---- encoders ---------------------------------------------------------------------------------


@pytest.fixture
def bert(tmp_path):
    """A tiny BERT-like encoder as a hub has it."""
    torch.manual_seed(1)
    w, hidden = 32, 64
    config = {"vocab_size": len(PIECES), "num_hidden_layers": 2, "hidden_size": w,
              "num_attention_heads": 2, "intermediate_size": hidden}  # fmt: skip
    shapes = {"embeddings.word_embeddings.weight": (len(PIECES), w),
              "embeddings.token_type_embeddings.weight": (2, w),
              "embeddings.position_embeddings.weight": (512, w),
              "embeddings.LayerNorm.weight": (w,), "embeddings.LayerNorm.bias": (w,)}  # fmt: skip
    for i in range(2):
        for part, n, m in (
            ("attention.self.query", w, w),
            ("attention.self.key", w, w),
            ("attention.self.value", w, w),
            ("attention.output.dense", w, w),
            ("intermediate.dense", hidden, w),
            ("output.dense", w, hidden),
        ):
            shapes[f"encoder.layer.{i}.{part}.weight"] = (n, m)
            shapes[f"encoder.layer.{i}.{part}.bias"] = (n,)
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{i}.{part}.weight"] = (w,)
            shapes[f"encoder.layer.{i}.{part}.bias"] = (w,)
    save_file({k: torch.randn(s) * 0.3 for k, s in shapes.items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return tmp_path


def test_a_pretrained_encoder_is_taken_over_from_a_folder(bert):
    encoder = TextEncoder.pretrained(encoder_folder(str(bert)), 0.0).eval()
    assert encoder.shape == EncoderShape(len(PIECES), 2, 32, 2, 64)
    ids = torch.tensor([[2, 4, 5, 3]])
    out = encoder(ids, torch.zeros(1, 4, 3, dtype=torch.long), torch.zeros(1, 4, dtype=torch.bool))
    assert out.shape == (1, 4, 32) and torch.isfinite(out).all()
    assert not encoder.word.weight.requires_grad


def test_four_bits_keep_a_table_within_a_fifteenth_of_its_range():
    table = torch.randn(10, 64)
    again = as_int4(as_int4(table))
    assert torch.equal(again, as_int4(table))
    limit = table.abs().view(10, 2, 32).amax(-1).repeat_interleave(32, 1) / 7.5
    assert ((again - table).abs() <= 0.52 * limit).all()


def test_an_encoder_that_is_not_there_is_named_with_the_remedy(tmp_path, monkeypatch):
    with pytest.raises(InvalidConfigError, match=r"config\.json, model\.safetensors, vocab\.txt"):
        encoder_folder(str(tmp_path))
    monkeypatch.setattr(text_encoder, "WHEEL", "no_such_wheel")
    with pytest.raises(MissingDependencyError, match="pip install no-such-wheel"):
        encoder_folder("wheel")
