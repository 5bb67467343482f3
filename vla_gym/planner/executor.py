"""`HierarchicalPolicy`: a slow planner in its own threads, a fast policy or skills below it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.policy import PolicySpec
from vla_gym.errors import PlanError
from vla_gym.planner.decide import Decider, Decision
from vla_gym.planner.drivers import Driver, Verify, by_predicates
from vla_gym.planner.episode_report import (
    DONE,
    FAILED,
    OVER,
    REFUSED,
    RUNNING,
    STATES,
    WAITING,
    Report,
)
from vla_gym.planner.jobs import Job, Jobs, jobs_of
from vla_gym.planner.latency import Latency
from vla_gym.planner.plan import Problem
from vla_gym.planner.requests import PlanRequest
from vla_gym.planner.scene import Scene, scene_of
from vla_gym.planner.step_goals import goals_hold
from vla_gym.safety.approval import Approval, ApprovalRequest

_REFUSAL_S = 1.0
"""Time for which it waits before it ends an episode as not feasible [s]."""
SceneSource = Callable[[Any, int, str], Scene]
"""From environment, sub-environment and instruction to what is there."""


class HierarchicalPolicy:
    """Plans slowly, acts towards the current step at the control rate.

    Each sub-environment has a plan of its own, made in a planner thread; until it is ready, the
    hand holds still. Each step is verified. A step that exceeds its time limit causes a new plan,
    at most `replans` times. It is a policy like any other:
    `vla_gym.evaluation.protocol.run_episodes` runs it.

    Args:
        venv: A `TabletopVectorEnv`.
        decider: Makes and checks plans.
        driver: Acts towards the current step.
        scene: Lists what is there; by default from the simulation's state.
        verify: Judges whether steps are done; by default by the predicates.
        replans: Most new plans after failures, per episode.
        wait: Whether simulated time stops while a plan is made. If not, the control loop goes on
            and holds the hand still.
        approval: Asked before jobs for which `flag` has reasons.
        flag: From a job and the scene to the reasons why a person should approve it.
        threads: Most plans made at the same time.
    """

    def __init__(
        self, venv: Any, decider: Decider, driver: Driver, scene: SceneSource | None = None,
        verify: Verify = by_predicates, replans: int = 2, wait: bool = True,
        approval: Approval | None = None,
        flag: Callable[[Job, Scene], tuple[str, ...]] | None = None, threads: int = 4,
    ) -> None:  # fmt: skip
        self.venv = venv.unwrapped
        self.spec = PolicySpec(control_hz=self.venv.control_hz)
        self.decider, self.driver, self.verify = decider, driver, verify
        self.scene_source: SceneSource = scene or (lambda env, i, text: scene_of(env, i))
        self.replans, self.wait, self.approval, self.flag = replans, wait, approval, flag
        n = self.venv.num_envs
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="planner")
        self._thinking: dict[int, Future[Decision]] = {}
        self._jobs: list[tuple[Job, ...]] = [()] * n
        self._scenes: list[Scene] = [Scene(())] * n
        self._at = np.zeros(n, int)
        self._since = np.zeros(n, int)
        self._refused_at = np.zeros(n, int)
        self._replanned = np.zeros(n, int)
        self.state = np.full(n, WAITING)
        self.reports = [Report() for _ in range(n)]
        self.clock = np.zeros(n, int)
        self.latency = {name: Latency(name) for name in ("control", "safety", "planner")}

    # ---- the policy's interface ---------------------------------------------------------------

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Start episodes: ask for plans.

        Args:
            mask: Sub-environments that start. Shape (n,).
            obs: Their first observation.
        """
        for i in np.flatnonzero(mask):
            self._thinking.pop(int(i), None)
            self.reports[i] = Report(obs["instruction"][i])
            self._replanned[i] = self.clock[i] = 0
            self._ask(int(i), obs)
        self.driver.reset(np.asarray(mask, bool), obs)

    def act(self, obs: Mapping[str, Any]) -> NDArray[np.float32]:
        """The next actions. Shape (n, 7 or 8)."""
        self._collect(obs)
        start = time.perf_counter()
        # sub-environments that are done reset themselves; the plan has ended there
        self.state[self.venv.elapsed != self.clock] = OVER
        self._note_touch()
        self._advance(obs)
        running = self.state == RUNNING
        action = self._at_rest()
        if running.any():
            moved = self.driver.act(obs, self._current_jobs(running))
            action[running, :7] = moved[running, :7]
        self._end_refused(action)
        self.clock += 1
        self.latency["control"].add(time.perf_counter() - start)
        if self.venv.actuator.seconds:
            self.latency["safety"].add(self.venv.actuator.seconds)
        return action

    def close(self) -> None:
        """Stop the planner's threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # ---- the slow loop ------------------------------------------------------------------------

    def _ask(self, i: int, obs: Mapping[str, Any], failure: str = "") -> None:
        """Hand a request for sub-environment i to the planner's threads."""
        text = self.reports[i].instruction
        scene = self._scenes[i] = self.scene_source(self.venv, i, text)
        image = self._image(i, obs) if self.decider.needs_image else None
        seen = {k: v for d in self.reports[i].decisions for k, v in d.confidence.items()}
        request = PlanRequest(text, scene, image, failure=failure, seen=seen)
        self.state[i] = WAITING
        self._thinking[i] = self._pool.submit(self.decider.decide, request)

    def _image(self, i: int, obs: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The fixed camera's image of sub-environment i; rendered if observations have none."""
        if "image" in obs:
            return np.array(obs["image"][i])
        return self.venv.renderer.render("fixed", np.array([i]))[0]

    def _collect(self, obs: Mapping[str, Any]) -> None:
        """Start to execute plans that are ready."""
        for i, future in list(self._thinking.items()):
            if self.wait or future.done():
                del self._thinking[i]
                self._start(i, future.result())

    def _start(self, i: int, decision: Decision) -> None:
        """Start to execute a decision in sub-environment i."""
        report = self.reports[i]
        report.decisions.append(decision)
        if not decision.cached:
            self.latency["planner"].add(decision.seconds)
        if not decision.plan.feasible:
            again = self._replanned[i] > 0
            report.events.append(f"not feasible: {decision.plan.reason}")
            self._refused_at[i] = self.clock[i]
            self._set_state(i, FAILED if again else REFUSED)
            return
        scene = self._scenes[i]
        try:
            self._jobs[i] = jobs_of(decision.plan, scene, self.driver.whole, self.venv.tasks)
        except PlanError as error:
            report.events.append(str(error))
            self._set_state(i, FAILED)
            return
        self._at[i], self._since[i] = 0, self.clock[i]
        if self._replanned[i]:
            self._skip_done(i)
        self._keep_away(i, decision.plan.avoid, scene)
        self._set_state(i, RUNNING)
        if self._at[i] < len(self._jobs[i]):
            self._approve(i)
        else:
            self._set_state(i, DONE)

    def _skip_done(self, i: int) -> None:
        """Skip the manipulations of a new plan that are done already."""
        jobs = self._jobs[i]
        while self._at[i] < len(jobs):
            last = max(k for k, job in enumerate(jobs) if job.group == jobs[self._at[i]].group)
            if not jobs[last].lasting or not self._holds_in(i, jobs[last]):
                return
            self._at[i] = last + 1

    def _undone(self, i: int) -> Job | None:
        """A manipulation of the plan that was done and does not hold any more, if there is one."""
        lasting = (job for job in self._jobs[i] if job.lasting)
        return next((job for job in lasting if not self._holds_in(i, job)), None)

    def _holds_in(self, i: int, job: Job) -> bool:
        """Whether a job's goal holds in sub-environment i."""
        jobs = [job if k == i else None for k in range(self.venv.num_envs)]
        return bool(goals_hold(jobs, self.venv.world)[i])

    def _keep_away(self, i: int, names: tuple[str, ...], scene: Scene) -> None:
        """Have the safety layer, if there is one, protect the objects that a plan avoids."""
        slots = [scene.find(name).slot for name in names]
        self.venv.actuator.keep_away(i, [slot for slot in slots if slot is not None])

    # ---- the fast loop ------------------------------------------------------------------------

    def _advance(self, obs: Mapping[str, Any]) -> None:
        """Verify the current jobs; go on to the next, or plan again after the time limit."""
        for _ in range(max(map(len, self._jobs), default=0) + 1):
            running = self.state == RUNNING
            if not running.any():
                return
            reached = self.verify(self.venv, obs, self._current_jobs(running)) & running
            if not reached.any():
                break
            for i in np.flatnonzero(reached):
                self._next(int(i), obs)
        hz = self.venv.control_hz
        for i in np.flatnonzero(self.state == RUNNING):
            job = self._jobs[i][self._at[i]]
            if (self.clock[i] - self._since[i]) / hz > job.seconds:
                text = f"'{job.step}' was not achieved within {job.seconds:g} s"
                self._failed(int(i), text, obs)

    def _current_jobs(self, running: NDArray[np.bool_]) -> Jobs:
        """The job of each sub-environment that executes a plan."""
        return [self._jobs[i][self._at[i]] if r else None for i, r in enumerate(running)]

    def _next(self, i: int, obs: Mapping[str, Any]) -> None:
        job = self._jobs[i][self._at[i]]
        self.reports[i].events.append(f"done: {job.step}")
        self._at[i] += 1
        self._since[i] = self.clock[i]
        if self._at[i] >= len(self._jobs[i]):
            undone = self._undone(i)
            self._set_state(i, DONE)
            if undone is not None:
                self._failed(i, f"'{undone.sentence}' was done and does not hold any more", obs)
        elif self._jobs[i][self._at[i]].group != job.group:
            self._reground(i)
            self._approve(i)

    def _reground(self, i: int) -> None:
        """Detect the objects again before the next manipulation."""
        old = self._scenes[i]
        now = self.scene_source(self.venv, i, self.reports[i].instruction)
        job = self._jobs[i][self._at[i]]
        for name in dict.fromkeys((job.step.object, job.step.target or job.step.object)):
            if name in now.names:
                away = np.subtract(now.find(name).pos[:2], old.find(name).pos[:2])
                if np.linalg.norm(away) > 0.03:
                    self.reports[i].regrounded += 1
                    self.reports[i].events.append(f"the {name} has moved; found again")
        self._scenes[i] = now

    def _failed(self, i: int, text: str, obs: Mapping[str, Any]) -> None:
        self.reports[i].events.append(text)
        if self._replanned[i] >= self.replans:
            self._set_state(i, FAILED)
            return
        self._replanned[i] += 1
        self._ask(i, obs, failure=str(Problem("execution", text)))
        self._collect(obs)

    def _approve(self, i: int) -> None:
        """Ask a person about a flagged manipulation; without approval nothing moves any more."""
        if self.flag is None:
            return
        job, scene = self._jobs[i][self._at[i]], self._scenes[i]
        whole = [j for j in self._jobs[i] if j.group == job.group]
        reasons = tuple(dict.fromkeys(r for j in whole for r in self.flag(j, scene)))
        if not reasons:
            return
        request = ApprovalRequest(job.sentence, reasons, i)
        allowed = self.approval is not None and self.approval(request)
        self.reports[i].events.append(
            f"{'approved' if allowed else 'not approved'}: {job.sentence}"
        )
        if not allowed:
            self._refused_at[i] = self.clock[i]
            self._set_state(i, REFUSED)

    def _at_rest(self) -> NDArray[np.float32]:
        """No motion, the gripper as it is, no end of episode. Shape (n, 7 or 8)."""
        core = self.venv
        action = np.zeros(core.action_space.shape, np.float32)
        closed = core.world.ctrl[:, core.world.n_arm] <= 0.0
        action[:, 6] = np.where(closed, -1.0, 1.0)
        action[:, 7:] = -1.0
        return action

    def _end_refused(self, action: NDArray[np.float32]) -> None:
        waited = (self.clock - self._refused_at) / self.venv.control_hz >= _REFUSAL_S
        action[(self.state == REFUSED) & waited, 7:] = 1.0

    def _note_touch(self) -> None:
        touched = self.venv.world.finger_touch.any(axis=(1, 2))
        for i in np.flatnonzero(touched & (self.state != OVER)):
            self.reports[i].touched = True

    def _set_state(self, i: int, state: int) -> None:
        self.state[i] = state
        self.reports[i].state = STATES[state]
