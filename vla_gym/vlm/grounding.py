"""`Grounder`: where in the picture are the things that an instruction speaks of?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.language.comparisons import PlainInstruction, without_comparisons
from vla_gym.language.role_phrases import split_roles
from vla_gym.language.vocabulary import HAND_NAMES
from vla_gym.vlm import THERE
from vla_gym.vlm.cache import TextCache
from vla_gym.vlm.dense import cell_grid
from vla_gym.vlm.encoder import ClipEncoder, ImageFeatures
from vla_gym.vlm.reasoning import by_role, choose
from vla_gym.vlm.roles import ROLES, text_hidden

__all__ = ["ROLES", "THERE", "Grounder", "Grounding", "soft_argmax"]

_WINDOW = 2
_AGREE = 1.0
"""How far apart cells may place the middle of what they speak of, to be of one thing [cells]."""
_HAND_WINDOW, _HAND_AGREE, _HAND_SOFTNESS = 3, 2.0, 2.0
"""The hand is seen as two fingers apart; its middle is between them."""
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
    shape: Tensor | None = None
    """What taking it needs to know, as `vla_gym.world.grasping.shape_of`, by models that learnt to.
    Shape (n, len(ROLES), N_SHAPE)."""
    hand: Tensor | None = None
    """Where the robot's tool centre point is seen, by models that learnt to. Shape (n, 2)."""
    hand_confidence: Tensor | None = None
    """That it is seen. Shape (n,)."""


def soft_argmax(
    heat: Tensor, shifts: Tensor | None = None, window: int = _WINDOW, agree: float = _AGREE
) -> Tensor:
    """The middle of the peak: mean place under softmax, in a window that follows it.

    Args:
        heat: Logits. Shape (n, ..., gh, gw).
        shifts: How far off each cell's middle the thing's middle is. Shape (n, gh * gw, 2),
            [cells].
        window: Cells on either side of the window's centre.
        agree: How far apart cells that speak of one thing may place its middle [cells].

    Returns:
        u to the right and v down, [-1, 1]. Shape (..., 2).
    """
    return find_peak(heat, shifts, window, agree)[0]


def find_peak(
    heat: Tensor, shifts: Tensor | None = None, window: int = _WINDOW, agree: float = _AGREE
) -> tuple[Tensor, Tensor]:
    """`soft_argmax`, and the weights of the cells that it comes from.

    Where cells say how far off their thing's middle is, those count that agree with the highest
    one: a neighbour's cells speak of the neighbour's middle.

    Args:
        heat: Logits. Shape (n, ..., gh, gw).
        shifts: As in `soft_argmax`.
        window: As in `soft_argmax`.
        agree: As in `soft_argmax`.

    Returns:
        u and v, shape (..., 2), and weights, shape (n or 1, all in between, gh * gw).
    """
    gh, gw = heat.shape[-2:]
    cell = cell_grid(gh, gw, heat.device)
    spread = math.inf if shifts is None else agree
    votes = cell[None] if shifts is None else cell + shifts
    flat = heat.reshape(len(votes), -1, gh * gw)
    best = flat.argmax(dim=-1)[..., None].expand(-1, -1, 2)
    centre, weight = votes.gather(1, best), flat
    for _ in range(2):
        away = torch.cdist(centre.round(), cell, p=math.inf)
        off = torch.cdist(centre, votes, compute_mode="donot_use_mm_for_euclid_dist")
        near = flat.masked_fill(away > window, float("-inf"))
        weight = (near - off.square() / (2 * spread**2)).softmax(dim=-1)
        centre = weight @ votes
    size = torch.tensor([gw, gh], device=heat.device, dtype=centre.dtype)
    return ((centre + 0.5) / size * 2 - 1).view(*heat.shape[:-2], 2), weight


