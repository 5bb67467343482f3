"""``vla-gym pretrain-clip``: train the embedded CLIP from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import tyro

from vla_gym.pretraining.pretrain_config import PretrainConfig


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(PretrainConfig, args=list(args), prog="vla-gym pretrain-clip")
    from vla_gym.pretraining.trainer import pretrain

    pretrain(config)
    return 0
