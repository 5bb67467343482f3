"""`Grounder`: where in the picture are the things that an instruction speaks of?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_gym.vlm.encoder import ClipEncoder, ImageFeatures
from vla_gym.vlm.roles import ROLES, text_hidden

__all__ = ["ROLES", "Grounder", "Grounding", "soft_argmax", "split_roles"]

_BREAKS = re.compile(
    r"\b(?:on top of|in front of|next to|left of|right of|so that|into|inside|onto|upon|towards?|"
    r"beside|near|behind|above|under|below|over|from|with|then|and|down|up|in|on|to|at)\b|[,.;:]"
)
_LEAD = re.compile(
    r"^(?:please|now|could you|can you|robot|put|place|pick|pick up|lift|raise|move|drop|set|lay|"
    r"push|pull|slide|grab|grasp|take|bring|carry|stack|hold|get|drag|press|open|close|it|up|down|"
    r"away|there|the left|the right|the side|top)\b\s*"
)
_WINDOW = 2
_LOGIT_SCALE = 60.0  # sharpness of raw cosine maps, where no scale was learnt
_Z_CONFIDENT = 3.0  # standard deviations above the map's mean at which confidence is 1/2


@dataclass(frozen=True)
class Grounding:
    """Where each role's thing is seen."""

    heat: Tensor
    """Logits. Shape (n, len(ROLES), gh, gw)."""
    point: Tensor
    """u to the right and v down, [-1, 1]. Shape (n, len(ROLES), 2)."""
    confidence: Tensor
    """That it is there at all, [0, 1]. Shape (n, len(ROLES))."""


def split_roles(instruction: str) -> tuple[str, str]:
    """Cut an instruction into the phrase of each role, by prepositions and verbs.

    A fallback for CLIP models without role queries of their own.

    Args:
        instruction: For example ``"put the red cube in the blue bowl"``.

    Returns:
        Phrases of the object and of the target; the last may be empty.
    """
    parts = []
    for part in _BREAKS.split(instruction.lower().strip()):
        words, before = part.strip(), None
        while words != before:
            before, words = words, _LEAD.sub("", words).strip()
        if re.search(r"[a-z]", words.removeprefix("the").removeprefix("a ").strip()):
            parts.append(words)
    parts = parts or [instruction.strip()]
    return parts[0], parts[-1] if len(parts) > 1 else ""


def soft_argmax(heat: Tensor, shifts: Tensor | None = None, window: int = _WINDOW) -> Tensor:
    """The middle of the peak: mean place under softmax, in a window that follows it.

    Args:
        heat: Logits. Shape (n, ..., gh, gw).
        shifts: How far off each cell's middle the thing's middle is. Shape (n, gh * gw, 2),
            [cells].
        window: Cells on either side of the window's centre.

    Returns:
        u to the right and v down, [-1, 1]. Shape (..., 2).
    """
    gh, gw = heat.shape[-2:]
    flat = heat.reshape(-1, gh * gw)
    rows = torch.arange(gh, device=heat.device).repeat_interleave(gw)
    cols = torch.arange(gw, device=heat.device).repeat(gh)
    best = flat.argmax(dim=-1)
    centre = torch.stack([cols[best], rows[best]], dim=-1).float()
    cell = torch.stack([cols, rows], dim=-1).float()
    for _ in range(2):
        away = (cell[None] - centre.round()[:, None]).abs().amax(dim=-1)
        weight = flat.masked_fill(away > window, float("-inf")).softmax(dim=-1)
        centre = weight @ cell
    if shifts is not None:
        weight = weight.view(len(shifts), -1, gh * gw)
        centre = centre + torch.einsum("nqk,nkc->nqc", weight, shifts).flatten(0, 1)
    size = torch.tensor([gw, gh], device=heat.device, dtype=centre.dtype)
    return ((centre + 0.5) / size * 2 - 1).view(*heat.shape[:-2], 2)


class Grounder:
    """Finds the things that instructions speak of, role by role.

    The embedded CLIP reads one query per role from the whole instruction. With other CLIP models
    the instruction is cut into phrases, which are encoded one by one.

    Args:
        encoder: The CLIP.
    """

    def __init__(self, encoder: ClipEncoder) -> None:
        self.encoder = encoder
        self._cache: dict[str, Tensor] = {}

    @torch.inference_mode()
    def queries(self, instructions: Sequence[str]) -> Tensor:
        """One query vector per role.

        Args:
            instructions: Sentences or bare phrases ("the red cube" is the object).

        Returns:
            L2-normalised, or zero for a role that a split instruction does not fill.
            Shape (n, len(ROLES), d).
        """
        new = [t for t in dict.fromkeys(instructions) if t not in self._cache]
        if new:
            if len(self._cache) > 20_000:
                self._cache.clear()
                new = list(dict.fromkeys(instructions))
            self._cache.update(zip(new, self._read(new), strict=True))
        if not instructions:
            return torch.zeros(0, len(ROLES), self.encoder.embed_dim, device=self.encoder.device)
        return torch.stack([self._cache[t] for t in instructions])

    def ground(self, images: NDArray[np.uint8] | Tensor, instructions: Sequence[str]) -> Grounding:
        """Look for each role's thing in each picture.

        Args:
            images: Shape (n, H, W, 3) uint8.
            instructions: One per picture.
        """
        return self.ground_features(self.encoder.encode_image(images), instructions)

    @torch.inference_mode()
    def ground_features(self, features: ImageFeatures, instructions: Sequence[str]) -> Grounding:
        """The same as `ground`, from features that were computed before.

        Args:
            features: Of n pictures.
            instructions: One per picture.
        """
        queries = self.queries(instructions)
        grid = self.encoder.grid
        reader, shifts = self.encoder.roles, None
        if reader is not None:
            heat, shifts = reader.heat(features.tokens, queries), reader.shifts(features.tokens)
            confidence = heat.amax(dim=-1).sigmoid()
        else:
            cosine = queries @ features.tokens.transpose(1, 2)
            mean, std = cosine.mean(-1, keepdim=True), cosine.std(-1, keepdim=True) + 1e-6
            heat = _LOGIT_SCALE * (cosine - mean)
            peak = ((cosine - mean) / std).amax(dim=-1)
            present = queries.abs().sum(-1) > 0
            confidence = (peak - _Z_CONFIDENT).sigmoid() * present
        heat = heat.view(*heat.shape[:2], *grid)
        return Grounding(heat, soft_argmax(heat, shifts), confidence)

    def _read(self, texts: list[str]) -> Tensor:
        reader = self.encoder.roles
        if reader is not None:
            ids = self.encoder.tokenize(texts)
            return reader(text_hidden(self.encoder.clip, ids), ids)
        phrases = [phrase for text in texts for phrase in split_roles(text)]
        filled = torch.tensor([bool(p) for p in phrases], device=self.encoder.device)
        encoded = self.encoder.encode_text([p or "thing" for p in phrases]) * filled[:, None]
        return encoded.view(len(texts), len(ROLES), -1)
