"""Environment ids of Gymnasium: ``VLA<task>-v0``, for shipped tasks and for one's own."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym

from vla_gym.envs.grammar_reading import read_exactly
from vla_gym.envs.plain_data import as_data
from vla_gym.envs.task import Task
from vla_gym.envs.tasks import MIXTURES, TASKS, find_tasks
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.language.reading import add_exact_reader

ENV_IDS: tuple[str, ...] = tuple(f"VLA{name}-v0" for name in (*TASKS, *MIXTURES))
"""Ids of the shipped tasks, for `gymnasium.make` and `gymnasium.make_vec`."""


def register_envs() -> None:
    """Register the shipped tasks and their grammar; a second call changes nothing."""
    for env_id, name in zip(ENV_IDS, (*TASKS, *MIXTURES), strict=True):
        if env_id not in gym.registry:
            _register(env_id, name)
    add_exact_reader(read_exactly)


def register_task(task: Task) -> str:
    """Give a task of one's own an id, which `gymnasium.make` accepts from then on.

    A second registration of an equal task changes nothing.

    Args:
        task: The task; its name becomes part of the id.

    Returns:
        The id, ``VLA<name>-v0``.

    Raises:
        InvalidConfigError: If the name is no part of an id, or its id belongs to another task.
    """
    if not re.fullmatch(r"\w+", task.name, re.ASCII):
        raise InvalidConfigError(
            f"A task's name must consist of letters, digits and underscores, not {task.name!r}."
            " Pass Task(name=...), for example 'DropInBox'."
        )
    env_id = f"VLA{task.name}-v0"
    if env_id not in gym.registry:
        _register(env_id, task)
    elif find_tasks(gym.registry[env_id].kwargs["task"]) != (task,):
        raise InvalidConfigError(
            f"{env_id} belongs to another task. Choose another Task(name=...); taken are: "
            f"{', '.join(_names())}."
        )
    return env_id


def make(task: str | Task, **kwargs: Any) -> gym.Env:
    """Make an environment for a task; the environment's spec carries the task's own id.

    Args:
        task: A `Task`, which is registered if need be; an id; or a task's name.
        kwargs: Fields of `vla_gym.envs.settings.Settings`, and arguments of `gymnasium.make`.

    Raises:
        UnknownNameError: If there is no such id or name.
        InvalidConfigError: If the task's id belongs to another task.
    """
    return gym.make(_id_of(task), **kwargs)


def make_vec(task: str | Task, num_envs: int = 1, **kwargs: Any) -> Any:
    """Make the batched environment for a task, a `vla_gym.envs.vector.TabletopVectorEnv`.

    Args:
        task: A `Task`, which is registered if need be; an id; or a task's name.
        num_envs: Number of sub-environments.
        kwargs: Fields of `vla_gym.envs.settings.Settings`, `autoreset_mode`, and arguments of
            `gymnasium.make_vec`.

    Raises:
        UnknownNameError: If there is no such id or name.
        InvalidConfigError: If the task's id belongs to another task.
    """
    kwargs = {"vectorization_mode": "vector_entry_point", **kwargs}
    if kwargs["vectorization_mode"] != "vector_entry_point" and "autoreset_mode" in kwargs:
        mode = kwargs.pop("autoreset_mode")  # Gymnasium's own vector environments know it as
        kwargs["vector_kwargs"] = {**kwargs.get("vector_kwargs", {}), "autoreset_mode": mode}
    return gym.make_vec(_id_of(task), num_envs=num_envs, **kwargs)


def _id_of(task: str | Task) -> str:
    if isinstance(task, Task):
        return register_task(task)
    for env_id in (task, f"VLA{task}-v0"):
        if env_id in gym.registry:
            return env_id
    raise UnknownNameError("environment", task, (f"VLA{name}-v0" for name in _names()))


def _names() -> list[str]:
    """Names of all tasks that are registered, one's own included."""
    return [env_id[3:-3] for env_id in gym.registry if re.fullmatch(r"VLA\w+-v0", env_id)]


def _register(env_id: str, task: str | Task) -> None:
    gym.register(
        env_id,
        entry_point="vla_gym.envs.tabletop:TabletopEnv",
        vector_entry_point="vla_gym.envs.vector:TabletopVectorEnv",
        kwargs={"task": as_data(task)},
    )
