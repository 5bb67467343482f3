"""Texts as words and meanings as tokens over them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from vla_gym.errors import InstructionError, VlaGymError
from vla_gym.language.meaning_tokens import (
    MAX_WORDS,
    N_NGRAMS,
    from_tokens,
    ngram_ids,
    split_text,
    to_tokens,
)
from vla_gym.pretraining.labelled_sentences import load


@pytest.fixture(scope="module")
def sentences():
    return load()


def test_text_becomes_words_numbers_marks_and_characters():
    assert split_text("Don\u2019t touch 2 cups!") == ["don't", "touch", "2", "cups", "!"]
    assert split_text("红色的cube") == ["红", "色", "的", "cube"]
    assert split_text("\uff30\uff35\uff34\n\tit") == ["put", "it"]
    assert split_text("") == [] and len(split_text("a " * 100_000)) == MAX_WORDS


def test_every_meaning_comes_back_from_its_tokens(sentences):
    for s in sentences:
        words = split_text(s.text)
        assert from_tokens(to_tokens(s.meaning, words), words) == s.meaning, s.text


def test_unknown_nouns_and_rare_colours_are_copied(sentences):
    words = split_text("Take all the bananas, not the sea green spoon.")
    tokens = ["lang:en", "answer:act", "skill:lift", "kind:-s", 3, "count:all", "avoid",
              "kind:=", 9, "colour:=", 7, 8]  # fmt: skip
    meaning = from_tokens(tokens, words)
    assert meaning.steps[0].object.kind == "banana" and meaning.avoid[0].colour == "sea green"
    assert to_tokens(meaning, words) == tokens
    names = {t for s in sentences for t in to_tokens(s.meaning, split_text(s.text))
             if isinstance(t, str)}  # fmt: skip
    assert len(names) < 300


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        ["answer:act"],
        ["lang:en", "answer:act"],
        ["lang:en", "answer:act", "skill:lift"],
        ["lang:en", "answer:act", "skill:lift", "kind:=", 5],
        ["lang:en", "answer:act", "skill:lift", "kind:="],
        ["lang:en", "answer:act", "skill:lift", "kind:cube", "size:large", "colour:red"],
        ["lang:en", "answer:act", "skill:lift", "kind:cube", "count:many"],
        ["lang:en", "answer:act", "skill:lift", "kind:cube", "lang:en"],
        ["lang:en", "answer:refuse", 0],
        ["lang:en", "answer:act", "skill:lift", *["kind:cube", "ref"] * 50, "kind:cube"],
    ],
)
def test_tokens_out_of_order_are_an_error_of_the_package(tokens):
    with pytest.raises(VlaGymError):
        from_tokens(tokens, ["lift", "it"])


def test_random_tokens_give_a_meaning_or_an_error_of_the_package(sentences):
    rng = random.Random(0)
    pieces = [t for s in sentences[::50] for t in to_tokens(s.meaning, split_text(s.text))]
    good = 0
    for _ in range(3000):
        start = ["lang:en", "answer:act", "skill:lift"][: rng.randrange(4)]
        try:
            from_tokens(start + rng.choices(pieces, k=rng.randrange(6)), ["lift", "it"])
            good += 1
        except VlaGymError:
            pass
    assert good > 0


def test_a_missing_copy_is_named():
    with pytest.raises(InstructionError, match="word 5"):
        from_tokens(["lang:en", "answer:act", "skill:lift", "kind:=", 5], ["lift", "it"])


def test_pieces_of_a_word_survive_a_typo():
    ids = ngram_ids(["cylinder", "cylindr", "mug"], 2**14)
    assert ids.shape == (3, N_NGRAMS) and ids.max() < 2**14
    sets = [set(row[row > 0].tolist()) for row in ids]
    assert len(sets[0] & sets[1]) > 8 and not sets[0] & sets[2]
    one, two = (ngram_ids(list(text), 2**14) for text in ("红色", "红光"))
    assert one[0, 0] == two[0, 0] and not np.array_equal(one[0], two[0])
