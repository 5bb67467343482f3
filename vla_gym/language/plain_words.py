"""Sentences in the package's own plain words, read exactly: what `canonical.say` has written.

Questions back offer meanings in these words, so they can be answered with one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vla_gym.errors import VlaGymError
from vla_gym.language.canonical import (
    BUT_NOT,
    NUMBER_WORDS,
    ONE_THING_STEPS,
    RELATION_WORDS,
    THEN,
    say,
    say_thing,
    step_words,
)
from vla_gym.language.lexicon import plural
from vla_gym.language.meaning_order import RELATIVE
from vla_gym.language.plausibility import FLAT_TOPS
from vla_gym.language.referents import is_known_colour
from vla_gym.language.understanding import (
    PICKS,
    SIDES,
    TWO_THING_SKILLS,
    SkillStep,
    Thing,
    Understanding,
)
from vla_gym.language.vocabulary import KIND_NOUNS
from vla_gym.world.object_kind import SIZES

_THAT = re.compile(r" that (?:is|are) ")
_KINDS = {names[0]: kind for kind, names in KIND_NOUNS.items()} | {"thing": "any"}
_PLURALS = {plural(noun): kind for noun, kind in _KINDS.items()}
_COUNTS = {word: count for count, word in NUMBER_WORDS.items()}
_ALONE = tuple(pick for pick in PICKS if pick not in RELATIVE)

_USUAL_OBJECTS = {
    "press": ("button", "any"), "open": ("drawer", "any"), "close": ("drawer", "any"),
}  # fmt: skip
_USUAL_TARGETS = {
    "put": ("bowl", "plate", "tray", "box", "mug", "drawer", "shelf", "mat", "any"),
    "sort": ("bowl", "plate", "tray", "box", "mug", "drawer", "mat", "any"),
    "stack": (*FLAT_TOPS, "box", "ball", "star", "any"),
    "slide": ("mat", "any"),
}


def read_plain(text: str) -> Understanding | None:
    """The meaning of a sentence that `vla_gym.language.canonical.say` could have written.

    Args:
        text: Any text.

    Returns:
        The meaning; None for all other sentences.
    """
    if not text.startswith(_VERBS):
        return None
    steps_said, _, avoided = text.partition(BUT_NOT)
    steps = [_step(part) for part in steps_said.split(THEN)]
    avoid = [_thing(part) for part in avoided.split(" and ")] if avoided else []
    if None in steps or None in avoid or any(is_odd(step) for step in steps if step):
        return None
    meaning = Understanding("act", tuple(steps), tuple(avoid))  # type: ignore[arg-type]
    return meaning if say(meaning) == text else None


def is_odd(step: SkillStep) -> bool:
    """Whether a skill is asked for with a thing that it is not for."""
    usual = _USUAL_OBJECTS.get(step.skill)
    target = _USUAL_TARGETS.get(step.skill)
    return (usual is not None and step.object.kind not in usual) or (
        target is not None and step.target is not None and step.target.kind not in target
    )


def _step(text: str) -> SkillStep | None:
    for skill, form in ONE_THING_STEPS.items():
        before, after = form.split("{}")
        if text.startswith(before) and text.endswith(after):
            thing = _thing(text[len(before) : len(text) - len(after)])
            if thing is not None:
                return SkillStep(skill, thing)
    for step in _bringing(text):
        if step_words(step, say_thing(step.object), say_thing(step.target)) == text:  # type: ignore[arg-type]
            return step
    return None


def _bringing(text: str) -> Iterator[SkillStep]:
    """Steps with a target that the words may mean, wherever object and target are parted."""
    rest = text.partition(" ")[2]
    for match in re.finditer(r" (?=the |all |every)", rest):
        before = rest[: match.start()].split(" ")
        target = _thing(rest[match.end() :])
        if target is None:
            continue
        for words in range(1, 4):  # of the preposition
            thing = _thing(" ".join(before[:-words]))
            if thing is None:
                continue
            # of a group, "put" means sort; only on a shelf are things put one by one
            sorted_ = thing.count != 1 and target.kind != "shelf"
            for skill in TWO_THING_SKILLS:
                if skill == ("put" if sorted_ else "sort"):
                    continue
                for side in SIDES if skill == "beside" else (None,):
                    yield SkillStep(skill, thing, target, side)


def _thing(text: str) -> Thing | None:
    head, *rest = _THAT.split(text, maxsplit=1)
    if not rest:
        return _bare(head)
    more = rest[0]
    if more.startswith("not "):
        colour, *further = _THAT.split(more.removeprefix("not "), maxsplit=1)
        thing, more = _bare(head, not_colour=colour), "".join(further)
        if not further or thing is None:
            return thing
    else:
        thing = _bare(head)
    if thing is None:
        return None
    for pick, words in RELATION_WORDS.items():
        ref = _thing(more.removeprefix(f"{words} ")) if more.startswith(f"{words} ") else None
        if ref is not None:
            try:
                return Thing(thing.kind, thing.colour, thing.size, thing.count, pick, ref,
                             thing.not_colour)  # fmt: skip
            except VlaGymError:  # too long a chain
                return None
    return None


def _bare(text: str, not_colour: str | None = None) -> Thing | None:
    """A thing without relations: article, number, pick, size, colour, noun."""
    words = text.split(" ")
    count: int | str = 1
    if words[0] == "everything":
        count, words = "all", [*words[1:], "thing"]
    elif words[:2] == ["all", "the"]:
        count, words = "all", words[2:]
    elif words[0] == "the":
        words = words[1:]
        if words and words[0] in _COUNTS:
            count, words = _COUNTS[words[0]], words[1:]
    else:
        return None
    pick = words.pop(0) if words and words[0] in _ALONE else None
    size = words.pop(0) if words and words[0] in SIZES else None
    if not words:
        return None
    *colour, noun = words
    kind = _KINDS.get(noun) if count == 1 or words == ["thing"] else _PLURALS.get(noun)
    kind = kind or (_KINDS.get(noun) if count == "all" else None)
    if kind is None or (colour and not is_known_colour(" ".join(colour))):
        return None
    return Thing(kind, " ".join(colour) or None, size, count, pick, None, not_colour)


_VERBS = tuple(
    {form.split("{}")[0] for form in ONE_THING_STEPS.values()}
    | {"put ", "push ", "slide ", "stack "}
)
