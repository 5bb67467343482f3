"""The verb that an instruction asks for, read from the text tower."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from vla_gym.skills import VERBS
from vla_gym.vlm.cache import TextCache
from vla_gym.vlm.model_folder import VERBS_FILE
from vla_gym.vlm.roles import padding, text_hidden

_SHARPNESS = 40.0
"""Scale of the similarities to the plain instructions of `VERBS`, for models without a head."""


class VerbHead(nn.Module):
    """Classifies an instruction's verb by attention pooling over its tokens.

    Args:
        width: Width of the text tower.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 4)
        self.out = nn.Sequential(nn.Linear(4 * width, 64), nn.GELU(), nn.Linear(64, len(VERBS)))

    def forward(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Logits of `VERBS`.

        Args:
            hidden: From `vla_gym.vlm.roles.text_hidden`. Shape (n, longest, width).
            ids: Token ids. Shape (n, context).

        Returns:
            Shape (n, len(VERBS)).
        """
        unused = padding(hidden, ids)[..., None]
        weight = self.score(hidden).masked_fill(unused, float("-inf")).softmax(dim=1)
        return self.out(torch.einsum("nlh,nlc->nhc", weight, hidden).flatten(1))

    @classmethod
    def load(cls, folder: Path) -> VerbHead:
        """Read the weights from a model folder."""
        state = load_file(folder / VERBS_FILE)
        head = cls(state["score.weight"].shape[1])
        head.load_state_dict(state)
        return head.eval()


class VerbReader:
    """Reads the verbs of instructions; results are cached.

    Models without a `VerbHead` compare an instruction with the plain ones of `VERBS`.

    Args:
        encoder: A `vla_gym.vlm.encoder.ClipEncoder`.
    """

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder
        folder: Path | None = getattr(encoder, "folder", None)
        self.head: VerbHead | None = None
        if folder is not None and (folder / VERBS_FILE).is_file():
            self.head = VerbHead.load(folder).to(encoder.device)
        self._texts: TextCache[NDArray[np.float32]] = TextCache(self._probabilities)

    @torch.inference_mode()
    def read(self, instructions: Sequence[str]) -> NDArray[np.float32]:
        """Probability of each verb.

        Args:
            instructions: Any texts.

        Returns:
            Rows sum to 1, in the order of `VERBS`. Shape (n, len(VERBS)).
        """
        if not instructions:
            return np.zeros((0, len(VERBS)), np.float32)
        return np.stack(self._texts(instructions))

    def _probabilities(self, texts: list[str]) -> NDArray[np.float32]:
        if self.head is not None:
            ids = self.encoder.tokenize(texts)
            logits = self.head(text_hidden(self.encoder.clip, ids), ids)
        else:
            plain = self.encoder.encode_text(list(VERBS.values()))
            logits = _SHARPNESS * self.encoder.encode_text(texts) @ plain.T
        return logits.softmax(dim=-1).float().cpu().numpy()
