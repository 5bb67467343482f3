"""The state of a run as tensors and JSON, from which it is resumed bit by bit."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from torch import Tensor

from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv
from vla_gym.agents.learning.learners import Learner
from vla_gym.agents.learning.ppo import SparsePPO
from vla_gym.agents.learning.sac import SparseSAC

_REPLAY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def capture(
    model: Learner, env: FeatureVecEnv
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Capture a run's state between two iterations.

    Args:
        model: The learner.
        env: Its environment.

    Returns:
        Tensors by file stem ("policy", "training", and "replay" for SAC), and JSON values.
    """
    training: dict[str, Tensor] = {"rng/torch": torch.get_rng_state()}
    if model.device.type == "cuda":
        training["rng/cuda"] = torch.cuda.get_rng_state(model.device)
    meta: dict[str, Any] = {"groups": {}}
    for name, optimizer in _optimizers(model).items():
        state = optimizer.state_dict()
        meta["groups"][name] = [
            {k: v for k, v in g.items() if isinstance(v, (int, float, bool, str))}
            for g in state["param_groups"]
        ]
        for index, values in state["state"].items():
            for key, value in values.items():
                training[f"optimizer/{name}/{index}/{key}"] = torch.as_tensor(value)
    legacy: Any = np.random.get_state()
    training["rng/numpy"] = torch.as_tensor(legacy[1].astype(np.int64))
    python = random.getstate()
    training["rng/python"] = torch.tensor(python[1], dtype=torch.int64)
    meta["rng"] = {"numpy": [legacy[0], *legacy[2:]], "python": [python[0], python[2]]}
    meta["counters"] = {
        "num_timesteps": model.num_timesteps, "episodes": model._episode_num,
        "n_updates": model._n_updates, "iteration": getattr(model, "iteration", 0),
        "successes": [float(s) for s in model.ep_success_buffer or ()],
        "episode_infos": [_plain_info(i) for i in model.ep_info_buffer or ()],
    }  # fmt: skip
    meta["env_restored"] = _capture_env(model, env, training, meta)
    tensors = {"policy": dict(model.policy.state_dict()), "training": training}
    if isinstance(model, SparseSAC):
        if model.log_ent_coef is not None:
            training["log_ent_coef"] = model.log_ent_coef.detach()
        tensors["replay"], meta["replay"] = _capture_replay(model.replay_buffer)
    return tensors, meta


def restore(
    model: Learner, env: FeatureVecEnv, tensors: dict[str, dict[str, Tensor]], meta: dict[str, Any]
) -> bool:
    """Restore a captured state.

    Args:
        model: A learner of the same configuration.
        env: Its environment.
        tensors: As `capture` returned them.
        meta: As `capture` returned them.

    Returns:
        Whether the environment is back in the middle of its episodes; else it starts new ones.
    """
    training = tensors["training"]
    model.policy.load_state_dict(tensors["policy"])
    for name, optimizer in _optimizers(model).items():
        _restore_optimizer(optimizer, name, training, meta["groups"][name])
    counters = meta["counters"]
    model.num_timesteps, model._n_updates = counters["num_timesteps"], counters["n_updates"]
    model._episode_num = counters["episodes"]
    model.ep_success_buffer = deque(counters["successes"], maxlen=model._stats_window_size)
    model.ep_info_buffer = deque(counters["episode_infos"], maxlen=model._stats_window_size)
    if isinstance(model, SparsePPO):
        model.iteration = counters["iteration"]
    else:
        if model.log_ent_coef is not None:
            model.log_ent_coef.data.copy_(training["log_ent_coef"])
        _restore_replay(model.replay_buffer, tensors["replay"], meta["replay"])
    restored = _restore_env(model, env, training, meta)
    # last, because the steps above may draw from them
    torch.set_rng_state(training["rng/torch"])
    if model.device.type == "cuda" and "rng/cuda" in training:
        torch.cuda.set_rng_state(training["rng/cuda"], model.device)
    name, *rest = meta["rng"]["numpy"]
    keys = training["rng/numpy"].numpy().astype(np.uint32)
    np.random.set_state((name, keys, *rest))
    version, gauss = meta["rng"]["python"]
    random.setstate((version, tuple(training["rng/python"].tolist()), gauss))
    return restored


