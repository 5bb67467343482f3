"""Random variants of labelled sentences: other colours, objects, politeness, typos, two in a row.

Words of a sentence are exchanged together with the label, so that a reader learns how people build
sentences and not which object happened to be in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from numpy.random import Generator

from vla_gym.language.lexicon import ABSENT_NOUNS, NOUNS, plural
from vla_gym.language.understanding import Thing, Understanding
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, finer_colours
from vla_gym.pretraining.foreign_words import COLOUR_FORMS, NOUN_FORMS, UNSPACED
from vla_gym.pretraining.labelled_sentences import LabelledSentence

CONTAINERS = ("bowl", "plate", "tray", "box")
MOVABLE = tuple(kind for kind in NOUNS if kind not in CONTAINERS)
OPENINGS = (
    "please", "could you", "can you", "would you", "hey", "ok", "okay", "robot", "now", "just",
    "i want you to", "i need you to", "go ahead and", "hey robot could you", "kindly", "right",
    "well", "i'd like you to", "try to", "your task is to", "next", "alright", "so", "um",
)  # fmt: skip
CLOSINGS = (
    "please", "now", "for me", "thanks", "thank you", "ok", "would you", "if you can", "right away",
    "when you're ready", "pls", "carefully", "mate", "!", ".", "?",
)  # fmt: skip
JOINTS = (" and then ", ", then ", ". Then ", " after that ", ", and after that ")
"""Between two sentences that are to be done in order."""
FIXED_TAGS = frozenset(("knowledge", "metaphor", "homophone", "idiom", "correction"))
"""Sentences whose words mean something else than they say: their objects stay."""
_JOINT_PROBLEMS = frozenset(("pronoun", "negation", *FIXED_TAGS))
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class VariantRates:
    """Probability of each change."""

    colours: float = 0.8
    kinds: float = 0.7
    kinds_abroad: float = 0.4
    """Of nouns in other languages than English."""
    absent: float = 0.06
    """That the object of a single step becomes one that the table never has."""
    joined: float = 0.08
    opening: float = 0.15
    closing: float = 0.15
    misspelt: float = 0.3
    """That a sentence has typos; then an eighth of its words do."""
    bare: float = 0.3
    """That punctuation is left out."""


@dataclass
class VariantMaker:
    """Draws variants of labelled sentences.

    Args:
        sentences: Where the second half of joined sentences comes from.
        rng: Source of randomness.
        rates: Probability of each change.
    """

    sentences: Sequence[LabelledSentence]
    rng: Generator
    rates: VariantRates = field(default_factory=VariantRates)

    def __post_init__(self) -> None:
        self._fine = tuple(finer_colours())
        self._joinable = [s for s in self.sentences if _is_joinable(s)]

    def draw(self, sentence: LabelledSentence) -> tuple[str, Understanding]:
        """A variant: its text and its meaning. In other languages only colours and nouns change."""
        text, meaning, chance, rates = sentence.text, sentence.meaning, self._chance, self.rates
        if meaning.lang == "en":
            text, meaning = self._exchanged(sentence)
            if self._joinable and _is_joinable(sentence) and chance(rates.joined):
                other = self._joinable[self.rng.integers(len(self._joinable))]
                text2, second = self._exchanged(other)
                text = text.rstrip(".!? ") + self._pick(JOINTS) + text2
                meaning = replace(meaning, steps=meaning.steps + second.steps)
            if chance(rates.opening):
                text = f"{self._pick(OPENINGS)}{self._pick((' ', ', '))}{text}"
            if chance(rates.closing):
                text = f"{text.rstrip('. ')}{self._pick((' ', ', '))}{self._pick(CLOSINGS)}"
        elif meaning.lang in COLOUR_FORMS and not FIXED_TAGS.intersection(sentence.tags):
            text, meaning = self._exchanged_abroad(text, meaning)
        if chance(rates.misspelt):
            text = " ".join(self._typo(w) if chance(0.125) else w for w in text.split(" "))
        if chance(rates.bare):
            text = re.sub(r"[.,!?]", "", text)
        return text, meaning

    def _exchanged(self, sentence: LabelledSentence) -> tuple[str, Understanding]:
        text, meaning = sentence.text, sentence.meaning
        if self._chance(self.rates.colours):
            text, meaning = self._other_colours(text, meaning)
        if not FIXED_TAGS.intersection(sentence.tags) and self._chance(self.rates.kinds):
            text, meaning = self._other_kinds(text, meaning)
        return text, meaning

    def _exchanged_abroad(self, text: str, meaning: Understanding) -> tuple[str, Understanding]:
        """Colours and nouns of another language exchanged; articles stay as they are."""
        forms, lang = COLOUR_FORMS[meaning.lang], meaning.lang
        used = {c for t in meaning.things() for c in (t.colour, t.not_colour) if c}
        words: dict[str, str] = {}
        colours: dict[str, str] = {}
        for colour in sorted(used & set(forms)):
            other = self._pick(tuple(forms))
            said = any(_says(text, form, lang) for form in forms[colour])
            if (
                said
                and other not in {*used, *colours.values()}
                and self._chance(self.rates.colours)
            ):
                colours[colour] = other
                words |= dict(zip(forms[colour], forms[other], strict=True))
        kinds_used = {t.kind for t in meaning.things()}
        kinds: dict[str, str] = {}
        for kind, nouns in NOUN_FORMS[lang]:
            said_noun = next((n for n in nouns if _says(text, n, lang)), None)
            group = CONTAINERS if kind in CONTAINERS else MOVABLE
            rows = [(k, w) for k, w in NOUN_FORMS[lang] if k in group]
            other, others = rows[int(self.rng.integers(len(rows)))]
            taken = {*kinds_used, *kinds.values()}
            if (
                kind in kinds_used and kind not in kinds and said_noun and other not in taken
                and self._chance(self.rates.kinds_abroad)
            ):  # fmt: skip
                kinds[kind] = other
                words[said_noun.lower()] = self._pick(others)

        def change(thing: Thing) -> Thing:
            colour, barred = thing.colour or "", thing.not_colour or ""
            return replace(thing, kind=kinds.get(thing.kind, thing.kind),
                           colour=colours.get(colour, colour) or None,
                           not_colour=colours.get(barred, barred) or None)  # fmt: skip

        return _exchange(text, words, lang), _map_things(meaning, change)

    def _other_colours(self, text: str, meaning: Understanding) -> tuple[str, Understanding]:
        """Colour words exchanged where sentence and label say the same one."""
        things = list(meaning.things())
        negated = {t.not_colour for t in things}
        used = {c for t in things for c in (t.colour, t.not_colour) if c}
        new: dict[str, str] = {}
        for colour in sorted(c for c in used if _says(text, c)):
            # what something must not be stays a basic colour, as in the labels
            basic = colour in negated or self._chance(0.55)
            rare = tuple(COLOUR_SYNONYMS) if self._chance(0.5) else self._fine
            word = self._pick(tuple(COLOURS) if basic else rare)
            if word not in used and word not in new.values():
                new[colour] = word

        def change(thing: Thing) -> Thing:
            colour, other = thing.colour or "", thing.not_colour or ""
            return replace(thing, colour=new.get(colour, colour) or None,
                           not_colour=new.get(other, other) or None)  # fmt: skip

        return _exchange(text, new), _map_things(meaning, change)

    def _other_kinds(self, text: str, meaning: Understanding) -> tuple[str, Understanding]:
        """Nouns exchanged where one noun of the sentence stands for one kind of the label."""
        kinds = {t.kind for t in meaning.things()}
        targets = {s.target.kind for s in meaning.steps if s.target}
        new_kinds: dict[str, str] = {}
        words: dict[str, str] = {}
        for kind in sorted(kinds & set(NOUNS)):
            said = [n for n in NOUNS[kind] if _says(text, n) or _says(text, plural(n))]
            if len(said) != 1:
                continue
            group = CONTAINERS if kind in CONTAINERS else MOVABLE
            if kind == "mug" and kind in targets:
                group = (*CONTAINERS, "mug")
            if len(meaning.steps) == 1 and kind not in targets and self._chance(self.rates.absent):
                other = noun = self._pick(ABSENT_NOUNS)
            else:
                other = self._pick(group)
                noun = self._pick(NOUNS[other])
            if other != kind and (other in kinds or other in new_kinds.values()):
                continue
            new_kinds[kind] = other
            words |= {said[0]: noun, plural(said[0]): plural(noun)}
        text = _exchange(text, words)
        text = re.sub(r"\b(a)n?( [a-z])", lambda m: _article(m[1], m[2]), text, flags=re.IGNORECASE)
        return text, _map_things(meaning, lambda t: replace(t, kind=new_kinds.get(t.kind, t.kind)))

    def _typo(self, word: str) -> str:
        """A word with two letters swapped, one left out, doubled or replaced."""
        if len(word) < 4 or not (word.isascii() and word.isalpha()):
            return word
        i = int(self.rng.integers(1, len(word) - 1))
        head, letter, tail = word[:i], word[i], word[i + 1 :]
        forms = (head + tail[0] + letter + tail[1:], head + tail, head + letter * 2 + tail,
                 head + self._pick(tuple(_LETTERS)) + tail)  # fmt: skip
        return self._pick(forms)

    def _chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]


def _is_joinable(sentence: LabelledSentence) -> bool:
    meaning = sentence.meaning
    return (
        meaning.lang == "en"
        and 0 < len(meaning.steps) < 3
        and not meaning.avoid
        and not _JOINT_PROBLEMS.intersection(sentence.tags)
    )


def _says(text: str, word: str, lang: str = "en") -> bool:
    if lang in UNSPACED:
        return word in text
    return re.search(rf"\b{re.escape(word)}\b", text, flags=re.IGNORECASE) is not None


def _exchange(text: str, words: dict[str, str], lang: str = "en") -> str:
    """Exchange whole words, all at once."""
    if not words:
        return text
    edge = "" if lang in UNSPACED else r"\b"
    longest_first = sorted(map(re.escape, words), key=len, reverse=True)
    pattern = re.compile(rf"{edge}(?:{'|'.join(longest_first)}){edge}", flags=re.IGNORECASE)
    return pattern.sub(lambda m: words[m.group().lower()], text)


def _article(a: str, following: str) -> str:
    return a + ("n" if following[1].lower() in "aeiou" else "") + following


def _map_things(meaning: Understanding, change: Callable[[Thing], Thing]) -> Understanding:
    def mapped(thing: Thing) -> Thing:
        return replace(change(thing), ref=mapped(thing.ref) if thing.ref else None)

    steps = tuple(
        replace(s, object=mapped(s.object), target=mapped(s.target) if s.target else None)
        for s in meaning.steps
    )
    return replace(meaning, steps=steps, avoid=tuple(map(mapped, meaning.avoid)))
