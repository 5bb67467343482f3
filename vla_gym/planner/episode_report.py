"""What the two loops tell of one world's episode."""

from __future__ import annotations

from dataclasses import dataclass, field

from vla_gym.planner.decide import Decision

WAITING, RUNNING, DONE, REFUSED, FAILED, OVER = range(6)
"""Waits for a plan, executes it, has executed it, said that it is not feasible, gave up, or its
episode is over."""
STATES = ("waiting", "running", "done", "refused", "failed")
"""The same as words."""


@dataclass
class Report:
    """What happened in one world's episode."""

    instruction: str = ""
    decisions: list[Decision] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """What was done and what went wrong, in order."""
    state: str = "waiting"
    touched: bool = False
    """Whether a finger touched anything."""
    regrounded: int = 0
    """How often a thing was found to have moved by itself before it was dealt with."""
