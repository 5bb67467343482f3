"""Checkpoints as folders of safetensors and JSON: written whole or not at all, never pickled."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vla_gym.agents.learning.config import TrainConfig, from_dict, layout_of
from vla_gym.agents.policies.head_agent import HeadAgent
from vla_gym.errors import CheckpointError

SCHEMA = "vla_gym/checkpoint/1"
META = "checkpoint.json"
POLICY = "policy.safetensors"
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "policies"
"""Folder of the policies that come with the package."""
_STEP = re.compile(r"step-(\d+)$")
_CRITICS = ("critic.", "critic_target.")


def fingerprint(config: TrainConfig) -> dict[str, Any]:
    """What has to agree between a checkpoint and the run that goes on from it."""
    return {
        "env": config.env,
        "agent": config.agent,
        "action": config.action_kind,
        "features": config.features,
        "blind": config.blind,
        "encoder": None if config.features == "privileged" else config.encoder,
        "hidden": list(config.head.hidden),
        "n_mixture": config.head.n_mixture if config.action_kind == "tokens" else None,
        "layout": [f"{name}:{n}" for name, n in layout_of(config).items()],
    }


def write_checkpoint(
    path: str | Path, tensors: Mapping[str, Mapping[str, Tensor]], meta: Mapping[str, Any]
) -> Path:
    """Write a checkpoint folder in one move.

    Args:
        path: The folder; replaced if it exists.
        tensors: File stem -> name -> tensor; "policy" is what acting needs.
        meta: More entries of its JSON file.

    Returns:
        The folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        files = {}
        for stem, content in tensors.items():
            file = temp / f"{stem}.safetensors"
            save_file({k: v.detach().contiguous().clone() for k, v in content.items()}, file)
            file.chmod(0o644)
            files[file.name] = {"sha256": _digest(file), "bytes": file.stat().st_size}
        text = json.dumps({"schema": SCHEMA, **meta, "files": files}, indent=1)
        (temp / META).write_text(text + "\n", encoding="utf-8")
        for file in temp.iterdir():
            _sync(file)
        temp.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
            os.replace(path, old / "it")
            os.replace(temp, path)
            shutil.rmtree(old)
        else:
            os.replace(temp, path)
        _sync(path.parent)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    return path


def read_meta(path: str | Path) -> dict[str, Any]:
    """A checkpoint's JSON file.

    Raises:
        CheckpointError: If it is missing, damaged, or something else.
    """
    file = Path(path) / META
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as fault:
        raise CheckpointError(
            f"{path} is no checkpoint: it has no {META}. Give a checkpoint folder, a run folder, "
            f"or one of the shipped policies ({', '.join(shipped()) or 'none'})."
        ) from fault
    except (OSError, ValueError) as fault:
        raise CheckpointError(f"{file} is damaged ({fault}). Use an earlier checkpoint.") from fault
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
        found = meta.get("schema") if isinstance(meta, dict) else type(meta).__name__
        raise CheckpointError(
            f"{file} has schema {found!r}, this version reads {SCHEMA!r}. "
            "It was written by something else or by another version of vla_gym."
        )
    return meta


def read_tensors(path: str | Path, stem: str) -> dict[str, Tensor]:
    """One file of a checkpoint, checked against its digest.

    Raises:
        CheckpointError: If it is missing or damaged.
    """
    file = Path(path) / f"{stem}.safetensors"
    entry = read_meta(path).get("files", {}).get(file.name)
    if entry is None or not file.is_file():
        raise CheckpointError(
            f"The checkpoint {path} has no {file.name}. "
            "A policy exported for acting cannot be learnt on; use a run's checkpoint."
        )
    size = file.stat().st_size
    if size != entry["bytes"] or _digest(file) != entry["sha256"]:
        raise CheckpointError(
            f"{file} is damaged: {size} bytes and their digest do not match {META} "
            f"({entry['bytes']} bytes). Use an earlier checkpoint or copy it again."
        )
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as fault:
        raise CheckpointError(f"{file} cannot be read: {fault}.") from fault