def _optimizers(model: Learner) -> dict[str, torch.optim.Optimizer]:
    if isinstance(model, SparsePPO):
        return {"head": model.policy.optimizer, "critic": model.policy.critic_optimizer}
    found = {"actor": model.actor.optimizer, "critic": model.critic.optimizer}
    if model.ent_coef_optimizer is not None:
        found["entropy"] = model.ent_coef_optimizer
    return found


def _restore_optimizer(
    optimizer: torch.optim.Optimizer, name: str, training: dict[str, Tensor], groups: list[dict]
) -> None:
    state = optimizer.state_dict()
    prefix = f"optimizer/{name}/"
    for key, value in training.items():
        if key.startswith(prefix):
            index, part = key.removeprefix(prefix).split("/")
            state["state"].setdefault(int(index), {})[part] = value.clone()
    for group, values in zip(state["param_groups"], groups, strict=True):
        group.update(values)
    optimizer.load_state_dict(state)


def _capture_env(
    model: Learner, env: FeatureVecEnv, training: dict[str, Tensor], meta: dict[str, Any]
) -> bool:
    """Capture the environment if it can be and an episode is under way."""
    if not hasattr(env.raw, "get_state") or model._last_obs is None:
        return False
    inner = env.venv.get_state() if hasattr(env.venv, "get_state") else env.raw.get_state()
    groups = {"env": inner, "memory": env.features.state_dict()}
    groups |= {f"curriculum-{name}": c.get_state() for name, c in env.curricula.items()}
    meta["curricula_rng"] = {name: c.rng.bit_generator.state for name, c in env.curricula.items()}
    for group, arrays in groups.items():
        for key, value in arrays.items():
            training[f"{group}/{key}"] = torch.from_numpy(_storable(np.asarray(value)))
    training["last/obs"] = torch.as_tensor(np.array(model._last_obs))
    training["last/starts"] = torch.as_tensor(np.array(model._last_episode_starts))
    rng = getattr(env.features.source, "rng", None)
    meta["source_rng"] = None if rng is None else rng.bit_generator.state
    return True


def _restore_env(
    model: Learner, env: FeatureVecEnv, training: dict[str, Tensor], meta: dict[str, Any]
) -> bool:
    if not meta["env_restored"] or not hasattr(env.raw, "set_state"):
        return False
    curricula = [f"curriculum-{name}" for name in env.curricula]
    groups: dict[str, dict[str, np.ndarray]] = {name: {} for name in ("env", "memory", *curricula)}
    for key, value in training.items():
        group, _, name = key.partition("/")
        if group in groups:
            groups[group][name] = value.numpy()
    env.reset()  # creates every part before it is overwritten
    (env.venv if hasattr(env.venv, "set_state") else env.raw).set_state(groups["env"])
    env.features.load_state_dict(groups["memory"])
    for name, curriculum in env.curricula.items():
        curriculum.set_state(groups[f"curriculum-{name}"])
        curriculum.rng.bit_generator.state = meta["curricula_rng"][name]
    if meta["source_rng"] is not None:
        env.features.source.rng.bit_generator.state = meta["source_rng"]  # type: ignore[attr-defined]
    model._last_obs = training["last/obs"].numpy().copy()
    model._last_episode_starts = training["last/starts"].numpy().copy()
    env.resume(model._last_obs)
    return True


def _storable(array: np.ndarray) -> np.ndarray:
    """The same bits in a type that torch has."""
    swap = {np.dtype(np.uint64): np.int64, np.dtype(np.uint32): np.int32}
    return array.view(swap[array.dtype]) if array.dtype in swap else np.ascontiguousarray(array)


def _capture_replay(buffer: ReplayBuffer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    rows = buffer.size()
    tensors = {name: torch.as_tensor(getattr(buffer, name)[:rows]) for name in _REPLAY}
    return tensors, {"pos": buffer.pos, "full": buffer.full, "size": buffer.buffer_size}


def _restore_replay(buffer: ReplayBuffer, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    for name in _REPLAY:
        array = tensors[name].numpy()
        getattr(buffer, name)[: len(array)] = array
    buffer.pos, buffer.full = meta["pos"], meta["full"]


def _plain_info(info: dict[str, Any]) -> dict[str, float]:
    return {k: float(v) for k, v in info.items()}
