"""Checkpoints of version 0.1.0, read as if this version had written them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vla_gym.agents.policies.head_spec import HeadSpec

SCHEMA_1 = "vla_gym/checkpoint/1"
_OPTIONS = {"practice": "failure_replay", "rehearse": "self_imitation"}
"""Training options that have another name now."""
_FEATURES = {"way": "direction", "way_left": "distance", "skill": "verb",
             "picture": "image", "sentence": "instruction"}  # fmt: skip
"""Parts of the feature vector that have another name now."""
_SAME = ("agent", "features", "encoder", "blind", "seed")
_HEAD = ("hidden", "n_mixture", "min_scale", "decode")


def upgrade(meta: Mapping[str, Any], schema: str) -> dict[str, Any]:
    """Convert the JSON file of a checkpoint.

    Policies of 0.1.0 act as before, and training can start from them; their runs cannot be resumed.

    Args:
        meta: As 0.1.0 wrote it.
        schema: The present schema.

    Returns:
        As this version writes it, with the old schema as ``upgraded_from``.
    """
    rest = {k: v for k, v in meta.items() if k not in ("config", "fingerprint")}
    config = {_OPTIONS.get(k, k): v for k, v in meta["config"].items()}
    head = {name: config[name] for name in _SAME if name in config}
    head |= {name: config["head"][name] for name in _HEAD if name in config.get("head", {})}
    head["action"] = config.get("action") or (
        "tokens" if config["agent"] == "ppo" else "continuous"
    )
    head["verbs"], head["terminate"] = bool(config.get("skills")), bool(config.get("terminate"))
    spec = HeadSpec.from_dict(head).policy_spec(config["env"])
    parts = [line.split(":") for line in meta["fingerprint"]["layout"]]
    head["layout"] = [f"{_FEATURES.get(name, name)}:{n}" for name, n in parts]
    return {
        **rest,
        "schema": schema,
        "upgraded_from": meta["schema"],
        "spec": spec.to_dict(),
        "head": head,
        "training": config,
    }
