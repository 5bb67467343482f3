"""Templates of pretraining's instructions, and every word that pretraining uses."""

from __future__ import annotations

import re

from vla_gym.envs.tasks import MIXTURES
from vla_gym.language.noun_phrases import SUPERLATIVES
from vla_gym.language.vocabulary import ANYTHING, HAND_NAMES, KIND_NOUNS, SIZE_WORDS
from vla_gym.pretraining.labelled_phrases import GENERAL_NOUNS
from vla_gym.pretraining.table_objects import COLOUR_WORDS

PAIR_TEMPLATES: tuple[str, ...] = (
    "put {object} in {target}",
    "put {object} on {target}",
    "place {object} in {target}",
    "place {object} on {target}",
    "put {object} into {target}",
    "place {object} onto {target}",
    "put {object} inside {target}",
    "move {object} to {target}",
    "move {object} into {target}",
    "drop {object} into {target}",
    "drop {object} in {target}",
    "set {object} on {target}",
    "lay {object} onto {target}",
    "pick up {object} and put it in {target}",
    "pick up {object} and place it on {target}",
    "take {object} and drop it in {target}",
    "grab {object} and put it into {target}",
    "bring {object} to {target}",
    "carry {object} over to {target}",
    "transfer {object} to {target}",
    "stack {object} on {target}",
    "stack {object} on top of {target}",
    "put {object} on top of {target}",
    "push {object} to {target}",
    "push {object} next to {target}",
    "push {object} towards {target}",
    "slide {object} against {target}",
    "slide {object} to {target}",
    "slide {object} onto {target}",
    "put {object} next to {target}",
    "place {object} beside {target}",
    "put {object} left of {target}",
    "put {object} to the left of {target}",
    "put {object} to the right of {target}",
    "place {object} right of {target}",
    "put {object} in front of {target}",
    "put {object} behind {target}",
    "move {object} away from {target}",
    "into {target} put {object}",
    "in {target} , place {object}",
    "please put {object} in {target}",
    "{object} goes in {target}",
    "i want {object} in {target}",
    "could you put {object} in {target}",
)
"""Instructions with an object and a target."""
SINGLE_TEMPLATES: tuple[str, ...] = (
    "pick up {object}",
    "lift {object}",
    "lift {object} up",
    "raise {object}",
    "grab {object}",
    "grasp {object}",
    "take {object}",
    "pick {object}",
    "hold {object}",
    "touch {object}",
    "reach {object}",
    "reach for {object}",
    "push {object}",
    "push {object} forward",
    "push {object} to the left",
    "push {object} to the right",
    "point at {object}",
    "find {object}",
    "where is {object}",
    "go to {object}",
    "turn {object} over",
    "stand {object} up",
    "set {object} upright",
    "open {object}",
    "close {object}",
    "rotate {object}",
    "put {object} down",
    "move {object}",
)
"""Instructions with an object alone."""
_TASK_TEMPLATES = tuple(t for task in MIXTURES["Tabletop"] for t in task.all_phrases)
_SLOT = re.compile(r"\{\w+\}")
_CAPTION_WORDS = "on the table the robot arm holds is there are and with lies picture photo of"


def _task_templates(roles: int) -> tuple[str, ...]:
    """The tasks' templates with so many roles, renamed to object and target."""
    found = []
    for text in _TASK_TEMPLATES:
        if len(_SLOT.findall(text)) == roles:
            names = iter(("{object}", "{target}"))
            found.append(_SLOT.sub(lambda m, names=names: next(names), text))
    return tuple(dict.fromkeys(found))


ALL_PAIR_TEMPLATES = PAIR_TEMPLATES + _task_templates(2)
ALL_SINGLE_TEMPLATES = SINGLE_TEMPLATES + _task_templates(1)


def vocabulary() -> list[str]:
    """Every word that pretraining uses; frequent ones repeat."""
    lines = [*ALL_PAIR_TEMPLATES, *ALL_SINGLE_TEMPLATES, *_TASK_TEMPLATES, _CAPTION_WORDS]
    lines += ["the a that is not same colour", *GENERAL_NOUNS]
    lines += [*HAND_NAMES, *SUPERLATIVES, *ANYTHING, "everything all"]
    lines += [w for words in SIZE_WORDS.values() for w in words]
    lines += [n for nouns in KIND_NOUNS.values() for n in nouns] + list(COLOUR_WORDS)
    return [w for line in lines for w in re.findall(r"[a-z]+", line.lower())]
