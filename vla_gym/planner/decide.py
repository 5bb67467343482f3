"""Asks a planner until its plan passes every check, so many times at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vla_gym.errors import PlanError, PlannerUnavailableError
from vla_gym.planner.check import THRESHOLD, Embodiment, check
from vla_gym.planner.plan import Plan, Problem, parse_plan
from vla_gym.planner.requests import Planner, Reply, Request

Sight = Callable[[Request], Mapping[str, float]]
"""From a request to name -> confidence that CLIP sees it."""


@dataclass(frozen=True)
class Decision:
    """A plan that may be executed, or a reason why nothing is."""

    plan: Plan
    """If not feasible, nothing moves."""
    replies: tuple[Reply, ...] = ()
    problems: tuple[tuple[Problem, ...], ...] = ()
    """What was wrong with each reply; empty for one that passed."""
    confidence: Mapping[str, float] = field(default_factory=dict)
    """How sure CLIP is of each thing."""
    seconds: float = 0.0
    """[s]."""
    cached: bool = False

    @property
    def schema_valid(self) -> bool:
        """Whether there was a first reply, and it kept to the schema."""
        return self.answered and all(p.check != "schema" for p in self.problems[0])

    @property
    def answered(self) -> bool:
        """Whether the planner answered at once; a server can be too slow, or gone."""
        return bool(self.problems) and all(p.check != "service" for p in self.problems[0])

    @property
    def executable(self) -> bool:
        """Whether the first reply was a plan that passed every check."""
        return bool(self.problems) and not self.problems[0] and self.plan.feasible


class Decider:
    """Turns requests into decisions, and remembers them.

    Args:
        planner: Whom to ask.
        body: What the arm can do.
        sight: How sure CLIP is of the things; None leaves that check out.
        threshold: From which confidence a thing counts as there.
        tries: How often the planner is asked about one request, if its answers differ.
        remember: Decisions kept for repeated situations; 0 for none.
    """

    def __init__(
        self, planner: Planner, body: Embodiment | None = None, sight: Sight | None = None,
        threshold: float = THRESHOLD, tries: int = 3, remember: int = 1024,
    ) -> None:  # fmt: skip
        self.planner, self.body, self.sight = planner, body or Embodiment(), sight
        self.threshold, self.tries = threshold, min(tries, planner.tries)
        self.thought = bool(getattr(planner, "thought", False))
        self.needs_picture = sight is not None or bool(getattr(planner, "picture", False))
        """Whether requests have to carry a picture."""
        self.remember, self.hits = remember, 0
        self._memory: dict[tuple, Decision] = {}
        self._lock = threading.Lock()

    def decide(self, request: Request) -> Decision:
        """Ask, check, tell what was wrong, ask again; then give up.

        Never raises on what a planner answers; a planner that is unavailable is not feasible.
        """
        key = _situation(request)
        with self._lock:
            known = self._memory.get(key)
        if known is not None and not self._problems(known.plan, request)[0]:
            self.hits += 1
            return replace(known, cached=True, seconds=0.0, replies=(), problems=((),))
        decision = self._ask(request)
        unavailable = any(p.check == "service" for group in decision.problems for p in group)
        if self.remember and not unavailable:
            with self._lock:
                if len(self._memory) >= self.remember:
                    self._memory.pop(next(iter(self._memory)))
                self._memory[key] = decision
        return decision

    def _ask(self, request: Request) -> Decision:
        begun, replies, faults = time.perf_counter(), [], []
        sure: Mapping[str, float] = {}
        plan = Plan(feasible=False, reason="no plan was made")
        for _ in range(self.tries):
            try:
                reply = self.planner.plan(request)
            except PlannerUnavailableError as fault:
                faults.append((Problem("service", str(fault)),))
                plan = Plan(feasible=False, reason=str(fault))
                break
            replies.append(reply)
            try:
                plan = parse_plan(reply.text, request.scene.names, self.thought)
                problems, sure = self._problems(plan, request)
            except PlanError as fault:
                problems = [Problem("schema", str(fault))]
            faults.append(tuple(problems))
            if not problems:
                break
            told = "; ".join(p.text for p in problems)
            plan = Plan(feasible=False, reason=told)
            request = replace(request, rejected=(*request.rejected, (reply.text, told)))
        spent = time.perf_counter() - begun
        return Decision(plan, tuple(replies), tuple(faults), sure, spent)

    def _problems(self, plan: Plan, request: Request) -> tuple[list[Problem], Mapping[str, float]]:
        if self.sight is None or not plan.feasible:
            return check(plan, request.scene, self.body), {}
        now = self.sight(request)
        sure = {name: max(c, request.seen.get(name, 0.0)) for name, c in now.items()}
        return check(plan, request.scene, self.body, sure, self.threshold), sure


def _situation(request: Request) -> tuple:
    """What makes two requests alike: plans name things and no places, so places do not count."""
    scene = request.scene
    return (
        request.instruction, frozenset(scene.names), scene.held, request.rejected, request.failure,
    )  # fmt: skip
