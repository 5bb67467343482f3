"""Superlatives, exclusions, likenesses: one peak is chosen among all that fit the plain phrase."""

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
"""Logit from which a peak counts as an object that fits."""
_PEAK_CELLS = 2
"""Cells around a peak that belong to it."""
_OFF = -30.0
"""Logit of cells that were ruled out."""
_MAX_STEP = 0.35
"""Farthest that an object can have moved between two images, in image coordinates."""


def by_role(
    instruction: PlainInstruction, queries: Tensor, bare: Tensor
) -> list[NounPhrase | None]:
    """Assign a phrase to each role.

    Args:
        instruction: The instruction.
        queries: Query of each role, from the plain instruction. Shape (r, d).
        bare: Query of each plain phrase alone. Shape (len(instruction.phrases), d).
    """
    alike = bare @ queries.T
    free = list(range(len(instruction.phrases)))
    chosen: list[NounPhrase | None] = []
    for r in range(len(queries)):
        if not free:
            chosen.append(None)
            continue
        # phrases with the same query are taken in order
        best = max(free, key=lambda k: (round(float(alike[k, r]), 3), -k))
        free.remove(best)
        chosen.append(instruction.phrases[best])
    return chosen


def choose(
    heat: Tensor,
    phrase: NounPhrase,
    ask: Callable[[str], Tensor],
    locate: Callable[[Tensor], Tensor],
    calibration: PinholeCamera | None = None,
    chosen: Tensor | None = None,
) -> Tensor:
    """Reduce a map to the one object that a phrase means.

    A comparison refers to the scene at the start of the episode: the leftmost cube is still meant
    when it has been carried to the right. Later calls therefore pass its last position.

    Args:
        heat: Logits of the plain phrase. Shape (gh, gw).
        phrase: The phrase.
        ask: From a phrase to its logits on the same image. Shape (gh, gw).
        locate: From logits (k, gh, gw) to image coordinates (k, 2).
        calibration: The camera, to compare positions on the table; without it they are compared in
            the image.
        chosen: Last position of the object that was chosen before, in image coordinates (2,); nan
            to choose now. The nearest object that fits the plain phrase is taken, or none if all
            are too far.

    Returns:
        The map, with low logits except around one peak. Shape (gh, gw).
    """
    peaks = _peaks(heat)
    if chosen is not None and not chosen.isnan().any():
        maps = torch.stack([_around(heat, peak) for peak in peaks])
        away = (locate(maps) - chosen).norm(dim=-1)
        near = int(away.argmin())
        return maps[near] if away[near] < _MAX_STEP else torch.full_like(heat, _OFF)
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
    """Local maxima of objects that fit; at least the highest cell."""
    top = functional.max_pool2d(heat[None, None], 3, 1, 1)[0, 0]
    cells = torch.nonzero((heat == top) & (heat > _FITS)).tolist()
    return [(r, c) for r, c in cells] or _highest(heat)


def _highest(heat: Tensor) -> list[tuple[int, int]]:
    best = int(heat.argmax())
    return [(best // heat.shape[1], best % heat.shape[1])]


def _unlike(
    peaks: Sequence[tuple[int, int]], model: tuple[int, int], ask: Callable[[str], Tensor]
) -> NDArray:
    """Difference of the peaks' colours from that of another cell. Shape (len(peaks),)."""
    maps = torch.stack([ask(f"the {colour} {ANYTHING[0]}") for colour in COLOURS])
    profile = maps.softmax(dim=0)
    at = torch.stack([profile[:, r, c] for r, c in [model, *peaks]])
    return (at[1:] - at[0]).abs().sum(dim=1).numpy()


def _around(heat: Tensor, peak: tuple[int, int]) -> Tensor:
    r, c = peak
    out = torch.full_like(heat, _OFF)
    rows = slice(max(r - _PEAK_CELLS, 0), r + _PEAK_CELLS + 1)
    cols = slice(max(c - _PEAK_CELLS, 0), c + _PEAK_CELLS + 1)
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
