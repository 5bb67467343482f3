"""Checkpoints as folders of safetensors and JSON: written completely or not at all, no pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vla_gym.agents.policies.checkpoint_folder import CHECKPOINT_SCHEMA, META, read_meta, resolve
from vla_gym.errors import CheckpointError
from vla_gym.io import replace_folder, write_json

_CRITICS = ("critic.", "critic_target.")
"""Weights that acting does not need."""


def write_checkpoint(
    path: str | Path, tensors: Mapping[str, Mapping[str, Tensor]], meta: Mapping[str, Any]
) -> Path:
    """Write a checkpoint folder in one move.

    Args:
        path: The folder; replaced if it exists.
        tensors: File stem -> name -> tensor; "policy" is what acting needs.
        meta: Entries of its JSON file, as `read_meta` lists them.

    Returns:
        The folder.
    """

    def fill(folder: Path) -> None:
        files = {}
        for stem, content in tensors.items():
            file = folder / f"{stem}.safetensors"
            save_file({k: v.detach().contiguous().clone() for k, v in content.items()}, file)
            files[file.name] = {"sha256": _digest(file), "bytes": file.stat().st_size}
        write_json(folder / META, {"schema": CHECKPOINT_SCHEMA, **meta, "files": files})

    return replace_folder(path, fill)


def read_tensors(path: str | Path, stem: str) -> dict[str, Tensor]:
    """One file of a checkpoint, checked against its digest.

    Args:
        path: The checkpoint's folder.
        stem: "policy", "training" or "replay".

    Raises:
        CheckpointError: If it is missing or damaged.
    """
    file = Path(path) / f"{stem}.safetensors"
    entry = read_meta(path).get("files", {}).get(file.name)
    if entry is None or not file.is_file():
        raise CheckpointError(
            f"The checkpoint {path} has no {file.name}. "
            "A policy exported for acting cannot be resumed; use a checkpoint of a run."
        )
    size = file.stat().st_size
    if size != entry["bytes"] or _digest(file) != entry["sha256"]:
        raise CheckpointError(
            f"{file} is damaged: {size} bytes and their digest do not match {META} "
            f"({entry['bytes']} bytes). Use an earlier checkpoint or copy it again."
        )
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as exc:
        raise CheckpointError(f"{file} cannot be read: {exc}.") from exc


def put_weights(policy: torch.nn.Module, path_or_name: str | Path, critics: bool = True) -> None:
    """Give a policy the weights of a checkpoint, a run folder's best, or a shipped policy.

    Args:
        policy: Changed in place.
        path_or_name: As for `vla_gym.agents.policies.checkpoint_folder.resolve`.
        critics: Whether to load the critics too, if the checkpoint has them.

    Raises:
        CheckpointError: If it cannot be read, or does not fit.
    """
    path = resolve(path_or_name)
    weights = read_tensors(path, "policy")
    load_weights(policy, weights if critics else _without_critics(weights), path)


def load_weights(policy: torch.nn.Module, weights: dict[str, Tensor], path: str | Path) -> None:
    """Load weights into a policy; critics may be missing, because they do not act.

    Raises:
        CheckpointError: If names or shapes do not fit.
    """
    own = policy.state_dict()
    missing = [k for k in own if k not in weights and not k.startswith(_CRITICS)]
    wrong = [k for k in weights if k not in own or own[k].shape != weights[k].shape]
    if missing or wrong:
        raise CheckpointError(
            f"The weights in {path} do not fit the policy: missing {missing or 'none'}, "
            f"unknown or of another shape {wrong or 'none'}. Was it trained with another head?"
        )
    policy.load_state_dict(weights, strict=False)
    policy.eval()


def acting_weights(policy: torch.nn.Module) -> dict[str, Tensor]:
    """The weights that acting needs: all but the critics."""
    return _without_critics(policy.state_dict())


def _without_critics(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in weights.items() if not k.startswith(_CRITICS)}


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
