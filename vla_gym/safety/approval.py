"""Asking a person before something that was flagged is done."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What a person is asked to approve."""

    what: str
    """What is about to be done."""
    reasons: tuple[str, ...]
    """Why it was flagged."""
    world: int = 0
    """In which world."""


Approval = Callable[[Request], bool]
"""Decides on a request; called in the control loop's thread it may block: the robot waits."""


def ask_keyboard(request: Request, seconds: float | None = None) -> bool:
    """Ask on the terminal; anything but y or yes, no terminal, and silence mean no.

    Args:
        request: What to ask.
        seconds: How long to wait for an answer; None for ever [s].
    """
    print(f"Approve in world {request.world}: {request.what}")
    for reason in request.reasons:
        print(f"  flagged: {reason}")
    print("[y/N] ", end="", flush=True)
    if seconds is not None and not select.select([sys.stdin], [], [], seconds)[0]:
        print(f"no answer in {seconds:g} s: refused")
        return False
    return sys.stdin.readline().strip().lower() in ("y", "yes")
