"""`Grounder`: finds the object and the target of an instruction in an image."""

from __future__ import annotations

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
from vla_gym.vlm.cache import TextCache
from vla_gym.vlm.encoder import ClipEncoder, ImageFeatures
from vla_gym.vlm.peaks import WINDOW, find_peak, soft_argmax
from vla_gym.vlm.reasoning import by_role, choose
from vla_gym.vlm.roles import ROLES, text_hidden

_HAND_WINDOW, _HAND_AGREE, _HAND_SOFTNESS = 3, 2.0, 2.0
"""As in `soft_argmax`; the hand shows as two fingers apart, and its centre is between them."""
_LOGIT_SCALE = 60.0
"""Scale of cosine maps of models without a learnt scale."""
_Z_CONFIDENT = 3.0
"""Standard deviations above the map's mean at which confidence is 1/2, for the same models."""


@dataclass(frozen=True)
class Grounding:
    """Where each role's object is in the image."""

    heat: Tensor
    """Logits. Shape (n, len(ROLES), gh, gw)."""
    point: Tensor
    """u to the right and v down, [-1, 1]. Shape (n, len(ROLES), 2)."""
    confidence: Tensor
    """Confidence that the object is there, [0, 1]. Shape (n, len(ROLES))."""
    shape: Tensor | None = None
    """What a grasp needs to know, as `vla_gym.world.grasping.shape_of`; None if the model does not
    predict it. Shape (n, len(ROLES), N_SHAPE)."""
    hand: Tensor | None = None
    """The robot's tool centre point; None if the model does not predict it. Shape (n, 2)."""
    hand_confidence: Tensor | None = None
    """Confidence that the hand is visible, [0, 1]. Shape (n,)."""


class Grounder:
    """Finds the objects that instructions name, role by role.

    The embedded CLIP reads one query per role from the whole instruction. With other CLIP models
    the instruction is cut into phrases, which are encoded one by one.

    Comparisons ("the leftmost cube", "the mug that is not red") are resolved by
    `vla_gym.vlm.reasoning` among all objects that fit the rest of the phrase.

    Args:
        encoder: The CLIP.
        calibration: The camera, to compare positions on the table instead of in the image.
    """

    def __init__(self, encoder: ClipEncoder, calibration: PinholeCamera | None = None) -> None:
        self.encoder, self.calibration = encoder, calibration
        self._queries: TextCache[Tensor] = TextCache(self._read)
        self._plain: TextCache[PlainInstruction] = TextCache(
            lambda texts: map(without_comparisons, texts)
        )

    @torch.inference_mode()
    def queries(self, instructions: Sequence[str]) -> Tensor:
        """One query vector per role.

        Args:
            instructions: Instructions, or bare phrases, which are the object.

        Returns:
            L2-normalised; zero for a role that a split instruction lacks.
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
        """Locate each role's object in each image.

        Args:
            images: Shape (n, H, W, 3) uint8.
            instructions: One per image.
            chosen: Last position of each role's object, if a comparison has chosen it ("the
                leftmost cube"); nan where none has. Shape (n, len(ROLES), 2), image coordinates.
        """
        return self.ground_features(self.encoder.encode_image(images), instructions, chosen)

    @torch.inference_mode()
    def ground_features(
        self,
        features: ImageFeatures,
        instructions: Sequence[str],
        chosen: NDArray | None = None,
    ) -> Grounding:
        """`ground`, from features that were computed before.

        Args:
            features: Features of n images.
            instructions: One per image.
            chosen: As in `ground`.
        """
        plain = self._plain(instructions)
        queries = self.queries([instruction.text for instruction in plain])
        reader = self.encoder.roles
        if reader is not None:  # the hand is located along with the roles
            hand = self.queries([HAND_NAMES[0]])[:, :1].expand(len(queries), -1, -1)
            queries = torch.cat([queries, hand], dim=1)
        heat = self._heat(features.tokens, queries)
        shifts = reader.shifts(features.tokens) if reader is not None else None
        n = len(ROLES)
        for i, instruction in enumerate(plain):
            if instruction.phrases:
                heat[i, :n] = self._choose(
                    instruction, heat[i, :n], features.tokens[i : i + 1],
                    None if shifts is None else shifts[i : i + 1],
                    None if chosen is None else torch.as_tensor(chosen[i]).to(heat),
                )  # fmt: skip
        if reader is None or shifts is None:
            return Grounding(heat, soft_argmax(heat), _cosine_confidence(heat, queries))
        confidence = heat.amax(dim=(-2, -1)).sigmoid()
        point, weight = find_peak(heat[:, :n], shifts)
        # cells outside all windows have no weight
        cells = weight.sum(dim=1).topk(min(n * (2 * WINDOW + 1) ** 2, weight.shape[-1])).indices
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

    def _choose(
        self, instruction: PlainInstruction, heat: Tensor, tokens: Tensor, shift: Tensor | None,
        chosen: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """One image's maps, each reduced to the object that a comparison means."""

        def ask(text: str) -> Tensor:
            return self._heat(tokens, self.queries([text])[:, :1])[0, 0]

        bare = self.queries([str(phrase.plain()) for phrase in instruction.phrases])[:, 0]
        meant = by_role(instruction, self.queries([instruction.text])[0], bare)
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


def _cosine_confidence(heat: Tensor, queries: Tensor) -> Tensor:
    """How far the peaks stand out of maps without a learnt scale; 0 for empty queries."""
    flat = heat.flatten(-2) / _LOGIT_SCALE
    peak = flat.amax(-1) / (flat.std(-1) + 1e-6)
    return (peak - _Z_CONFIDENT).sigmoid() * (queries.abs().sum(-1) > 0)
