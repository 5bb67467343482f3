"""The evaluation protocol: one episode per seed, on consecutive seeds of a split."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.policy import Policy, PolicyFactory
from vla_gym.agents.policies.registry import BASELINES, policy_factory
from vla_gym.envs.listeners import Listener, StepEvent
from vla_gym.envs.registration import make_vec
from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation.instruction_change import Rewording, swap_options
from vla_gym.evaluation.records import EpisodeRecord, EvalResult

_VERSIONED = ("vla_gym", "mujoco", "gymnasium", "numpy", "torch", "open_clip_torch")


def evaluate(
    env_id: str,
    policy: str | PolicyFactory,
    episodes: int = 100,
    split: str = "validation",
    seed: int = 0,
    num_envs: int = 16,
    env_kwargs: Mapping[str, Any] | None = None,
    name: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    venv: Any = None,
    swap: bool = False,
    wording: Rewording | None = None,
    blind: str | None = None,
    listeners: Sequence[Listener] = (),
) -> EvalResult:
    """Run a policy on the seeds seed, seed + 1, ... of a split, one episode each.

    An episode depends on its seed and the policy only, not on the number of sub-environments, as
    long as the policy does not draw the actions of all of them from one random stream.

    Args:
        env_id: For example ``"VLAPickPlace-v0"``.
        policy: ``"expert"``, ``"random"``, a checkpoint, or a function from the vector
            environment to a policy.
        episodes: Number of episodes.
        split: ``"train"``, ``"validation"`` or ``"test"``. Choose on validation, test once.
        seed: Seed of the first episode.
        num_envs: Number of sub-environments.
        env_kwargs: Further arguments of the environment.
        name: Name of the policy in the result.
        on_progress: Called with the number of episodes done and of successes among them.
        venv: An environment of the same id and arguments, to be reused; it is not closed.
        swap: Ask on each seed's scene for another object than the seed's own instruction does. The
            first images are identical, so that only the instruction can guide the policy.
        wording: Give the same task on each seed's scene in other words.
        blind: Input hidden from a trained policy: ``"instruction"`` or ``"image"``.
        listeners: Called for the counted episodes, as in `run_episodes`.

    Raises:
        InvalidConfigError: If a count is not positive.
        UnknownNameError: If the id or the policy is unknown.
    """
    if episodes < 1 or num_envs < 1:
        raise InvalidConfigError(
            f"episodes and num_envs must be at least 1, got {episodes} and {num_envs}."
        )
    hidden = {} if blind is None or policy in BASELINES else {"blind": blind}
    factory = policy_factory(policy, **hidden) if isinstance(policy, str) else policy
    change = swap_options if swap else wording.reset_options if wording else None
    kwargs = dict(env_kwargs or {})
    if policy in BASELINES and "cameras" not in kwargs:
        kwargs["cameras"] = ()  # neither uses images
    start_s = time.monotonic()
    reused = venv is not None
    if not reused:
        venv = make_vec(env_id, min(num_envs, episodes), split=split, **kwargs)
    try:
        actor = factory(venv)
        records: list[EpisodeRecord] = []
        while len(records) < episodes:
            wanted = min(venv.num_envs, episodes - len(records))
            first = seed + len(records)
            records += run_episodes(venv, actor, first, wanted, listeners, change=change)
            if on_progress:
                on_progress(len(records), sum(r.success for r in records))
        stages = _stage_names(venv)
    finally:
        if not reused:
            venv.close()
    return EvalResult(
        policy=name or (policy if isinstance(policy, str) else type(actor).__name__),
        env_id=env_id,
        split=split,
        seed=seed,
        records=tuple(records),
        stages=stages,
        env_kwargs=kwargs | ({"swap": True} if swap else {}) | hidden,
        wall_s=time.monotonic() - start_s,
        versions=_versions(),
    )


def run_episodes(
    venv: Any,
    policy: Policy,
    seed: int,
    episodes: int,
    listeners: Sequence[Listener] = (),
    change: Callable[[Any], Mapping[str, Any]] | None = None,
    asked: str | None = None,
) -> list[EpisodeRecord]:
    """Run one complete episode in each of the first sub-environments.

    A sub-environment whose episode ends early is reset by itself; its further episodes are not
    counted, and its actions are zero.

    Args:
        venv: The environment.
        policy: Acts in all sub-environments.
        seed: Sub-environment k is reset with seed + k.
        episodes: Number of sub-environments that count, at most ``venv.num_envs``.
        listeners: Called for the counted episodes only. ``on_episode_start`` follows the reset;
            ``on_step`` follows each step, when sub-environments whose episode ended have already
            been reset: ``event.infos`` holds the infos of the ended episode, and
            ``event.running`` marks the episodes that count and were running in this step.
        change: From the environment to reset options that change the instructions, not the scenes.
        asked: An instruction; scenes are then drawn in which it makes sense.

    Returns:
        One record per counted sub-environment, in the order of the seeds.
    """
    n = venv.num_envs
    # sub-environments that do not count are seeded too: the batch has a fixed size
    options = None if asked is None else {"instruction": asked}
    obs, infos = venv.reset(seed=[seed + k for k in range(n)], options=options)
    if change is not None:
        obs, infos = venv.reset(options={"same_scene": True, **change(venv)})
    tasks = infos.get("task", [""] * n)
    obs = with_instructions(obs, infos)
    policy.reset(np.ones(n, bool), obs)
    instructions = tuple(obs["instruction"])
    running = np.arange(n) < episodes
    for listener in listeners:
        listener.on_episode_start(venv, np.flatnonzero(running))
    steps, returns = np.zeros(n, int), np.zeros(n)
    success, at_end = np.zeros(n, bool), np.zeros(n, bool)
    stage, wrong = np.zeros(n, int), np.zeros(n, bool)
    while running.any():
        action = np.where(running[:, None], policy.act(obs), 0.0).astype(np.float32)
        obs, reward, terminated, truncated, infos = venv.step(action)
        obs = with_instructions(obs, infos)
        terminated, truncated = np.asarray(terminated), np.asarray(truncated)
        done = terminated | truncated
        infos = infos_of_step(infos, done)
        now = np.asarray(infos.get("is_success", np.zeros(n))).astype(bool)
        returns += np.where(running, reward, 0.0)
        steps += running
        success |= running & now
        reached = np.asarray(infos.get("stage", np.zeros(n, int)))
        stage = np.where(running, np.maximum(stage, reached), stage)
        wrong |= running & np.asarray(infos.get("wrong_object", np.zeros(n))).astype(bool)
        at_end = np.where(running & done, now, at_end)
        event = StepEvent(action, np.asarray(reward), terminated, truncated, infos, running)
        _notify(listeners, venv, event)
        running = running & ~done
    return [
        EpisodeRecord(
            seed=seed + k,
            instruction=instructions[k],
            success=bool(success[k]),
            success_at_end=bool(at_end[k]),
            steps=int(steps[k]),
            stage=int(stage[k]),
            wrong_object=bool(wrong[k]),
            episode_return=float(returns[k]),
            task=str(tasks[k]),
        )
        for k in range(episodes)
    ]


def _notify(listeners: Sequence[Listener], venv: Any, event: StepEvent) -> None:
    ended = np.flatnonzero(event.running & event.done)
    for listener in listeners:
        listener.on_step(venv, event)
        if len(ended):
            listener.on_episode_end(venv, ended)


def with_instructions(obs: Mapping[str, Any], infos: Mapping[str, Any]) -> dict[str, Any]:
    """An observation with the instructions, from infos where it has none (``text=False``)."""
    if "instruction" in obs:
        return dict(obs)
    return {**obs, "instruction": tuple(infos["instruction"])}


def infos_of_step(infos: Mapping[str, Any], done: NDArray[np.bool_]) -> dict[str, Any]:
    """Infos of the step just made, also for sub-environments that it has already reset.

    Args:
        infos: As returned by ``step`` with same-step autoreset.
        done: Sub-environments whose episode ended in this step. Shape (n,).

    Returns:
        The infos without ``final_*``; where an episode ended, the values of ``final_info``.
    """
    values = {k: v for k, v in infos.items() if k.lstrip("_") not in ("final_info", "final_obs")}
    final = infos.get("final_info")
    if isinstance(final, Mapping):
        for key, last in final.items():
            last = np.asarray(last)
            mask = done.reshape(-1, *(1,) * (last.ndim - 1))
            values[key] = np.where(mask, last, np.asarray(values.get(key, np.zeros_like(last))))
    elif final is not None:
        for i in (i for i in np.flatnonzero(done) if final[i] is not None):
            for key, last in final[i].items():
                values[key] = np.array(values.get(key, np.zeros(len(done))))
                values[key][i] = last
    return values


def _stage_names(venv: Any) -> tuple[str, ...]:
    return tuple(getattr(venv.unwrapped, "stages", ()))


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
