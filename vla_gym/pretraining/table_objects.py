"""Objects on a pretraining table, and every colour word of pretraining."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, finer_colours, jitter, lab
from vla_gym.world.object_kind import RGB
from vla_gym.world.objects import KINDS, ObjectSpec

HELD_OUT_COLOURS: dict[str, RGB] = {w: finer_colours()[w] for w in sorted(finer_colours())[::12]}
"""Colour words that not even pretraining uses, to evaluate unknown words."""
FINER_COLOURS: dict[str, RGB] = {
    w: rgb for w, rgb in finer_colours().items() if w not in HELD_OUT_COLOURS
}
"""Rare colour words of pretraining."""
COLOUR_WORDS: dict[str, RGB] = {**COLOURS, **COLOUR_SYNONYMS, **FINER_COLOURS}
"""Every colour word of pretraining."""
SAME_COLOUR, OTHER_COLOUR = 16.0, 26.0
"""Distances in Lab below which a colour word fits, and above which it does not."""
FURNITURE = ("cabinet", "drawer")
"""Kinds that stand together or not at all."""
_POOLS, _SHARES = tuple(map(tuple, (COLOURS, COLOUR_SYNONYMS, FINER_COLOURS))), (0.5, 0.25, 0.25)


@dataclass(frozen=True)
class TableObject:
    """One object and the colour word that its colour was drawn from."""

    word: str
    """Colour word."""
    kind: str
    size: str
    rgb: RGB

    @property
    def spec(self) -> ObjectSpec:
        """What the simulation needs to know."""
        return ObjectSpec(self.kind, self.size, self.rgb)

    @property
    def scale(self) -> float:
        """Linear scale."""
        return self.spec.scale

    @property
    def half_height(self) -> float:
        """Height of the origin at rest [m]."""
        return self.spec.half_height


@lru_cache(maxsize=4096)
def lab_of(rgb: RGB) -> NDArray:
    """CIELAB of a colour; the last few thousand are kept. Shape (3,)."""
    return lab(rgb)


def colour_gap(a: RGB, b: RGB) -> float:
    """Distance of two colours in Lab."""
    return float(np.sqrt(np.square(lab_of(a) - lab_of(b)).sum()))


def draw_objects(rng: Generator, furnished: bool = False) -> list[TableObject]:
    """Draw three to six objects, often alike in kind or colour, each with a name of its own.

    Args:
        rng: Source of randomness.
        furnished: Whether the first three are a cabinet and two drawers.
    """
    objects: list[TableObject] = []
    if furnished:
        for kind in ("cabinet", "drawer", "drawer"):
            new = _draw(rng, [])
            while any(colour_gap(new.rgb, o.rgb) < OTHER_COLOUR for o in objects):
                new = _draw(rng, [])
            objects.append(replace(new, kind=kind, size="medium"))
    count = int(rng.integers(4 if furnished else 3, 7))
    for _ in range(40):
        if len(objects) == count:
            break
        new = _draw(rng, objects)
        clash = any(
            o.kind == new.kind
            and (o.size == new.size or "medium" in (o.size, new.size))
            and colour_gap(o.rgb, new.rgb) < OTHER_COLOUR
            for o in objects
        )
        if not clash:
            objects.append(new)
    return objects


def _draw(rng: Generator, objects: list[TableObject]) -> TableObject:
    rare = ("line",) if rng.random() < 0.7 else ()
    names = [k for k in KINDS if k not in (*FURNITURE, *rare)]
    kind = names[int(rng.integers(len(names)))]
    word = draw_colour_word(rng)
    if objects:
        twin = objects[int(rng.integers(len(objects)))]
        style = rng.random()
        same = kind if twin.kind in FURNITURE else twin.kind
        if style < 0.3:
            kind = same
        elif style < 0.55:
            word = twin.word
        elif style < 0.6:
            kind, word = same, twin.word
    size = KINDS[kind].sizes[int(rng.integers(len(KINDS[kind].sizes)))]
    return TableObject(word, kind, size, jitter(rng, word, 1.3))


def draw_colour_word(rng: Generator) -> str:
    """Draw a colour word: half of them basic, a quarter synonyms, a quarter rare."""
    pool = _POOLS[int(rng.choice(len(_POOLS), p=_SHARES))]
    return pool[int(rng.integers(len(pool)))]
