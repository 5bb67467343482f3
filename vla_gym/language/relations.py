"""Words for spatial relations: in, on, and the four sides of an object."""

from __future__ import annotations

SIDE_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "front": ("in front of", "before"),
    "behind": ("behind", "to the rear of"),
}
"""Side, a key of `vla_gym.world.predicates.DIRECTIONS` -> words, canonical first; the others belong
to the novelty axis "phrasings"."""
SIDE_OF: dict[str, str] = {words[0]: side for side, words in SIDE_WORDS.items()}
"""Canonical words -> side."""
PLACE_WORDS: dict[str, tuple[str, ...]] = {"in": ("in", "into", "inside"), "on": ("on", "onto")}
"""Relation to a container or a support -> words, canonical first."""
RELATIONS: tuple[str, ...] = (*PLACE_WORDS, *SIDE_OF)
"""Canonical words of every relation in which an object can be put to another."""
PREPOSITIONS: tuple[str, ...] = (
    *SIDE_OF, *(word for words in PLACE_WORDS.values() for word in words),
    "on top of", "next to", "upon", "toward", "towards", "beside", "near", "above", "under",
    "below", "over", "from", "to", "at",
)  # fmt: skip
"""Words that stand between the object and the target of an instruction."""
_HOLDING = frozenset({"bowl", "mug", "box", "drawer"})


def preposition_for(kind: str) -> str:
    """The key of `PLACE_WORDS` for a target of that kind: bowls hold objects, plates carry them."""
    return "in" if kind in _HOLDING else "on"
