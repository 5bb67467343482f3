"""Superlatives, exclusions, likeness: all that fits is found first, then one of it is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.language.comparisons import PlainInstruction
from vla_gym.language.noun_phrases import SUPERLATIVES, NounPhrase
from vla_gym.language.vocabulary import ANYTHING, COLOURS

_FITS = -1.0
"""Logit from which a peak counts as a thing that fits."""
_REACH = 2
"""Cells around a peak that belong to it."""
_OFF = -30.0
"""Logit of cells that were ruled out."""
_STRIDE = 0.35
"""How far from where it was a thing is looked for again, in the picture of width 2."""


def by_role(request: PlainInstruction, queries: Tensor, bare: Tensor) -> list[NounPhrase | None]:
    """Which phrase each role is about.

    Args:
        request: The sentence.
        queries: The plain sentence's query of each role. Shape (r, d).
        bare: The query of each plain phrase said alone. Shape (len(request.phrases), d).
    """
    alike = bare @ queries.T
    free = list(range(len(request.phrases)))
    chosen: list[NounPhrase | None] = []
    for r in range(len(queries)):
        if not free:
            chosen.append(None)
            continue
        # phrases that sound the same are taken in order
        best = max(free, key=lambda k: (round(float(alike[k, r]), 3), -k))
        free.remove(best)
        chosen.append(request.phrases[best])
    return chosen


def choose(
    heat: Tensor,
    phrase: NounPhrase,
    ask: Callable[[str], Tensor],
    locate: Callable[[Tensor], Tensor],
    calibration: PinholeCamera | None = None,
    chosen: Tensor | None = None,
) -> Tensor:
    """Leave of a map only the thing that a phrase means.

    A comparison is about the scene as it was when the words were said: the leftmost cube is still
    meant when it has been carried to the right. Who has chosen before says where that was.

    Args:
        heat: Logits of what fits the plain phrase. Shape (gh, gw).
        phrase: What is said.
        ask: From a phrase to its logits on the same picture. Shape (gh, gw).
        locate: From logits (k, gh, gw) to picture coordinates (k, 2).
        calibration: The camera, to compare places on the table; without it they are compared in
            the picture.
        chosen: Where the thing was that was chosen a moment ago, in picture coordinates (2,); nan
            to choose now. Then the nearest that fits the plain phrase is taken, and nothing if all
            are too far.

    Returns:
        The map, switched off except around one peak. Shape (gh, gw).
    """
    peaks = _peaks(heat)
    if chosen is not None and not chosen.isnan().any():
        maps = torch.stack([_around(heat, peak) for peak in peaks])
        away = (locate(maps) - chosen).norm(dim=-1)
        near = int(away.argmin())
        return maps[near] if away[near] < _STRIDE else torch.full_like(heat, _OFF)
    if phrase.other_than and len(peaks) > 1:
        bad = ask(str(replace(phrase.plain(), colour=phrase.other_than)))
        nearby = functional.max_pool2d(bad[None, None], 3, 1, 1)[0, 0]
        against = torch.tensor([float(nearby[r, c]) for r, c in peaks])
        kept = [p for p, a in zip(peaks, against, strict=True) if a < 0]
        peaks = kept or [peaks[int(against.argmin())]]
    if phrase.like and len(peaks) > 1:
        (model,) = _highest(ask(f"the {phrase.like}"))
        peaks = [p for p in peaks if p != model]
        peaks = [peaks[int(_unlike(peaks, model, ask).argmin())]]
    maps = torch.stack([_around(heat, peak) for peak in peaks])
    best = int(torch.stack([heat[r, c] for r, c in peaks]).argmax())
    if phrase.superlative and len(peaks) > 1:
        what, sign = SUPERLATIVES[phrase.superlative]
        if what == "size":
            values = _size(peaks, phrase, ask)
        else:
            values = _places(locate(maps).cpu().numpy(), calibration)["xy".index(what)]
        best = int(np.argmax(sign * values))
    return maps[best]


def _peaks(heat: Tensor) -> list[tuple[int, int]]:
    """Cells that are highest among their neighbours, of things that fit; at least the highest."""
    top = functional.max_pool2d(heat[None, None], 3, 1, 1)[0, 0]
    cells = torch.nonzero((heat == top) & (heat > _FITS)).tolist()
    return [(r, c) for r, c in cells] or _highest(heat)


def _highest(heat: Tensor) -> list[tuple[int, int]]:
    best = int(heat.argmax())
    return [(best // heat.shape[1], best % heat.shape[1])]


def _unlike(
    peaks: Sequence[tuple[int, int]], model: tuple[int, int], ask: Callable[[str], Tensor]
) -> NDArray:
    """How much the colours of peaks differ from that of another place. Shape (len(peaks),)."""
    maps = torch.stack([ask(f"the {colour} {ANYTHING[0]}") for colour in COLOURS])
    profile = maps.softmax(dim=0)
    at = torch.stack([profile[:, r, c] for r, c in [model, *peaks]])
    return (at[1:] - at[0]).abs().sum(dim=1).numpy()


def _around(heat: Tensor, peak: tuple[int, int]) -> Tensor:
    r, c = peak
    out = torch.full_like(heat, _OFF)
    rows = slice(max(r - _REACH, 0), r + _REACH + 1)
    cols = slice(max(c - _REACH, 0), c + _REACH + 1)
    out[rows, cols] = heat[rows, cols].clamp(max=float(heat[r, c]))
    return out


def _size(
    peaks: Sequence[tuple[int, int]], phrase: NounPhrase, ask: Callable[[str], Tensor]
) -> NDArray:
    large, small = (ask(str(replace(phrase.plain(), size=s))) for s in ("large", "small"))
    return np.array([float(large[r, c] - small[r, c]) for r, c in peaks])


def _places(uv: NDArray, calibration: PinholeCamera | None) -> tuple[NDArray, NDArray]:
    """Coordinates x and y of points, growing as on the table: to the front, to the right."""
    if calibration is None:
        return uv[:, 1], uv[:, 0]
    xy = calibration.deproject(uv)
    return xy[:, 0], xy[:, 1]
