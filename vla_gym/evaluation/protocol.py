"""`evaluate`: run a policy for so many episodes on consecutive seeds and count."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from vla_gym import ENV_IDS
from vla_gym.agents.policies.registry import NAMES, Policy, PolicyFactory, policy_factory
from vla_gym.envs.listeners import Listener, StepEvent
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.evaluation.records import EpisodeRecord, EvalResult

__all__ = ["NAMES", "EpisodeRecord", "EvalResult", "Policy", "evaluate", "Wording", "run_episodes"]

_DECIDING = ("vla_gym", "mujoco", "gymnasium", "numpy", "torch", "open_clip_torch")


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
    wording: Wording | None = None,
    blind: str | None = None,
    listeners: Sequence[Listener] = (),
) -> EvalResult:
    """Run a policy on the seeds seed, seed + 1, ... of a split, one episode each.

    An episode is decided by its seed and by the policy, not by how many worlds run side by side;
    a policy that samples from one stream for all worlds breaks that, a deterministic one does not.

    Args:
        env_id: For example ``"VLAPickPlace-v0"``.
        policy: ``"expert"``, ``"random"``, a checkpoint, or a function from the vector
            environment to a policy.
        episodes: How many episodes.
        split: ``"train"``, ``"validation"`` or ``"test"``. Choose on validation, test once.
        seed: Seed of the first episode.
        num_envs: Worlds side by side.
        env_kwargs: Further arguments of the environment.
        name: What to call the policy in the result.
        on_progress: Called with the episodes done and the successes among them.
        venv: An environment made so before, to be used again; it is left open.
        swap: Ask, on each seed's scene, for another thing than the seed's own sentence does: the
            pictures are the same byte for byte, so only the words can tell the policy.
        wording: Say, on each seed's scene, the same thing in other words.
        blind: What to hide from a checkpoint's policy: ``"instruction"`` or ``"image"``.
        listeners: Called for the counted episodes, as in `run_episodes`.

    Raises:
        InvalidConfigError: If a count is not positive.
        UnknownNameError: If the id or the policy is unknown.
    """
    if episodes < 1 or num_envs < 1:
        raise InvalidConfigError(
            f"episodes and num_envs must be at least 1, got {episodes} and {num_envs}."
        )
    hidden = {} if blind is None or policy in NAMES else {"blind": blind}
    factory = policy_factory(policy, **hidden) if isinstance(policy, str) else policy
    retell = swapped if swap else wording.retell if wording else None
    kwargs = dict(env_kwargs or {})
    if policy in NAMES and "cameras" not in kwargs:
        kwargs["cameras"] = ()  # neither looks at pictures
    begun = time.monotonic()
    borrowed = venv is not None
    if not borrowed:
        venv = make_venv(env_id, min(num_envs, episodes), split=split, **kwargs)
    try:
        actor = factory(venv)
        records: list[EpisodeRecord] = []
        while len(records) < episodes:
            wanted = min(venv.num_envs, episodes - len(records))
            start = seed + len(records)
            records += run_episodes(venv, actor, start, wanted, listeners, retell=retell)
            if on_progress:
                on_progress(len(records), sum(r.success for r in records))
        stages = _stage_names(venv)
    finally:
        if not borrowed:
            venv.close()
    return EvalResult(
        policy=name or (policy if isinstance(policy, str) else type(actor).__name__),
        env_id=env_id,
        split=split,
        seed=seed,
        records=tuple(records),
        stages=stages,
        env_kwargs=kwargs | ({"swap": True} if swap else {}) | hidden,
        wall_s=time.monotonic() - begun,
        versions=_versions(),
    )


def make_venv(env_id: str, num_envs: int, **kwargs: Any) -> Any:
    """The batched environment of that id.

    Raises:
        UnknownNameError: If no such id is registered.
    """
    if env_id not in gym.registry:
        raise UnknownNameError("environment", env_id, ENV_IDS)
    return gym.make_vec(
        env_id, num_envs=num_envs, vectorization_mode="vector_entry_point", **kwargs
    )


def run_episodes(
    venv: Any,
    policy: Policy,
    seed: int,
    episodes: int,
    listeners: Sequence[Listener] = (),
    retell: Callable[[Any], Mapping[str, Any]] | None = None,
    asked: str | None = None,
) -> list[EpisodeRecord]:
    """Run one episode in each of the first worlds, to its end.

    A world that is done early starts over by itself; what happens there is not counted, and its
    actions are zero.

    Args:
        venv: The environment.
        policy: Acts in all its worlds.
        seed: World k is reset with seed + k.
        episodes: How many worlds count, at most ``venv.num_envs``.
        listeners: Called for the counted episodes only. ``on_episode_start`` follows the reset;
            ``on_step`` follows each step, when sub-environments whose episode ended have already
            been reset: ``event.infos`` holds the infos of the ended episode, and
            ``event.running`` marks the episodes that count and were running in this step.
        retell: From the environment to reset options with which each seed's scene is told anew.
        asked: A sentence; scenes are then drawn in which it makes sense.

    Returns:
        One record a world, in the order of the seeds.
    """
    n = venv.num_envs
    # seeds beyond the wanted ones only fill the batch
    options = None if asked is None else {"instruction": asked}
    obs, infos = venv.reset(seed=[seed + k for k in range(n)], options=options)
    if retell is not None:
        obs, infos = venv.reset(options={"same_scene": True, **retell(venv)})
    tasks = infos.get("task", [""] * n)
    policy.reset(np.ones(n, bool), obs)
    sentences = tuple(obs["instruction"])
    running = np.arange(n) < episodes
    for listener in listeners:
        listener.on_episode_start(venv, np.flatnonzero(running))
    steps, returns = np.zeros(n, int), np.zeros(n)
    success, at_end = np.zeros(n, bool), np.zeros(n, bool)
    stage, wrong = np.zeros(n, int), np.zeros(n, bool)
    while running.any():
        action = np.where(running[:, None], policy.act(obs), 0.0).astype(np.float32)
        obs, reward, terminated, truncated, infos = venv.step(action)
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
            instruction=sentences[k],
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


@dataclass(frozen=True)
class Wording:
    """Another way to say the same thing."""

    axes: tuple[str, ...] = ()
    """Out of "phrasings" and "nouns": what may be new about the words."""
    seed: int = 0
    """Chooses among the sentences."""

    def retell(self, venv: Any) -> dict[str, Any]:
        """Reset options that say each world's task in other words."""
        core, told = venv.unwrapped, []
        for e in core.episodes:
            task, scene = core.tasks[e.task], zlib.crc32(e.instruction.encode())
            rng = np.random.default_rng([self.seed, scene])
            told.append(task.say(e.binding, e.pos, rng, frozenset(self.axes)))
        return {"instruction": told}


