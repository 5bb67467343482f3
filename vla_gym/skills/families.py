"""The families of skills that the package comes with, and the verbs that its models know."""

from __future__ import annotations

from vla_gym.skills.combining import COMBINING
from vla_gym.skills.lifting import LIFTING
from vla_gym.skills.opening import OPENING
from vla_gym.skills.placing import PLACING
from vla_gym.skills.pressing import PRESSING
from vla_gym.skills.pushing import PUSHING
from vla_gym.skills.skill import Family
from vla_gym.skills.skill_registry import register
from vla_gym.skills.standing import STANDING
from vla_gym.skills.striking import STRIKING

FAMILIES: tuple[Family, ...] = (
    LIFTING, PLACING, PUSHING, STRIKING, PRESSING, OPENING, STANDING, COMBINING
)  # fmt: skip
"""In the order in which prompts and schemas list their plan steps."""
_TRAINED_ORDER = (
    "reach", "lift", "put", "stack", "put left", "put right", "put front", "put behind", "push",
    "strike", "press", "stand up", "open", "close", "several",
)  # fmt: skip
_SENTENCES = {verb: text for family in FAMILIES for verb, text in family.verbs.items()}
VERBS: dict[str, str] = {verb: _SENTENCES[verb] for verb in _TRAINED_ORDER}
"""Verb -> a plain sentence that asks for it. The order is that of the trained reader's outputs and
of stored features: it is fixed, and verbs of other families are not among them."""

for _family in FAMILIES:
    register(_family)
