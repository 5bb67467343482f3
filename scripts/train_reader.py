"""Trains a reader of people's sentences from scratch and measures it on sentences held out.

    python scripts/train_reader.py --minutes 15      # writes docs/results/reader.json

Held out are all sentences of one writer and every sixteenth of the others. "Right" means that
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

from vla_gym.errors import VlaGymError
from vla_gym.evaluation.statistics import wilson
from vla_gym.io import write_json
from vla_gym.language.meaning_tokens import COPIED, MeaningToken, from_tokens, split_text, to_tokens
from vla_gym.language.understanding import ANSWERS, Understanding
from vla_gym.language.vocabulary import COLOURS
from vla_gym.pretraining.labelled_sentences import LabelledSentence, load
from vla_gym.pretraining.reader_network import ReaderNetwork, ReaderShape
from vla_gym.pretraining.sentence_variants import VariantMaker

HELD_OUT_WRITER, HELD_OUT_EVERY = "english-10", 16
UNREADABLE = Understanding("refuse")


@dataclass
class ReaderTraining:
    """Train and measure a reader."""

    minutes: float = 15.0
    """Time to train."""
    batch: int = 64
    """Sentences per step."""
    learning_rate: float = 1e-3
    """Highest learning rate; it falls linearly to zero."""
    english: float = 0.75
    """Share of English sentences; the other languages share the rest."""
    threads: int = 2
    """Threads of torch."""
    seed: int = 0
    """Of weights, order and variants."""
    out: Path = Path(__file__).parents[1] / "docs" / "results" / "reader.json"
    """File for the figures."""
    weights: Path | None = None
    """File for the weights (safetensors); none by default."""


def split(
    sentences: Sequence[LabelledSentence],
) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
    """Sentences to train on, and those held out."""
    held = [s.source == HELD_OUT_WRITER or i % HELD_OUT_EVERY == 0 for i, s in enumerate(sentences)]
    return ([s for s, h in zip(sentences, held, strict=True) if not h],
            [s for s, h in zip(sentences, held, strict=True) if h])  # fmt: skip


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
                found.append((from_tokens(tokens, said), p))
            except VlaGymError:
                found.append((UNREADABLE, p))
    return found


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
        act = s.meaning.answer == "act"
        right = got == s.meaning if act else got.answer != "act"
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


def main(config: ReaderTraining) -> None:
    """Train, measure, print and write."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    rng, sentences = np.random.default_rng(config.seed), load()
    train, held = split(sentences)
    english = [s for s in train if s.meaning.lang == "en"]
    others = [s for s in train if s.meaning.lang != "en"]
    network = ReaderNetwork(names_of(sentences), ReaderShape())
    average, writable = copy.deepcopy(network), frozenset(network.names)
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, (0.9, 0.98))
    variants, start, steps, told = VariantMaker(train, rng), time.monotonic(), 0, 0.0
    size = sum(p.numel() for p in network.parameters())
    print(f"{len(train)} sentences to train on, {len(held)} held out; {size:,} parameters")
    while (done := (time.monotonic() - start) / (60 * config.minutes)) < 1:
        rows = []
        for _ in range(config.batch):
            pool = english if rng.random() < config.english else others
            rows.append(example(variants, pool[rng.integers(len(pool))], writable))
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, steps / 300) * max(0.01, 1 - done)
        loss = network.loss(*zip(*rows, strict=True))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        steps += 1
        with torch.no_grad():
            for a, b in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(b, 0.005 if steps > 500 else 0.05)
        if done * config.minutes > told + 2:
            told = done * config.minutes
            print(f"{told:.0f} min, {steps * config.batch:,} variants, loss {loss.item():.3f}: "
                  f"{short(measure(average, held))}", flush=True)  # fmt: skip
    result = measure(average, held)
    print(short(result))
    figures = {
        "minutes": config.minutes, "variants": steps * config.batch, "parameters": size,
        "shape": asdict(average.shape), "trained_on": len(train), "held_out": result,
    }  # fmt: skip
    write_json(config.out, figures)
    if config.weights is not None:
        from safetensors.torch import save_file

        save_file(average.state_dict(), config.weights)


if __name__ == "__main__":
    main(tyro.cli(ReaderTraining))
