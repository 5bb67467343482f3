"""A meaning in plain, canonical English: what the robot has understood, step by step."""

from __future__ import annotations

from dataclasses import replace

from vla_gym.language.lexicon import plural
from vla_gym.language.meaning_order import RELATIVE
from vla_gym.language.relations import SIDE_WORDS, preposition_for
from vla_gym.language.understanding import SkillStep, Thing, Understanding
from vla_gym.language.vocabulary import KIND_NOUNS

_SUPERLATIVE_PICKS = (
    "leftmost",
    "rightmost",
    "nearest",
    "farthest",
    "biggest",
    "smallest",
    "other",
)
RELATION_WORDS = {
    "same_colour_as": "of the same colour as", "near": "next to", "left_of": "left of",
    "right_of": "right of", "in_front_of": "in front of", "behind": "behind", "in": "in",
    "on": "on", "nearest": "nearest to", "farthest": "farthest from", "other": "other than",
}  # fmt: skip
"""Pick -> the words before the thing that it refers to."""
THEN, BUT_NOT = ", then ", " but do not touch "
"""What stands between steps, and before what is to be left alone."""
ONE_THING_STEPS = {
    "reach": "reach {}", "lift": "pick up {}", "upright": "stand {} up", "open": "open {}",
    "close": "close {}", "press": "press {}",
}  # fmt: skip


def say_thing(thing: Thing) -> str:
    """A noun phrase, such as "the small red cube that is in the tray" or "all the white balls"."""
    noun = KIND_NOUNS[thing.kind][0] if thing.kind in KIND_NOUNS else thing.kind
    noun = "thing" if noun == "any" else noun
    many = thing.count != 1
    if thing.count == "all" and noun == "thing":
        words = ["everything", thing.size, thing.colour]
    else:
        pick = thing.pick if thing.pick in _SUPERLATIVE_PICKS and thing.ref is None else None
        lead = ["all the" if thing.count == "all" else "the"]
        lead += (
            [NUMBER_WORDS.get(thing.count, str(thing.count))]
            if thing.count not in (1, "all")
            else []
        )
        words = [*lead, pick, thing.size, thing.colour, plural(noun) if many else noun]
    that = "that are" if many and words[0] != "everything" else "that is"
    if thing.not_colour:
        words += [that, "not", thing.not_colour]
    if thing.ref is not None and thing.pick in RELATION_WORDS:
        # without "that is" it could be where the thing is to go
        words += [that, RELATION_WORDS[thing.pick], say_thing(thing.ref)]
    return " ".join(word for word in words if word)


def without_place(thing: Thing) -> Thing:
    """A thing as it looks, without where it is relative to another."""
    return replace(thing, pick=None, ref=None) if thing.pick in RELATIVE or thing.ref else thing


def say_step(step: SkillStep) -> str:
    """One step as an instruction, such as "put the red cube in the bowl"."""
    return step_words(step, say_thing(step.object), step.target and say_thing(step.target))


def step_words(step: SkillStep, thing: str, target: str | None) -> str:
    """A step as an instruction, with given words for its object and its target."""
    if step.target is None:
        return ONE_THING_STEPS[step.skill].format(thing)
    if step.skill == "beside":
        side = SIDE_WORDS[step.side][0] if step.side in SIDE_WORDS else "next to"
        return f"put {thing} {side} {target}"
    if step.skill in ("push", "slide"):
        return f"{step.skill} {thing} onto {target}"
    if step.skill == "stack":
        return f"stack {thing} on {target}"
    return f"put {thing} {preposition_for(step.target.kind)} {target}"


def say(meaning: Understanding) -> str:
    """All steps in order, and what to leave alone; "" if there is nothing to do."""
    text = THEN.join(map(say_step, meaning.steps))
    if text and meaning.avoid:
        text += BUT_NOT + " and ".join(map(say_thing, meaning.avoid))
    return text


NUMBER_WORDS: dict[int | str, str] = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