def swapped(venv: Any) -> dict[str, Any]:
    """Reset options that ask for another thing in each world."""
    return {"roles": other_roles(venv)}


def other_roles(venv: Any) -> list[dict[str, int]]:
    """For each world, the first role's slot changed to another thing that could play it.

    Raises:
        InvalidConfigError: If a scene has no other.
    """
    core, chosen = venv.unwrapped, []
    for episode in core.episodes:
        task = core.tasks[episode.task]
        role = next(iter(task.roles))
        kinds = task.roles[role].kinds + task.roles[role].novel_kinds
        taken = set(episode.binding.roles.values())
        specs = episode.binding.specs
        free = [i for i, s in enumerate(specs) if s.kind in kinds and i not in taken]
        if role not in episode.binding.roles or not free:
            raise InvalidConfigError(
                f"{task.name} has no other {role} to ask for where {episode.instruction!r} is said."
                " Sentences can be swapped on tasks whose first role is one thing of several."
            )
        chosen.append({role: free[0]})
    return chosen


def _notify(listeners: Sequence[Listener], venv: Any, event: StepEvent) -> None:
    ended = np.flatnonzero(event.running & event.done)
    for listener in listeners:
        listener.on_step(venv, event)
        if len(ended):
            listener.on_episode_end(venv, ended)


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
    for name in _DECIDING:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
