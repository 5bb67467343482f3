"""Variants of labelled sentences: the label follows the words."""

from __future__ import annotations

import numpy as np
import pytest

from vla_gym.language.meaning_notation import parse_steps, write_steps
from vla_gym.language.meaning_tokens import from_tokens, split_text, to_tokens
from vla_gym.language.understanding import Understanding
from vla_gym.language.vocabulary import finer_colours
from vla_gym.pretraining.foreign_words import COLOUR_FORMS, NOUN_FORMS
from vla_gym.pretraining.labelled_sentences import LabelledSentence, load
from vla_gym.pretraining.sentence_variants import (
    ABSENT_NOUNS,
    NOUNS,
    VariantMaker,
    VariantRates,
    plural,
)

NO_NOISE = VariantRates(joined=0, opening=0, closing=0, misspelt=0, bare=0)


def sentence(text, steps, *, lang="en", tags=("plain",)):
    return LabelledSentence(text, Understanding("act", parse_steps(steps), (), lang), tags, "test")


def maker(rates=NO_NOISE, sentences=()):
    return VariantMaker(sentences, np.random.default_rng(0), rates)


def test_colours_and_objects_change_in_text_and_label_alike():
    original = sentence("Put both red blocks in an orange bin.",
                        "sort cube{c=red,n=2} > box{c=orange}")  # fmt: skip
    draw, seen = maker(), set()
    for _ in range(300):
        text, meaning = draw.draw(original)
        seen.add(text)
        (step,) = meaning.steps
        assert step.object.count == 2 and step.target.count == 1
        for thing, form in ((step.object, plural), (step.target, str)):
            assert thing.colour in text
            names = NOUNS.get(thing.kind, (thing.kind,))
            assert any(f"{thing.colour} {form(noun)}" in text for noun in names), text
    assert len(seen) > 200
    assert any(f" {plural(noun)} " in text for text in seen for noun in ABSENT_NOUNS)
    assert any(f"{c} " in text for text in seen for c in finer_colours() if " " in c)


def test_two_things_never_become_the_same():
    original = sentence("the red cube goes on the blue brick", "stack cube{c=red} > brick{c=blue}")
    draw = maker()
    for _ in range(300):
        _, meaning = draw.draw(original)
        (step,) = meaning.steps
        assert step.object.kind != step.target.kind and step.object.colour != step.target.colour


def test_what_words_do_not_say_stays():
    draw = maker()
    known = sentence("the thing you drink from", "lift mug{c=red}", tags=("knowledge",))
    german = sentence("nimm den Fußball, der leuchtet", "lift ball{c=red}", lang="de")
    for original in (known, german):
        for _ in range(50):
            assert draw.draw(original) == (original.text, original.meaning)


def test_joined_sentences_have_the_steps_of_both():
    first, second = (
        sentence("lift the cone", "lift cone"),
        sentence("press the button", "press button"),
    )
    rates = VariantRates(colours=0, kinds=0, joined=1, opening=0, closing=0, misspelt=0, bare=0)
    text, meaning = maker(rates, (second,)).draw(first)
    assert text.startswith("lift the cone") and text.endswith("press the button")
    assert write_steps(meaning.steps) == "lift cone ; press button"


def test_typos_and_politeness_leave_the_label():
    original = sentence("lift the marvellous cylinder", "lift cylinder")
    rates = VariantRates(colours=0, kinds=0, joined=0, opening=1, closing=1, misspelt=1, bare=1)
    draw = maker(rates)
    texts = set()
    for _ in range(100):
        text, meaning = draw.draw(original)
        texts.add(text)
        assert meaning == original.meaning
    assert sum("marvellous" not in text for text in texts) > 3
    assert all(len(text) > len(original.text) for text in texts)


@pytest.mark.parametrize(("noun", "form"), [("die", "dice"), ("box", "boxes"), ("mug", "mugs")])
def test_plurals(noun, form):
    assert plural(noun) == form


def test_variants_of_all_sentences_are_meanings_that_tokens_can_say():
    sentences = load()
    draw = VariantMaker(sentences, np.random.default_rng(1))
    for s in sentences:
        text, meaning = draw.draw(s)
        assert len(list(meaning.things())) >= len(list(s.meaning.things()))
        words = split_text(text)
        assert from_tokens(to_tokens(meaning, words), words) == meaning


def test_the_same_seed_draws_the_same_variants():
    sentences = load()[:200]
    one, two = (VariantMaker(sentences, np.random.default_rng(3)) for _ in range(2))
    assert [one.draw(s) for s in sentences] == [two.draw(s) for s in sentences]


@pytest.mark.parametrize(
    ("lang", "text", "steps"),
    [
        ("de", "Leg den roten Ball in die Schale.", "put ball{c=red} > bowl"),
        ("es", "no toques la taza roja", "lift mug{c=red}"),
        ("zh", "把红色的球放进碗里", "put ball{c=red} > bowl"),
        ("ja", "赤いボールを皿に置いて", "put ball{c=red} > plate"),
    ],
)
def test_colours_and_nouns_of_other_languages_change_with_the_label(lang, text, steps):
    original, draw, seen = sentence(text, steps, lang=lang), maker(), set()
    forms, nouns = COLOUR_FORMS[lang], NOUN_FORMS[lang]
    for _ in range(100):
        new, meaning = draw.draw(original)
        (step,) = meaning.steps
        assert any(form in new for form in forms[step.object.colour])
        said = [word for kind, words in nouns if kind == step.object.kind for word in words]
        assert any(word in new for word in said)
        seen.add((step.object.kind, step.object.colour))
    assert len(seen) > 20
