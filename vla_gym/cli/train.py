"""``vla-gym train``: what ``train.py`` does, from anywhere."""

from __future__ import annotations

from collections.abc import Sequence


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    from vla_gym.agents.learning.config import parse
    from vla_gym.agents.learning.training import train

    train(parse(args))
    return 0
