"""A control: features from CLIP's pooled vectors of image and instruction, without positions.

This is how CLIP is often put in front of a policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.agents.policies.feature_layout import CLIP_WIDTH, POOLED, body
from vla_gym.agents.policies.features import Features
from vla_gym.agents.policies.head_spec import Blind
from vla_gym.errors import InvalidConfigError


class PooledFeatures(Features):
    """CLIP's pooled vectors and the robot's own state.

    Args:
        encoder: `vla_gym.vlm.encoder.ClipEncoder`.
        blind: "instruction" hides the instruction, "image" the image.

    Raises:
        InvalidConfigError: If the encoder's vectors have another length than `CLIP_WIDTH`.
    """

    def __init__(self, encoder: Any, blind: Blind = "none") -> None:
        if encoder.embed_dim != CLIP_WIDTH:
            raise InvalidConfigError(
                f"--features pooled needs a CLIP of width {CLIP_WIDTH}, as the embedded one; "
                f"{encoder.name!r} has {encoder.embed_dim}. Use --features clip."
            )
        self.encoder, self.blind = encoder, blind
        self.space = spaces.Box(-np.inf, np.inf, (sum(POOLED.values()),), np.float32)

    def observe(self, obs: dict[str, Any], instructions: Sequence[str]) -> NDArray[np.float32]:
        """Features of one observation per sub-environment, laid out as `POOLED`. Shape (n, f)."""
        n = len(instructions)
        image = text = np.zeros((n, CLIP_WIDTH))
        if self.blind != "image":
            image = self.encoder.encode_image(obs["image"]).pooled.cpu().numpy()
        if self.blind != "instruction":
            text = self.encoder.encode_text(list(instructions)).cpu().numpy()
        image, text = (np.sqrt(CLIP_WIDTH) * v for v in (image, text))  # numbers of order one
        return np.concatenate([image, text, body(obs["proprio"])], axis=1).astype(np.float32)
