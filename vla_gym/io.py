"""Atomic writes, and the conversion of values to JSON.

Files and folders are written beside their target and then renamed: a crash leaves the old content,
and a reader sees either the old content or the new.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file by its name: yields the name to write to, and renames it at the end.

    For libraries that open the file themselves; otherwise use `replace_file`. On an exception
    the old file, or none, remains.

    Args:
        path: Target; its folder is created if missing.

    Yields:
        An empty file in the same folder, without the target's suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temp = Path(name)
    try:
        yield temp
        temp.chmod(0o644)  # mkstemp creates files that only their owner can read
        _sync(temp)
        os.replace(temp, path)
        _sync(path.parent)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


def replace_file(path: str | Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Write a binary file atomically.

    Args:
        path: Target; its folder is created if missing.
        write: Writes the content into an open file.

    Returns:
        The target.
    """
    with replacing(path) as temp, temp.open("wb") as file:
        write(file)
    return Path(path)


def replace_text(path: str | Path, text: str) -> Path:
    """Write a text file (UTF-8) atomically and return its path."""
    return replace_file(path, lambda file: file.write(text.encode()))


def write_json(path: str | Path, data: Any, indent: int | None = 1) -> Path:
    """Write data as a JSON file, atomically, and return its path.

    Args:
        path: Target; its folder is created if missing.
        data: Converted by `to_plain`.
        indent: Spaces per level; None for one line.
    """
    return replace_text(path, json.dumps(to_plain(data), indent=indent) + "\n")


def replace_folder(path: str | Path, fill: Callable[[Path], Any]) -> Path:
    """Write a folder atomically; an existing one is replaced as a whole.

    Args:
        path: Target; its parent is created if missing.
        fill: Writes files, but no folders, into the empty folder that it is given.

    Returns:
        The target.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        fill(temp)
        for file in temp.iterdir():
            file.chmod(0o644)
            _sync(file)
        temp.chmod(0o755)
        if path.exists():  # a folder cannot be renamed onto one that has content
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
            os.replace(path, old / path.name)
            os.replace(temp, path)
            shutil.rmtree(old)
        else:
            os.replace(temp, path)
        _sync(path.parent)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    return path


def to_plain(value: Any) -> Any:
    """Convert a value to the types of JSON.

    Dataclasses and mappings become dictionaries, sequences, sets and arrays become lists, numbers
    that are not finite become None, and anything unknown becomes its text.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return to_plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk; some systems cannot do so for folders."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
