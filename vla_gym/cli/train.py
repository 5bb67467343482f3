"""``vla-gym train``: the same as ``train.py``, from anywhere."""

from __future__ import annotations

from collections.abc import Sequence


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    from vla_gym.agents.learning.config import parse

    config = parse(args)
    from vla_gym.agents.learning.training import train  # loads torch

    train(config)
    return 0
