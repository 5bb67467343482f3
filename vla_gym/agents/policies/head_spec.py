"""What a trained action head is made of: all that acting needs besides the weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vla_gym.agents.policies.feature_layout import layout
from vla_gym.agents.policies.policy import ActionSpec, PolicySpec
from vla_gym.errors import CheckpointError
from vla_gym.world.controller import REFERENCE_HZ

Decode = Literal["steady", "mean", "mode", "sample"]
"""How a trained policy chooses from its distribution. "steady" moves by the mean but samples the
gripper: where images do not tell whether the fingers are in place yet, the best policy closes them
with some probability; without sampling it might never close them."""
Blind = Literal["none", "instruction", "image"]
"""What is hidden from a policy, as a control."""
SHAPE = ("agent", "action", "hidden", "n_mixture", "layout")
"""What has to agree for a policy to start from the weights of another one."""
IDENTITY = (*SHAPE, "features", "blind", "encoder")
"""What has to agree for training to be resumed."""


@dataclass(frozen=True)
class HeadSpec:
    """An action head and the features that it observes."""

    agent: Literal["ppo", "sac"] = "ppo"
    """Algorithm that trains it, which decides the kind of network."""
    action: Literal["tokens", "continuous"] = "tokens"
    """RT-2 action tokens, or numbers."""
    features: Literal["clip", "privileged", "pooled"] = "clip"
    """Where object positions come from: CLIP, or the simulator. pooled: no positions, but CLIP's
    image and text vectors."""
    encoder: str = "embedded"
    """Name of the CLIP model."""
    blind: Blind = "none"
    """What is hidden from it."""
    verbs: bool = False
    """Whether the probability of each verb is a feature."""
    terminate: bool = False
    """Whether it may end an episode; the time elapsed is then a feature."""
    hidden: tuple[int, ...] = (64, 60)
    """Widths of the hidden layers."""
    n_mixture: int = 3
    """Tokens: logistics per dimension."""
    min_scale: float = 0.05
    """Tokens: smallest logistic scale."""
    decode: Decode = "steady"
    """How it chooses an action."""
    seed: int = 0
    """Seed of the errors of privileged positions."""

    @property
    def layout(self) -> dict[str, int]:
        """Parts of its feature vector, with their lengths."""
        return layout(self.verbs, self.features == "pooled", self.terminate)

    @property
    def needs_encoder(self) -> bool:
        """Whether it needs a CLIP model."""
        return self.features != "privileged"

    @property
    def images(self) -> tuple[str, ...]:
        """The images that it observes."""
        return ("image",) if self.needs_encoder and self.blind != "image" else ()

    def policy_spec(self, env_id: str) -> PolicySpec:
        """What the policy around this head needs of an environment.

        Args:
            env_id: The environment that it learns in.
        """
        return PolicySpec(
            observations=(*self.images, "proprio", "instruction"),
            action=ActionSpec(terminate=self.terminate),
            control_hz=REFERENCE_HZ,
            env_id=env_id,
            encoder=self.encoder if self.needs_encoder else None,
        )

    def identity(self) -> dict[str, Any]:
        """The values that `SHAPE` and `IDENTITY` name; None where a value makes no difference."""
        values = {name: getattr(self, name) for name in IDENTITY}
        if self.action != "tokens":
            values["n_mixture"] = None
        if not self.needs_encoder:
            values["encoder"] = None
        return values | {"hidden": list(self.hidden), "layout": _lines(self.layout)}

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with the layout of the features."""
        values = dataclasses.asdict(self)
        return values | {"hidden": list(self.hidden), "layout": _lines(self.layout)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HeadSpec:
        """Read what `to_dict` returned.

        Raises:
            CheckpointError: If a field is unknown, or the features are not those of this version.
        """
        values = dict(values)
        stored = values.pop("layout", None)
        known = [f.name for f in dataclasses.fields(cls)]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise CheckpointError(
                f"Unknown fields of a head: {', '.join(unknown)}. Valid: {', '.join(known)}. "
                "Was the checkpoint written by a newer version?"
            )
        head = cls(**{**values, "hidden": tuple(values.get("hidden", cls.hidden))})
        if stored is not None and stored != _lines(head.layout):
            was, now = apart(stored, _lines(head.layout))
            raise CheckpointError(
                f"The checkpoint's features are not those of this version: it has {was}, this "
                f"version {now}. Use the version of vla_gym that it was trained with."
            )
        return head


def apart(old: Any, new: Any) -> tuple[Any, Any]:
    """Two different values; of two lists, what only one of them has, if anything."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return old, new
    gone, added = [x for x in old if x not in new], [x for x in new if x not in old]
    return (gone, added) if gone or added else (old, new)


def _lines(parts: Mapping[str, int]) -> list[str]:
    return [f"{name}:{n}" for name, n in parts.items()]
