"""The script that trains a reader: what it holds out and what it counts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import train_reader

from vla_gym.language.meaning_tokens import from_tokens, split_text, to_tokens
from vla_gym.pretraining.labelled_sentences import load
from vla_gym.pretraining.sentence_variants import VariantMaker, VariantRates


@pytest.fixture(scope="module")
def sentences():
    return load()


class Double:
    """Answers with the labels of the sentences it knows and stays silent on the others."""

    def __init__(self, sentences):
        self.known = {tuple(w): to_tokens(s.meaning, w) for s in sentences
                      for w in [split_text(s.text)]}  # fmt: skip

    def read(self, texts):
        return [(self.known.get(tuple(words), []), 0.5) for words in texts]

    def eval(self):
        """As of a network."""

    train = eval


def test_one_writer_and_the_validation_folder_are_held_out(sentences):
    train, held = train_reader.split(sentences)
    assert len(train) + len(held) == len(sentences) and len(held) == 200
    assert {s.source for s in held} == {train_reader.HELD_OUT_WRITER}
    validation = load(train_reader.VALIDATION)
    assert len(validation) > 500
    known = {s.text.casefold() for s in sentences}
    assert not known & {s.text.casefold() for s in validation}


def test_right_misread_and_not_acted_on_are_counted(sentences):
    held = load(train_reader.VALIDATION)
    result = train_reader.measure(Double(held), held)
    assert all(group["right"] == group["n"] for group in result.values())
    acts = [s for s in held if s.meaning.answer == "act"]
    others = [s for s in held if s.meaning.answer != "act"]
    silent = train_reader.measure(Double([]), held)
    group = silent["English: act"]
    assert group["not acted on"] == group["n"] and group["misread"] == group["right"] == 0
    refused = silent["English: refuse or ask"]
    assert refused["right"] == refused["n"]
    wrong = Double(acts)
    wrong.known = dict(zip(wrong.known, [*list(wrong.known.values())[1:], []], strict=True))
    group = train_reader.measure(wrong, acts)["English: act"]
    assert group["misread"] > 0.8 * group["n"]
    assert len(others) + len(acts) == len(held)


def test_every_name_of_a_label_can_be_written(sentences):
    names = set(train_reader.names_of(sentences))
    assert {"skill:put", "kind:cube", "colour:red", "target", "avoid", "ref"} <= names
    assert {"kind:-s", "kind:-es", "not_colour:cyan"} <= names


def test_labels_of_examples_are_whole(sentences):
    """Also where a typo hides the word that the label would copy."""
    names = frozenset(train_reader.names_of(sentences))
    draw = VariantMaker(sentences, np.random.default_rng(0), VariantRates(absent=0.5, misspelt=1))
    hidden = 0
    for s in sentences[:1500]:
        text, meaning = draw.draw(s)
        hidden += not names.issuperset(
            t for t in to_tokens(meaning, split_text(text)) if isinstance(t, str)
        )
        words, tokens = train_reader.example(draw, s, names)
        from_tokens(tokens, words)
        assert all(isinstance(t, int) or t in names for t in tokens)
    assert hidden > 0
