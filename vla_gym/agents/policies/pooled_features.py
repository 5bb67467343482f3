"""A control: the head sees CLIP's one vector of the picture and one of the sentence, no places.

That is how CLIP is often put in front of a policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.agents.policies.features import CLIP_WIDTH, POOLED, Features, body
from vla_gym.errors import InvalidConfigError


class PooledFeatures(Features):
    """Whole vectors of CLIP and what the robot feels of itself.

    Args:
        encoder: `vla_gym.vlm.encoder.ClipEncoder`.
        blind: "instruction" hides the words, "image" the picture.

    Raises:
        InvalidConfigError: If the encoder's vectors have another length than `CLIP_WIDTH`.
    """

    def __init__(self, encoder: Any, blind: str = "none") -> None:
        if encoder.embed_dim != CLIP_WIDTH:
            raise InvalidConfigError(
                f"--features pooled needs a CLIP of width {CLIP_WIDTH}, as the embedded one; "
                f"{encoder.name!r} has {encoder.embed_dim}. Use --features clip."
            )
        self.encoder, self.blind = encoder, blind
        self.space = spaces.Box(-np.inf, np.inf, (sum(POOLED.values()),), np.float32)

    def observe(self, obs: dict[str, Any], instructions: tuple[str, ...]) -> NDArray[np.float32]:
        """Features of one observation per world, laid out as `POOLED`. Shape (n, f)."""
        n = len(instructions)
        seen = said = np.zeros((n, CLIP_WIDTH))
        if self.blind != "image":
            seen = self.encoder.encode_image(obs["image"]).pooled.cpu().numpy()
        if self.blind != "instruction":
            said = self.encoder.encode_text(list(instructions)).cpu().numpy()
        seen, said = (np.sqrt(CLIP_WIDTH) * v for v in (seen, said))  # numbers of order one
        return np.concatenate([seen, said, body(obs["proprio"])], axis=1).astype(np.float32)
