"""Attributes of single sub-environments, under the names that Gymnasium's tools use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vla_gym.errors import InvalidConfigError, UnknownNameError

PER_SUB_ENV = ("instruction", "task_description", "render", "_max_episode_steps")
"""What `SubEnvAccess.call` answers for each sub-environment by itself."""


class SubEnvAccess:
    """`call`, `get_attr` and `set_attr`, as `gymnasium.vector.SyncVectorEnv` has them.

    The sub-environments share one simulation. What belongs to each of them is answered for each
    (`PER_SUB_ENV`); any other attribute is the batch's own, and the same for all.
    """

    num_envs: int
    instructions: tuple[str, ...]
    horizon: int
    _notes: dict[str, list[Any]]

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The attribute, or the result of the method, of each sub-environment. n values.

        Args:
            name: Of an attribute; or ``"render"`` or ``"compute_reward"``.
            args: Of the method.
            kwargs: Of the method.

        Raises:
            UnknownNameError: If there is no such attribute.
            InvalidConfigError: If it is a method that acts on the whole batch.
        """
        n = self.num_envs
        if name in self._notes:
            return tuple(self._notes[name])
        if name in ("instruction", "task_description"):
            return self.instructions or ("",) * n
        if name == "_max_episode_steps":
            return (self.horizon,) * n
        if name == "render":
            return tuple(self.render() or (None,) * n)
        if not hasattr(self, name):
            public = [key for key in dir(self) if not key.startswith("_")]
            raise UnknownNameError("attribute", name, (*PER_SUB_ENV, *self._notes, *public))
        value = getattr(self, name)
        if name == "compute_reward":
            return (value(*args, **kwargs),) * n
        if callable(value):
            raise InvalidConfigError(
                f"{name}() acts on all {n} sub-environments at once: call venv.unwrapped.{name}(). "
                f"By name there are {', '.join(PER_SUB_ENV)}, compute_reward, and attributes."
            )
        return (value,) * n

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each sub-environment, as `call`. n values."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute: a new one for each sub-environment, or one of the batch for all.

        Args:
            name: Of the attribute.
            values: n values in a list or tuple, or one for all.

        Raises:
            InvalidConfigError: If there are not n values, or they differ where the batch has one.
        """
        n = self.num_envs
        each = list(values) if isinstance(values, (list, tuple)) else [values] * n
        if len(each) != n:
            raise InvalidConfigError(f"{len(each)} values were given for {n} sub-environments.")
        if name in self._notes or (name not in PER_SUB_ENV and not hasattr(self, name)):
            self._notes[name] = each
            return
        if name in PER_SUB_ENV or any(value is not each[0] for value in each[1:]):
            raise InvalidConfigError(
                f"{name} cannot be set for single sub-environments: "
                + ("it follows from the episode." if name in PER_SUB_ENV else "they share one.")
            )
        setattr(self, name, each[0])

    def render(self) -> Sequence[Any] | None:
        """Images of all sub-environments."""
        raise NotImplementedError
