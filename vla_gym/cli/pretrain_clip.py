"""``vla-gym pretrain-clip``: train the embedded CLIP from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import tyro


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    from vla_gym.pretraining.trainer import PretrainConfig, pretrain

    pretrain(tyro.cli(PretrainConfig, args=list(args), prog="vla-gym pretrain-clip"))
    return 0
