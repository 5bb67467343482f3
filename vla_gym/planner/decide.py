"""`Decider`: asks a planner until a plan passes every check, or gives up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vla_gym.errors import PlanError, PlannerUnavailableError
from vla_gym.planner.check import THRESHOLD, Embodiment, check
from vla_gym.planner.plan import Plan, Problem, parse_plan
from vla_gym.planner.requests import Planner, PlanRequest, Reply

Sight = Callable[[PlanRequest], Mapping[str, float]]
"""From a request to name -> confidence that the object is there."""


@dataclass(frozen=True)
class Decision:
    """A plan that may be executed, or the reason why there is none."""

    plan: Plan
    """If not feasible, nothing moves."""
    replies: tuple[Reply, ...] = ()
    problems: tuple[tuple[Problem, ...], ...] = ()
    """Of each reply; none for one that passed the checks."""
    confidence: Mapping[str, float] = field(default_factory=dict)
    """Name -> CLIP's confidence that the object is there."""
    seconds: float = 0.0
    """[s]."""
    cached: bool = False

    @property
    def schema_valid(self) -> bool:
        """Whether the first reply kept to the schema."""
        return self.answered and all(p.check != "schema" for p in self.problems[0])

    @property
    def answered(self) -> bool:
        """Whether there was a first reply; a server can be too slow or unavailable."""
        return bool(self.problems) and all(p.check != "service" for p in self.problems[0])

    @property
    def executable(self) -> bool:
        """Whether the first reply was a plan that passed every check."""
        return bool(self.problems) and not self.problems[0] and self.plan.feasible


class Decider:
    """Turns requests into decisions, and caches them.

    Args:
        planner: Makes the plans.
        body: What the arm can do.
        sight: Confidence that the objects are there; None leaves that check out.
        threshold: Confidence from which an object counts as there.
        tries: Most replies to one request, if the planner can answer differently.
        remember: Number of decisions kept for repeated situations; 0 for none.
    """

    def __init__(
        self, planner: Planner, body: Embodiment | None = None, sight: Sight | None = None,
        threshold: float = THRESHOLD, tries: int = 3, remember: int = 1024,
    ) -> None:  # fmt: skip
        self.planner, self.body, self.sight = planner, body or Embodiment(), sight
        self.threshold, self.tries = threshold, min(tries, planner.tries)
        self.thought = bool(getattr(planner, "thought", False))
        self.needs_image = sight is not None or bool(getattr(planner, "with_image", False))
        """Whether requests need an image."""
        self.remember, self.hits = remember, 0
        self._memory: dict[tuple, Decision] = {}
        self._lock = threading.Lock()

    def decide(self, request: PlanRequest) -> Decision:
        """Ask, check, say what was wrong, ask again; give up after `tries` replies.

        No reply raises an exception; an unavailable planner gives a plan that is not feasible.
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

    def _ask(self, request: PlanRequest) -> Decision:
        start, replies, found = time.perf_counter(), [], []
        sure: Mapping[str, float] = {}
        plan = Plan(feasible=False, reason="no plan was made")
        for _ in range(self.tries):
            try:
                reply = self.planner.plan(request)
            except PlannerUnavailableError as error:
                found.append((Problem("service", str(error)),))
                plan = Plan(feasible=False, reason=str(error))
                break
            replies.append(reply)
            try:
                plan = parse_plan(reply.text, request.scene.names, self.thought)
                problems, sure = self._problems(plan, request)
            except PlanError as error:
                problems = [Problem("schema", str(error))]
            found.append(tuple(problems))
            if not problems:
                break
            why = "; ".join(p.text for p in problems)
            plan = Plan(feasible=False, reason=why)
            request = replace(request, rejected=(*request.rejected, (reply.text, why)))
        seconds = time.perf_counter() - start
        return Decision(plan, tuple(replies), tuple(found), sure, seconds)

    def _problems(
        self, plan: Plan, request: PlanRequest
    ) -> tuple[list[Problem], Mapping[str, float]]:
        if self.sight is None or not plan.feasible:
            return check(plan, request.scene, self.body), {}
        now = self.sight(request)
        sure = {name: max(c, request.seen.get(name, 0.0)) for name, c in now.items()}
        return check(plan, request.scene, self.body, sure, self.threshold), sure


def _situation(request: PlanRequest) -> tuple:
    """Key of the cache: plans contain names and no positions, so positions are left out."""
    scene = request.scene
    return (
        request.instruction, frozenset(scene.names), scene.held, request.rejected, request.failure,
    )  # fmt: skip
