"""Generalisation axes: what test episodes can have that no training episode has."""

from __future__ import annotations

AXES: dict[str, str] = {
    "colours": "colour words that no training episode uses (crimson, teal, mustard ...)",
    "nouns": "other nouns for known kinds (rock, crate, cup ...)",
    "kinds": "kinds of objects that no training episode uses",
    "combinations": "pairs of colour and kind that no training episode uses",
    "phrasings": "instruction templates that no training episode uses",
    "layouts": "more objects, most of them near the edge of the workspace",
    "backgrounds": "table and floor in other colours and patterns",
    "lights": "light from other directions, brighter and darker",
    "cameras": "the fixed camera moved and turned",
    "moved": "an object is moved during the episode",
    "reasoning": "superlatives, exclusions, comparisons (the leftmost cube, the mug that is not "
    "red, the ball of the same colour as the plate)",
}
"""Generalisation axes, for `novelty` of `gymnasium.make`; each alone or several together."""


def held_out(colour_index: int, kind_index: int) -> bool:
    """Whether a pair of colour and kind is kept out of training episodes.

    Args:
        colour_index: Position of the colour in `vla_gym.language.vocabulary.COLOURS`.
        kind_index: Position of the kind in `vla_gym.world.objects.KINDS`.
    """
    return (3 * colour_index + kind_index) % 7 == 0
