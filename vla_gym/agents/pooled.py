"""A control: the head sees CLIP's one vector of the picture and one of the sentence, no places.

That is how CLIP is often put in front of a policy. What it costs is measured in docs/results.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.agents.features import CLIP_WIDTH, POOLED, body
from vla_gym.errors import InvalidConfigError


class PooledFeatures:
    """Batched observations to flat feature vectors, as `PolicyFeatures` but without memory.

    Args:
        n: Number of worlds.
        encoder: `vla_gym.vlm.encoder.ClipEncoder`.
        blind: "instruction" hides the words, "image" the picture.

    Raises:
        InvalidConfigError: If the encoder's vectors have another length than `CLIP_WIDTH`.
    """

    def __init__(self, n: int, encoder: Any, blind: str = "none") -> None:
        if encoder.embed_dim != CLIP_WIDTH:
            raise InvalidConfigError(
                f"--features pooled is a control for CLIPs of width {CLIP_WIDTH}, as the embedded one; "
                f"{encoder.name!r} has {encoder.embed_dim}. Use --features clip."
            )
        self.n, self.encoder, self.blind = n, encoder, blind
        self.length = sum(POOLED.values())
        self.space = spaces.Box(-np.inf, np.inf, (self.length,), np.float32)
        self.source: Any = None

    def reset(self, mask: NDArray[np.bool_]) -> None:
        """Nothing is remembered."""

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

    def advance(
        self,
        obs: dict[str, Any],
        instructions: tuple[str, ...],
        done: NDArray[np.bool_],
        last: dict[int, dict[str, Any]],
        old_instructions: tuple[str, ...],
    ) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
        """As `PolicyFeatures.advance`."""
        rows, finals = self.observe(obs, instructions), {}
        if last:
            both = {k: np.stack([o[k] for o in last.values()]) for k in ("image", "proprio") if k in obs}
            old = self.observe(both, tuple(old_instructions[i] for i in last))
            finals = dict(zip(last, old, strict=True))
        return rows, finals

    def state_dict(self) -> dict[str, NDArray]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: dict[str, NDArray]) -> None:
        """Nothing is remembered."""
