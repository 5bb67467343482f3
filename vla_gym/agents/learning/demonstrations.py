"""Demonstrations: successful episodes as arrays of features and actions."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import CheckpointError
from vla_gym.io import replace_file


@dataclass
class Demos:
    """Steps of successful episodes, concatenated."""

    features: NDArray[np.float32]
    """Features. Shape (N, f)."""
    next_features: NDArray[np.float32]
    """Features of the next step; arbitrary at the end of an episode. Shape (N, f)."""
    actions: NDArray[np.float32]
    """Executed actions: the expert's, with noise on the motion. Shape (N, 7), or (N, 8) with the
    number that ends an episode."""
    labels: NDArray[np.float32]
    """The expert's actions. Shape as of `actions`."""
    rewards: NDArray[np.float32]
    """Shape (N,)."""
    dones: NDArray[np.float32]
    """1 at the last step of an episode. Shape (N,)."""

    @property
    def n_episodes(self) -> int:
        """Number of episodes."""
        return int(self.dones.sum())

    @property
    def episode(self) -> NDArray[np.int64]:
        """Episode number of each step. Shape (N,)."""
        return (np.cumsum(self.dones) - self.dones).astype(np.int64)

    def save(self, path: str | Path) -> None:
        """Write a compressed npz file atomically."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        replace_file(Path(path), lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> Demos:
        """Read what `save` wrote.

        Raises:
            CheckpointError: If the file is missing, damaged, or something else.
        """
        names = [f.name for f in fields(cls)]
        try:
            # opened here, for np.load leaves a damaged file open
            with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
                return cls(**{name: file[name] for name in names})
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as exc:
            raise CheckpointError(
                f"Cannot read demonstrations from {path}: {exc}. Expected an npz file with the "
                f"arrays {', '.join(names)}; delete it to have them collected again."
            ) from exc

    @classmethod
    def join(cls, parts: Sequence[Demos]) -> Demos:
        """Concatenate."""
        names = [f.name for f in fields(cls)]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