class Grounder:
    """Finds the things that instructions speak of, role by role.

    The embedded CLIP reads one query per role from the whole instruction. With other CLIP models
    the instruction is cut into phrases, which are encoded one by one.

    What compares or rules out ("the leftmost cube", "the mug that is not red") is left to
    `vla_gym.vlm.reasoning`, over all that fits the rest of the phrase.

    Args:
        encoder: The CLIP.
        calibration: The camera, to compare places on the table instead of in the picture.
    """

    def __init__(self, encoder: ClipEncoder, calibration: PinholeCamera | None = None) -> None:
        self.encoder, self.calibration = encoder, calibration
        self._queries: TextCache[Tensor] = TextCache(self._read)
        self._requests: TextCache[PlainInstruction] = TextCache(
            lambda texts: map(without_comparisons, texts)
        )

    @torch.inference_mode()
    def queries(self, instructions: Sequence[str]) -> Tensor:
        """One query vector per role.

        Args:
            instructions: Sentences or bare phrases ("the red cube" is the object).

        Returns:
            L2-normalised, or zero for a role that a split instruction does not fill.
            Shape (n, len(ROLES), d).
        """
        if not instructions:
            return torch.zeros(0, len(ROLES), self.encoder.embed_dim, device=self.encoder.device)
        return torch.stack(self._queries(instructions))

    def ground(
        self,
        images: NDArray[np.uint8] | Tensor,
        instructions: Sequence[str],
        chosen: NDArray | None = None,
    ) -> Grounding:
        """Look for each role's thing in each picture.

        Args:
            images: Shape (n, H, W, 3) uint8.
            instructions: One per picture.
            chosen: Where each role's thing was a moment ago, if a comparison has chosen it ("the
                leftmost cube"); nan where none has. Shape (n, len(ROLES), 2), picture coordinates.
        """
        return self.ground_features(self.encoder.encode_image(images), instructions, chosen)

    @torch.inference_mode()
    def ground_features(
        self,
        features: ImageFeatures,
        instructions: Sequence[str],
        chosen: NDArray | None = None,
    ) -> Grounding:
        """The same as `ground`, from features that were computed before.

        Args:
            features: Of n pictures.
            instructions: One per picture.
            chosen: As in `ground`.
        """
        requests = self._requests(instructions)
        queries = self.queries([request.text for request in requests])
        reader = self.encoder.roles
        if reader is not None:  # the hand is looked for along with the roles
            hand = self.queries([HAND_NAMES[0]])[:, :1].expand(len(queries), -1, -1)
            queries = torch.cat([queries, hand], dim=1)
        heat = self._heat(features.tokens, queries)
        shifts = reader.shifts(features.tokens) if reader is not None else None
        for i, request in enumerate(requests):
            if request.phrases:
                shift = shifts[i : i + 1] if shifts is not None else None
                of_roles = heat[i, : len(ROLES)]
                heat[i, : len(ROLES)] = self._reasoned(
                    request, of_roles, features.tokens[i : i + 1], shift,
                    None if chosen is None else torch.as_tensor(chosen[i]).to(heat),
                )  # fmt: skip
        if reader is not None:
            confidence = heat.amax(dim=(-2, -1)).sigmoid()
        else:
            flat = heat.flatten(-2) / _LOGIT_SCALE
            peak = flat.amax(-1) / (flat.std(-1) + 1e-6)
            confidence = (peak - _Z_CONFIDENT).sigmoid() * (queries.abs().sum(-1) > 0)
        if reader is None or shifts is None:
            return Grounding(heat, soft_argmax(heat), confidence)
        n = len(ROLES)
        point, weight = find_peak(heat[:, :n], shifts)
        # cells outside all windows have no weight, and need not be asked
        cells = weight.sum(dim=1).topk(min(n * (2 * _WINDOW + 1) ** 2, weight.shape[-1])).indices
        asked = features.tokens.take_along_dim(cells[..., None], dim=1)
        shape = weight.take_along_dim(cells[:, None], dim=2) @ reader.shapes(asked)
        hand = soft_argmax(heat[:, n:] / _HAND_SOFTNESS, shifts, _HAND_WINDOW, _HAND_AGREE)[:, 0]
        return Grounding(heat[:, :n], point, confidence[:, :n], shape, hand, confidence[:, n])

    def _heat(self, tokens: Tensor, queries: Tensor) -> Tensor:
        """Logits of queries (n, q, d) on tokens (n, k, d). Shape (n, q, gh, gw)."""
        if self.encoder.roles is not None:
            heat = self.encoder.roles.heat(tokens, queries)
        else:
            cosine = queries @ tokens.transpose(1, 2)
            heat = _LOGIT_SCALE * (cosine - cosine.mean(-1, keepdim=True))
        return heat.view(*heat.shape[:2], *self.encoder.grid)

    def _reasoned(
        self, request: PlainInstruction, heat: Tensor, tokens: Tensor, shift: Tensor | None,
        chosen: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """One picture's maps, each with nothing left but the thing that is meant."""

        def ask(text: str) -> Tensor:
            return self._heat(tokens, self.queries([text])[:, :1])[0, 0]

        bare = self.queries([str(phrase.plain()) for phrase in request.phrases])[:, 0]
        meant = by_role(request, self.queries([request.text])[0], bare)
        maps = list(heat)
        for r, phrase in enumerate(meant):
            if phrase is not None and phrase.compares:
                maps[r] = choose(
                    ask(str(phrase.plain())), phrase, ask,
                    lambda m: soft_argmax(m[None], shift)[0], self.calibration,
                    None if chosen is None else chosen[r],
                )  # fmt: skip
        return torch.stack(maps)

    def _read(self, texts: list[str]) -> Tensor:
        reader = self.encoder.roles
        if reader is not None:
            ids = self.encoder.tokenize(texts)
            return reader(text_hidden(self.encoder.clip, ids), ids)
        phrases = [phrase for text in texts for phrase in split_roles(text)]
        filled = torch.tensor([bool(p) for p in phrases], device=self.encoder.device)
        encoded = self.encoder.encode_text([p or "thing" for p in phrases]) * filled[:, None]
        return encoded.view(len(texts), len(ROLES), -1)