def resolve(path_or_name: str | Path, prefer: str = "best") -> Path:
    """Find a checkpoint folder.

    Args:
        path_or_name: A checkpoint, a run folder, or the name of a shipped policy.
        prefer: In a run folder, "best" (on validation) or "latest".

    Raises:
        CheckpointError: If there is none.
    """
    path = Path(path_or_name)
    if (path / META).is_file():
        return path
    if prefer == "best" and (path / "best" / META).is_file():
        return path / "best"
    steps = sorted(complete(path / "checkpoints")) or sorted(complete(path))
    if steps:
        return steps[-1][1]
    if "/" not in str(path_or_name) and (SHIPPED / str(path_or_name) / META).is_file():
        return SHIPPED / str(path_or_name)
    raise CheckpointError(
        f"No checkpoint at {path_or_name}. Give a checkpoint folder, a run folder that has "
        f"got as far as its first checkpoint, or a shipped policy "
        f"({', '.join(shipped()) or 'none'})."
    )


def complete(folder: Path) -> list[tuple[int, Path]]:
    """Steps and folders of the complete checkpoints in a folder."""
    if not folder.is_dir():
        return []
    found = [(_STEP.match(p.name), p) for p in folder.iterdir() if (p / META).is_file()]
    return [(int(m.group(1)), p) for m, p in found if m]


def shipped() -> list[str]:
    """Names of the policies that come with the package."""
    if not SHIPPED.is_dir():
        return []
    return sorted(p.name for p in SHIPPED.iterdir() if (p / META).is_file())


def read_config(path_or_name: str | Path) -> TrainConfig:
    """The configuration that a checkpoint was trained with."""
    return from_dict(read_meta(resolve(path_or_name, "latest"))["config"])


SHAPE = ("agent", "action", "hidden", "n_mixture", "layout")
"""What has to agree for a policy to begin from another one's weights."""


def check_fits(path: str | Path, config: TrainConfig, only: tuple[str, ...] | None = None) -> None:
    """Make sure that a run of this configuration can go on from a checkpoint.

    Args:
        path: The checkpoint.
        config: Of the run.
        only: What has to agree; None for everything in `fingerprint`.

    Raises:
        CheckpointError: If they differ in what has to agree; says in what.
    """
    old, new = read_meta(path).get("fingerprint", {}), fingerprint(config)
    wrong = []
    for name in new if only is None else only:
        if old.get(name) != new[name]:
            was, now = _apart(old.get(name), new[name])
            wrong.append(f"{name}: checkpoint {was!r}, now {now!r}")
    if wrong:
        raise CheckpointError(
            f"The checkpoint {path} belongs to a different set-up ({'; '.join(wrong)}). "
            "Start with the same options, or train anew without --resume or --init."
        )


def _apart(old: Any, new: Any) -> tuple[Any, Any]:
    """Two values that differ, or of two lists of the same order what only one of them has."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return old, new
    gone, added = [x for x in old if x not in new], [x for x in new if x not in old]
    return (gone, added) if gone or added else (old, new)


def load_policy(
    path_or_name: str | Path,
    venv: Any,
    deterministic: bool = True,
    blind: str | None = None,
    features: str | None = None,
    encoder: Any = None,
) -> HeadAgent:
    """A trained policy, ready to act in an environment.

    Args:
        path_or_name: A checkpoint, a run folder (its best), or the name of a shipped policy.
        venv: The environment that it shall act in.
        deterministic: Whether to act as the policy's `decode` says, or to draw every number.
        blind: What to hide from it; None as it was trained.
        features: Who finds the named things; None as it was trained.
        encoder: CLIP object or name; None as it was trained.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged, or its parts do not fit.
    """
    from vla_gym.agents.learning import builders

    path = resolve(path_or_name)
    config = from_dict(read_meta(path)["config"])
    check_fits(path, config)  # the feature layout of this version
    if features is not None:
        config.features = features  # type: ignore[assignment]
    policy = builders.bare_policy(config)
    put_weights(policy, path)
    made = builders.make_features(venv, config, encoder, blind)
    return HeadAgent(policy, made, builders.make_tokens(config), deterministic, venv)


def put_weights(policy: torch.nn.Module, path_or_name: str | Path) -> None:
    """Give a policy the weights of a checkpoint, a run folder's best, or a shipped policy.

    Raises:
        CheckpointError: If it cannot be read, or does not fit.
    """
    path = resolve(path_or_name)
    load_weights(policy, read_tensors(path, "policy"), path)


def load_weights(policy: torch.nn.Module, weights: dict[str, Tensor], path: str | Path) -> None:
    """Load weights into a policy; critics may be missing, for they do not act.

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
    return {k: v for k, v in policy.state_dict().items() if not k.startswith(_CRITICS)}


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot sync a folder
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
