"""Finding checkpoints, and reading what they say about themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vla_gym.agents.policies.head_spec import IDENTITY, HeadSpec, apart
from vla_gym.agents.policies.legacy_checkpoint import SCHEMA_1, upgrade
from vla_gym.agents.policies.policy import PolicySpec
from vla_gym.errors import CheckpointError

CHECKPOINT_SCHEMA = "vla_gym/checkpoint/2"
META = "checkpoint.json"
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "policies"
"""Folder of the policies that come with the package."""
_STEP = re.compile(r"step-(\d+)$")


def read_meta(path: str | Path) -> dict[str, Any]:
    """A checkpoint's JSON file.

    Args:
        path: The checkpoint's folder.

    Returns:
        ``head``: fields of `HeadSpec`. ``spec``: fields of `PolicySpec`. ``training``: the
        configuration that it was trained with. ``files``: digests. ``steps``, and what a run
        needs to be resumed.

    Raises:
        CheckpointError: If it is missing, damaged, or something else.
    """
    file = Path(path) / META
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise CheckpointError(
            f"{path} is no checkpoint: it has no {META}. Give a checkpoint folder, a run folder, "
            f"or one of the shipped policies ({', '.join(checkpoint_names()) or 'none'})."
        ) from exc
    except (OSError, ValueError) as exc:
        raise CheckpointError(f"{file} is damaged ({exc}). Use an earlier checkpoint.") from exc
    found = meta.get("schema") if isinstance(meta, dict) else type(meta).__name__
    if found == SCHEMA_1:
        try:
            return upgrade(meta, CHECKPOINT_SCHEMA)
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            raise CheckpointError(f"{file} is damaged ({exc!r}). Copy it again.") from exc
    if found != CHECKPOINT_SCHEMA:
        raise CheckpointError(
            f"{file} has schema {found!r}, this version reads {CHECKPOINT_SCHEMA!r} and "
            f"{SCHEMA_1!r}. It was written by something else or by another version of vla_gym."
        )
    return meta


def read_head(path_or_name: str | Path, prefer: str = "best") -> HeadSpec:
    """The head of a checkpoint, which `resolve` finds."""
    return HeadSpec.from_dict(read_meta(resolve(path_or_name, prefer))["head"])


def read_spec(path_or_name: str | Path, prefer: str = "best") -> PolicySpec:
    """The policy specification of a checkpoint, which `resolve` finds."""
    return PolicySpec.from_dict(read_meta(resolve(path_or_name, prefer))["spec"])


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
        f"({', '.join(checkpoint_names()) or 'none'})."
    )


def resumable(path_or_name: str | Path) -> Path:
    """The checkpoint, a run folder's latest, from which training is resumed.

    Raises:
        CheckpointError: If there is none, or it was written by version 0.1.0.
    """
    path = resolve(path_or_name, "latest")
    if "upgraded_from" in read_meta(path):
        raise CheckpointError(
            f"{path} was written by version 0.1.0, whose runs cannot be resumed by this version. "
            f"Start a new run from its policy with --init {path}."
        )
    return path


def complete(folder: Path) -> list[tuple[int, Path]]:
    """Steps and folders of the complete checkpoints in a folder."""
    if not folder.is_dir():
        return []
    found = [(_STEP.match(p.name), p) for p in folder.iterdir() if (p / META).is_file()]
    return [(int(m.group(1)), p) for m, p in found if m]


def checkpoint_names() -> tuple[str, ...]:
    """Names of the policies that come with the package."""
    if not SHIPPED.is_dir():
        return ()
    return tuple(sorted(p.name for p in SHIPPED.iterdir() if (p / META).is_file()))


def check_fits(
    path: Path, head: HeadSpec, env_id: str | None = None, only: tuple[str, ...] = IDENTITY
) -> None:
    """Make sure that training can go on from a checkpoint.

    Args:
        path: The checkpoint.
        head: Of the run.
        env_id: Environment of the run; None if it may be another one than the checkpoint's.
        only: What has to agree, names of `HeadSpec.identity`.

    Raises:
        CheckpointError: If they differ in what has to agree; says in what.
    """
    old, new = read_head(path).identity(), head.identity()
    old, new = {name: old[name] for name in only}, {name: new[name] for name in only}
    if env_id is not None:
        old, new = {"env": read_spec(path).env_id, **old}, {"env": env_id, **new}
    wrong = []
    for name in new:
        if old[name] != new[name]:
            was, now = apart(old[name], new[name])
            wrong.append(f"{name}: checkpoint {was!r}, now {now!r}")
    if wrong:
        raise CheckpointError(
            f"The checkpoint {path} belongs to a different set-up ({'; '.join(wrong)}). "
            "Start with the same options, or start a new run without --resume or --init."
        )
