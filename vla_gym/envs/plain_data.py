"""Tasks and arms as data that JSON can hold, so that an `EnvSpec` survives as text."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from enum import Enum
from typing import Any

from gymnasium.envs.registration import EnvSpec

from vla_gym.errors import InvalidConfigError

TYPE_KEY = "dataclass"
"""Key under which data says what it is: ``"module:Class"``."""


def as_data(value: Any) -> Any:
    """A value as data: dataclasses as mappings with their type, tuples as lists.

    What would not come back the same, such as an object of a class that cannot be imported, is
    left as it is.
    """
    data = _plain(value)
    try:
        return data if from_data(data) == value else value
    except InvalidConfigError:
        return value


def from_data(data: Any) -> Any:
    """A value from `as_data`; lists become tuples.

    Raises:
        InvalidConfigError: If a class cannot be imported, or its fields have changed.
    """
    if isinstance(data, (list, tuple)):
        return tuple(map(from_data, data))
    if not isinstance(data, Mapping):
        return data
    fields = {key: from_data(value) for key, value in data.items() if key != TYPE_KEY}
    if TYPE_KEY not in data:
        return fields
    name = str(data[TYPE_KEY])
    module, _, path = name.partition(":")
    try:
        kind: Any = importlib.import_module(module)
        for part in path.split("."):
            kind = getattr(kind, part)
        if not dataclasses.is_dataclass(kind) or not isinstance(kind, type):
            raise TypeError(f"{name} is no dataclass")
        return kind(**fields)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InvalidConfigError(
            f"{name} cannot be made from data: {error}. Install or import what defines it, in the "
            "version that wrote the data."
        ) from error


def settled(spec: EnvSpec | None, horizon: int) -> EnvSpec | None:
    """The spec of an environment, with its step limit, and arguments that JSON can hold.

    Args:
        spec: As Gymnasium writes it.
        horizon: Control steps until an episode is truncated.
    """
    if spec is None:
        return None
    kwargs = {key: v.value if isinstance(v, Enum) else v for key, v in spec.kwargs.items()}
    kwargs |= {key: as_data(kwargs[key]) for key in ("task", "robot") if key in kwargs}
    return dataclasses.replace(spec, max_episode_steps=horizon, kwargs=kwargs)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {TYPE_KEY: f"{kind.__module__}:{kind.__qualname__}", **fields}
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
