"""How a name becomes a policy: baselines, checkpoints, and policies of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from vla_gym.agents.policies.baselines import ExpertPolicy, RandomPolicy
from vla_gym.agents.policies.checkpoint_folder import checkpoint_names, read_spec
from vla_gym.agents.policies.policy import DEFAULT_ENV, Policy, PolicyFactory, PolicySpec
from vla_gym.errors import InvalidConfigError, UnknownNameError

GROUP = "vla_gym.policies"
"""Entry point group of other packages' policies. An entry point names a function, or a class, that
takes the vector environment and returns a `Policy`; its attribute ``spec``, if it is a
`PolicySpec`, says where the policy is at home."""
BASELINES: dict[str, PolicyFactory] = {"expert": ExpertPolicy, "random": RandomPolicy}
"""Policies that need neither a checkpoint nor images."""


def policy_names() -> tuple[str, ...]:
    """All policies that have a name: baselines, shipped ones, those of other packages."""
    names = (*BASELINES, *checkpoint_names(), *(point.name for point in entry_points(group=GROUP)))
    return tuple(dict.fromkeys(names))


def home_of(name: str) -> str:
    """The environment in which a policy learnt; ``VLAPickPlace-v0`` if it names none.

    Args:
        name: As for `policy_factory`.

    Raises:
        UnknownNameError: If there is no such policy.
        CheckpointError: If its checkpoint cannot be read.
    """
    if name in BASELINES:
        return DEFAULT_ENV
    point = _find(name)
    if point is None:
        return read_spec(name).env_id
    spec = getattr(_load(point), "spec", None)
    return spec.env_id if isinstance(spec, PolicySpec) else DEFAULT_ENV


def is_checkpoint(name: str) -> bool:
    """Whether a name stands for a checkpoint, from which inputs can be hidden.

    Raises:
        UnknownNameError: If there is no such policy.
    """
    return name not in BASELINES and _find(name) is None


def policy_factory(name: str, **options: Any) -> PolicyFactory:
    """A factory for the policy of that name.

    The factory makes sure that the policy fits its environment.

    Args:
        name: ``"expert"``, ``"random"``, a checkpoint's path or name, or a policy of another
            package.
        options: Of `vla_gym.agents.policies.blueprint.load_policy`, for checkpoints.

    Raises:
        UnknownNameError: If it is none of those.
        InvalidConfigError: If there are options but no checkpoint; or, by the factory, if the
            policy does not fit the environment.
        CheckpointError: By the factory, if the checkpoint cannot be read.
    """
    point = None if name in BASELINES else _find(name)
    if options and (name in BASELINES or point is not None):
        raise InvalidConfigError(
            f"The policy {name!r} has no options; only checkpoints take {', '.join(options)}."
        )

    def make(venv: Any) -> Policy:
        if name in BASELINES:
            policy = BASELINES[name](venv)
        elif point is not None:
            policy = _load(point)(venv)
        else:
            from vla_gym.agents.policies.blueprint import load_policy  # loads torch

            policy = load_policy(name, venv, **options)
        if not isinstance(getattr(policy, "spec", None), PolicySpec):
            raise InvalidConfigError(
                f"The policy {name!r} does not say what it needs. Give it an attribute `spec`, a "
                "vla_gym.agents.policies.policy.PolicySpec."
            )
        policy.spec.check(venv)
        return policy

    return make


def _find(name: str) -> EntryPoint | None:
    """The entry point of that name, or None for a checkpoint.

    Raises:
        UnknownNameError: If it is neither.
    """
    if name in checkpoint_names() or "/" in name or Path(name).exists():
        return None
    points = entry_points(group=GROUP, name=name)
    if not points:
        remedy = "Or give the path of a checkpoint."
        raise UnknownNameError("policy", name, policy_names(), remedy)
    return next(iter(points))


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as exc:
        package = point.dist.name if point.dist else "another package"
        raise InvalidConfigError(
            f"The policy {point.name!r} of {package} cannot be loaded from {point.value!r}: {exc}. "
            f"Reinstall or remove {package}."
        ) from exc
