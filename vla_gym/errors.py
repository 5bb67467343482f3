"""The one exception tree of the package: every message names the fault, the choices, the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VlaGymError(Exception):
    """Root of every error that this package raises on purpose."""


class InvalidConfigError(VlaGymError, ValueError):
    """An argument has a value that cannot be used."""


class UnknownNameError(InvalidConfigError):
    """A name is not in the list it was looked up in.

    Args:
        what: What the name stands for, for example ``"task"``.
        name: The name that was given.
        valid: The names that would have been accepted.
        remedy: One more sentence on how to go on.
    """

    def __init__(self, what: str, name: object, valid: Iterable[str], remedy: str = "") -> None:
        names = [str(v) for v in valid]
        close = difflib.get_close_matches(str(name), names, n=3)
        hint = f" Did you mean {', '.join(map(repr, close))}?" if close else ""
        message = (
            f"Unknown {what} {name!r}.{hint} Valid: {', '.join(map(repr, names)) or '(none)'}."
        )
        super().__init__(f"{message} {remedy}".rstrip())


class InvalidActionError(VlaGymError, ValueError):
    """An action has the wrong shape, is not finite, or lies outside [-1, 1]."""


class InstructionError(VlaGymError, ValueError):
    """A sentence cannot be built or understood.

    Args:
        message: What is wrong.
        understood: How much of the sentence made sense; the higher, the more to the point.
    """

    def __init__(self, message: str, understood: int = 0) -> None:
        super().__init__(message)
        self.understood = understood


class PlacementError(VlaGymError, RuntimeError):
    """Objects could not be placed within the bounded number of attempts."""


class RenderingError(VlaGymError, RuntimeError):
    """No offscreen OpenGL context could be made."""


class CheckpointError(VlaGymError, RuntimeError):
    """A checkpoint is missing, corrupt, or belongs to something else."""


class MissingDependencyError(VlaGymError, ImportError):
    """An optional dependency is not installed."""


class HubError(VlaGymError, RuntimeError):
    """Weights could not be fetched from a model hub."""


class PlanError(VlaGymError, ValueError):
    """A planner's answer is no plan that could be executed here."""


class PlannerUnavailableError(VlaGymError, RuntimeError):
    """The server of a language model did not answer, or refused to."""
