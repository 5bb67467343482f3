"""Exceptions of the package. A message says what was wrong, which values are valid, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

MAX_MESSAGE = 400
"""Maximum length of a message with a list of names."""


class VlaGymError(Exception):
    """Base class of all exceptions that this package raises deliberately."""


class InvalidConfigError(VlaGymError, ValueError):
    """An argument has a value that cannot be used."""


class UnknownNameError(InvalidConfigError):
    """A name is not one of the valid names.

    Args:
        what: What is named, for example ``"task"``.
        name: The name that was given.
        valid: The valid names; the message lists as many as fit.
        remedy: One more sentence on what to do.
    """

    def __init__(self, what: str, name: object, valid: Iterable[str], remedy: str = "") -> None:
        names = [str(v) for v in valid]
        close = difflib.get_close_matches(str(name), names, n=3)
        hint = f" Did you mean {', '.join(map(repr, close))}?" if close else ""
        room = MAX_MESSAGE - len(f"Unknown {what} {name!r}.{hint} Valid: . {remedy}")
        listed = _listed(names, room)
        super().__init__(f"Unknown {what} {name!r}.{hint} Valid: {listed}. {remedy}".rstrip())

    def __reduce__(self) -> Any:
        """Passes between processes with its message, not with what the message was made from."""
        return _with_message, (type(self), str(self)), self.__dict__


class UnknownArgumentError(UnknownNameError, TypeError):
    """A keyword argument does not exist; also a `TypeError`, as Python itself would raise.

    Args:
        what: A whole message, with which `gymnasium.make` raises it again; or as of
            `UnknownNameError`.
        rest: As of `UnknownNameError`.
    """

    def __init__(self, what: str, *rest: Any) -> None:
        if rest:
            super().__init__(what, *rest)
        else:
            ValueError.__init__(self, what)


class EpisodeOverError(VlaGymError, RuntimeError):
    """A step was asked of a sub-environment whose episode has ended and which resets no more."""


class ClosedEnvError(VlaGymError, RuntimeError):
    """An environment was used after it had been closed."""


class InvalidActionError(VlaGymError, ValueError):
    """An action has the wrong shape, is not finite, or lies outside [-1, 1]."""


class InstructionError(VlaGymError, ValueError):
    """An instruction cannot be generated or understood.

    Args:
        message: What is wrong.
        understood: How much of the instruction was understood. Of the errors of several tasks, the
            one with the highest number is reported.
    """

    def __init__(self, message: str, understood: int = 0) -> None:
        super().__init__(message)
        self.understood = understood


class PlacementError(VlaGymError, RuntimeError):
    """Objects could not be placed within the bounded number of attempts."""


class RenderingError(VlaGymError, RuntimeError):
    """Nothing can be rendered: no OpenGL context, no screen, or a model that cannot be drawn."""


class CheckpointError(VlaGymError, RuntimeError):
    """A checkpoint is missing, damaged, or does not fit."""


class MissingDependencyError(VlaGymError, ImportError):
    """An optional dependency is not installed."""


class HubError(VlaGymError, RuntimeError):
    """Weights could not be downloaded from a model hub."""


class PlanError(VlaGymError, ValueError):
    """A planner's answer is not a plan that can be executed in this scene."""


class PlannerUnavailableError(VlaGymError, RuntimeError):
    """The server of a language model did not answer, or refused the request."""


def _with_message(kind: type[Exception], message: str) -> Exception:
    """An exception with this message, whatever its constructor takes."""
    return kind.__new__(kind, message)


def _listed(names: list[str], room: int) -> str:
    """The names in quotes, separated by commas; as many as fit into so many characters."""
    whole = ", ".join(map(repr, names)) or "(none)"
    kept = len(names)
    while len(whole) > room and kept > 1:
        kept -= 1
        whole = ", ".join(map(repr, names[:kept])) + f" and {len(names) - kept} more"
    return whole
