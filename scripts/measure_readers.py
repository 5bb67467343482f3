"""Compares readers of people's sentences on those that are only used to choose by.

    python scripts/measure_readers.py                                  # the embedded one
    python scripts/measure_readers.py --folder DIR --name scratch      # one from train_reader.py
    python scripts/measure_readers.py --local --sample 100             # llama.cpp, a small model
    python scripts/measure_readers.py --model.name M --model.base-url http://localhost:11434/v1

Writes docs/results/readers.json; readers that are not measured keep their figures. "Understood" is
what is acted on as labelled; of sentences to refuse or ask back, that they are not acted on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro
from measure_language import load_figures
from train_reader import VALIDATION, is_right, settled

from vla_gym.cli.language_model import ServedModel, make_client
from vla_gym.io import write_json
from vla_gym.language.reader_model import ReaderModel
from vla_gym.language.reading import learnt_meaning, normalised, understand
from vla_gym.language.understanding import Understanding
from vla_gym.pretraining.labelled_sentences import load

OUT = Path(__file__).parents[1] / "docs" / "results" / "readers.json"


@dataclass
class ReaderComparison:
    """Measure one reader."""

    name: str = ""
    """Name of its row; by default that of the model."""
    folder: Path | None = None
    """A reader that scripts/train_reader.py has saved."""
    local: bool = False
    """Start llama.cpp with the small model of a package."""
    model: ServedModel = field(default_factory=ServedModel)
    """A language model behind a server."""
    sample: int = 0
    """Sentences drawn at random; 0 takes all."""
    seed: int = 0
    """Of the sample."""
    out: Path = OUT
    """File for the figures."""


def main(config: ReaderComparison) -> None:
    """Read every sentence, count, write."""
    sentences = [s for s in load(VALIDATION) if s.source == "mixed"]
    if config.sample:
        order = np.random.default_rng(config.seed).permutation(len(sentences))
        sentences = [sentences[i] for i in order[: config.sample]]
    read, name, close = reader(config)
    counts: dict[str, Counter[str]] = {}
    try:
        for k, sentence in enumerate(sentences, 1):
            got, act = read(sentence.text), settled(sentence.meaning).answer == "act"
            right = is_right(sentence.meaning, got)
            language = "English" if sentence.meaning.lang == "en" else "other languages"
            group = counts.setdefault(f"{language}: {'act' if act else 'refuse or ask'}", Counter())
            misread = not right and got.answer == "act"
            group["right" if right else "misread" if misread else "not acted on"] += 1
            if k % 50 == 0:
                print(f"{k} of {len(sentences)}: {counts}", flush=True)
    finally:
        close()
    figures = load_figures(config.out)
    figures[config.name or name] = {
        "groups": {name: {**c, "n": c.total()} for name, c in counts.items()},
        "n": len(sentences), "misread": sum(c["misread"] for c in counts.values()),
    }  # fmt: skip
    print(figures[config.name or name])
    write_json(config.out, figures)


def reader(
    config: ReaderComparison,
) -> tuple[Callable[[str], Understanding], str, Callable[[], None]]:
    """What reads a text, its name, and a function that frees it."""
    if config.folder is not None:
        model = ReaderModel(config.folder)
        return lambda text: learnt_meaning(normalised(text), model), config.folder.name, _nothing
    if not config.local and not config.model.name:
        return understand, "embedded", _nothing
    from vla_gym.planner.llm_reader import LanguageModelReader

    client, close = make_client(config.model, config.local)
    return LanguageModelReader(client).understand, client.settings.model, close


def _nothing() -> None:
    """Nothing to free."""


if __name__ == "__main__":
    main(tyro.cli(ReaderComparison))
