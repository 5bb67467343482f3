"""`understand`: what a person's sentence asks for."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from vla_gym.errors import InstructionError, VlaGymError
from vla_gym.language.canonical import say
from vla_gym.language.in_scene import in_scene
from vla_gym.language.lexicon import ABSENT_NOUNS
from vla_gym.language.meaning_tokens import from_tokens, split_text
from vla_gym.language.noun_phrases import SceneObjects
from vla_gym.language.plain_words import read_plain
from vla_gym.language.plausibility import Judged, judge
from vla_gym.language.reader_model import Candidate, ReaderModel, reader_model
from vla_gym.language.referents import is_known_colour, is_known_kind
from vla_gym.language.spelling import corrected, known_words, nearest_words
from vla_gym.language.tongues import (
    OTHER_TONGUES,
    TONGUES,
    is_read_script,
    known_tongues,
    script_of,
)
from vla_gym.language.understanding import Thing, Understanding
from vla_gym.world.objects import KINDS

LONGEST_TEXT, LONGEST_REQUEST = 2_000, 120
"""Longer texts are not read: no one sentence is that long."""
ACT_FROM = 0.85
"""Probability of the best meaning from which it is acted on."""
_SHOWN = 60
"""Characters of a text that messages quote."""
_OFFERED = 110
"""Characters of a meaning that questions offer, to be answered with."""
_FURNITURE = ("line", "cabinet")
"""Kinds that stand on the table but are not asked for."""
_SPACE = re.compile(r"\s+")

ExactReader = Callable[[str], "Understanding | None"]
_EXACT: list[ExactReader] = []


def add_exact_reader(reader: ExactReader) -> None:
    """Let a function read texts before the learnt reader does; it returns None for others."""
    if reader not in _EXACT:
        _EXACT.append(reader)


def understand(text: str, scene: SceneObjects | None = None) -> Understanding:
    """Read a person's sentence.

    Args:
        text: What was typed or said, in any of `vla_gym.language.tongues.TONGUES`.
        scene: The objects that it is about; of an episode e they are ``e.binding.seen(e.pos)``.
            None if it is not known yet: `vla_gym.language.in_scene.needed` says what it has to
            have.

    Returns:
        The meaning. Its answer is "refuse" or "ask" where the sentence asks for nothing that the
        arm can do, or where its meaning is not sure, or where it fits no object of the scene or
        several; `reason` says why.

    Raises:
        InstructionError: If it is not a text.
    """
    if not isinstance(text, str):
        raise InstructionError(f"An instruction is a text, not {type(text).__name__}.")
    meaning = _understand(normalised(text[: 2 * LONGEST_TEXT]))
    return meaning if scene is None or meaning.answer != "act" else in_scene(meaning, scene)


def normalised(text: str) -> str:
    """A text in Unicode's compatible form, on one line, without control characters."""
    text = unicodedata.normalize("NFKC", text)
    kept = (" " if c.isspace() or unicodedata.category(c)[0] == "C" else c for c in text)
    return _SPACE.sub(" ", "".join(kept)).strip()


def quoted(text: str, shown: int = _SHOWN) -> str:
    """A text in quotes for a message, cut in the middle if it has more than `shown` characters."""
    if len(text) > shown:
        text = f"{text[: shown // 2]} … {text[-shown // 2 :]}"
    return f"'{text}'"


@functools.lru_cache(maxsize=4096)
def _understand(text: str) -> Understanding:
    script = script_of(text)
    if script is None:
        return Understanding("refuse", reason="There is no word in it.")
    if not is_read_script(script):
        return Understanding(
            "refuse", lang="und",
            reason=f"Text in {script.title()} letters is not read; say it in {known_tongues()}.",
        )  # fmt: skip
    words = split_text(text)
    if len(text) > LONGEST_TEXT or len(words) > LONGEST_REQUEST:
        return Understanding(
            "refuse",
            reason=f"{quoted(text)} is too long to be one request; say it in {LONGEST_REQUEST}"
            " words.",
        )
    for reader in (*_EXACT, read_plain):
        exact = reader(text)
        if exact is not None:
            return exact
    return learnt_meaning(text)


