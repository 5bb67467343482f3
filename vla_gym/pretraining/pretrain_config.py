"""`PretrainConfig`: settings of pretraining; their docstrings are the help of the command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of one pretraining run."""

    out: str = "runs/clip"
    """Folder of checkpoints, log and model."""
    minutes: float = 50.0
    """Training time, over which the learning rate is scheduled; ignored if `steps` is set."""
    steps: int = 0
    """Batches to train on; 0 trains for `minutes`. With it, a run is reproducible bit by bit."""
    batch: int = 16
    """Images per batch."""
    lr: float = 1.5e-3
    """Highest learning rate."""
    weight_decay: float = 0.02
    """AdamW's, on matrices alone."""
    warmup: float = 0.04
    """Share of the run in which the learning rate rises."""
    seed: int = 0
    """Seed of weights, scenes and texts."""
    threads: int = 0
    """Threads of torch; 0 tries one and all cores from time to time and keeps the faster, for
    machines that are shared. The next batch is rendered on one further thread."""
    save_every_s: float = 120.0
    """Seconds between checkpoints, each of which is validated."""
    skill_steps: int = 2_000
    """Batches of instructions to train the verb head on, at the end."""
    valid_batches: int = 6
    """Batches of held-out images."""
    wide_share: float = 0.5
    """Share of images with tables, lamps and cameras far from the default ones."""
    init: str = ""
    """Folder of an earlier model of this shape, to start from its weights."""
    resume: bool = False
    """Continue from the last checkpoint in `out`."""
    export: bool = False
    """Also copy the model into the package at each checkpoint."""
