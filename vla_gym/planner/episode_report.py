"""`Report`: what happened in one episode of a hierarchical policy."""

from __future__ import annotations

from dataclasses import dataclass, field

from vla_gym.planner.decide import Decision

WAITING, RUNNING, DONE, REFUSED, FAILED, OVER = range(6)
"""Waiting for a plan, executing it, finished it, refused as not feasible, gave up after failures,
or the episode is over."""
STATES = ("waiting", "running", "done", "refused", "failed")
"""Names of the states."""


@dataclass
class Report:
    """What happened in one episode."""

    instruction: str = ""
    decisions: list[Decision] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """Finished steps and failures, in order."""
    state: str = "waiting"
    touched: bool = False
    """Whether a finger touched anything."""
    regrounded: int = 0
    """How often an object had moved by itself before its step."""