def learnt_meaning(text: str, model: ReaderModel | None = None) -> Understanding:
    """What a network reads, its meanings weighed against the words.

    Args:
        text: As `normalised`.
        model: The network; None for the one that comes with the package.
    """
    model, words = model or reader_model(), split_text(text)
    judged = _judged(model, words)
    fixed, changed = corrected(words, model.pieces)
    if changed and (not judged or judged[0].meaning.lang == "en"):
        judged = _judged(model, fixed) or judged
    else:
        changed = {}
    return settled(judged, text, changed)


def settled(
    judged: Sequence[Judged], text: str, corrections: Mapping[str, str] | None = None
) -> Understanding:
    """What is done about a text: its best meaning, or why that is not acted on.

    Args:
        judged: The meanings that it may have, the most probable first.
        text: As it was said.
        corrections: Words that were taken for others.
    """
    if not judged:
        return Understanding("ask", reason=f"The meaning of {quoted(text)} was not found.")
    best, changed = judged[0], tuple((corrections or {}).items())
    meaning = replace(best.meaning, confidence=best.probability, corrections=changed)
    problem = _problem(meaning, judged, text)
    return meaning if not problem else replace(meaning, steps=(), avoid=(), **problem)


def meanings_of(model: ReaderModel, words: Sequence[str]) -> list[tuple[Understanding, Candidate]]:
    """The meanings that a network finds in words, likeliest first, with its account of each."""
    found = []
    for candidate in model.read(words):
        try:
            found.append((from_tokens(candidate.tokens, words), candidate))
        except VlaGymError:  # for instance too long a chain of things that refer to one another
            continue
    return found


def _judged(model: ReaderModel, words: Sequence[str]) -> list[Judged]:
    return judge(meanings_of(model, words), model.weights)


def _problem(meaning: Understanding, judged: Sequence[Judged], text: str) -> dict[str, str]:
    """Answer and reason where a meaning is not to be acted on; nothing where it is."""
    if meaning.lang not in TONGUES:
        name = OTHER_TONGUES.get(meaning.lang, "another language")
        reason = f"This looks like {name}, which is not read; say it in {known_tongues()}."
        return {"answer": "refuse", "reason": reason}
    if meaning.answer == "ask":
        return {"answer": "ask", "reason": _what_is_open(judged, text)}
    if meaning.answer == "refuse":
        reason = f"{quoted(text)} asks for nothing that an arm at a table can or should do."
        return {"answer": "refuse", "reason": reason}
    for step in meaning.steps:
        for thing in (*step.object.chain(), *(step.target.chain() if step.target else ())):
            problem = _unknown(thing)
            if problem:
                return problem
    if meaning.confidence < ACT_FROM:
        return {"answer": "ask", "reason": _what_is_open(judged, text)}
    return {}


def _unknown(thing: Thing) -> dict[str, str]:
    """Answer and reason for a thing with a noun or a colour that the table does not have."""
    if not is_known_kind(thing.kind):
        if all(
            word in reader_model().pieces or word in ABSENT_NOUNS for word in thing.kind.split()
        ):
            kinds = ", ".join(kind for kind in KINDS if kind not in _FURNITURE)
            reason = f"No {quoted(thing.kind)} is ever on this table; there are: {kinds}."
            return {"answer": "refuse", "reason": reason}
        return {"answer": "ask", "reason": _unknown_word(thing.kind, "thing")}
    if thing.colour and not is_known_colour(thing.colour):
        return {"answer": "ask", "reason": _unknown_word(thing.colour, "colour")}
    return {}


def _unknown_word(word: str, sort: str) -> str:
    near = [name for name, _ in nearest_words(word)]
    hint = f" Did you mean {' or '.join(near)}?" if near else " Say it in another word."
    known = "is no word that is known here" if sort == "word" else f"is not known as a {sort}"
    return f"{quoted(word)} {known}.{hint}"


def _what_is_open(judged: Sequence[Judged], text: str) -> str:
    """The meanings that come to mind, as a question."""
    known = (reader_model().pieces, known_words())
    words = (w for w in split_text(text) if w.isalpha() and w.isascii())
    unknown = next((w for w in words if not any(w in some for some in known)), None)
    lead = f"{_unknown_word(unknown, 'word')} " if unknown else ""
    said = dict.fromkeys(say(j.meaning) for j in judged if j.meaning.answer == "act")
    options = [quoted(option, _OFFERED) for option in said if option][:2]
    if options:
        return f"{lead}Not sure what {quoted(text)} means: {' or '.join(options)}?"
    remedy = "name the thing and, if it moves, the place"
    return f"{lead}{quoted(text)} leaves open what is meant: {remedy}."
