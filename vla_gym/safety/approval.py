"""Asking a person before a flagged action or plan step is executed."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ApprovalRequest:
    """What a person is asked to approve."""

    what: str
    """What is about to be done."""
    reasons: tuple[str, ...]
    """Why it was flagged."""
    index: int = 0
    """Sub-environment in which it would be done."""


Approval = Callable[[ApprovalRequest], bool]
"""Decides on a request. It is called within the control step: while it blocks, the robot waits."""


def ask_keyboard(request: ApprovalRequest, seconds: float | None = None) -> bool:
    """Ask on the terminal; every answer but "y" or "yes", and no answer, mean no.

    Args:
        request: What to ask.
        seconds: Time to wait for an answer [s]; None waits without limit.
    """
    print(f"Approve in sub-environment {request.index}: {request.what}")
    for reason in request.reasons:
        print(f"  flagged: {reason}")
    print("[y/N] ", end="", flush=True)
    if seconds is not None and not select.select([sys.stdin], [], [], seconds)[0]:
        print(f"no answer in {seconds:g} s: refused")
        return False
    return sys.stdin.readline().strip().lower() in ("y", "yes")
