"""`Plan`: steps as data, the JSON schema for language models, and the parsing of their replies."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from vla_gym.errors import PlanError
from vla_gym.language.relations import RELATIONS
from vla_gym.skills import Step, step_kinds

MAX_STEPS, MAX_TEXT, MAX_REPLY = 16, 200, 50_000
"""Most steps of a plan, characters of a reason or thought, characters of a reply."""
_NO_NAMES = ("nothing",)
"""Names where no object was detected; no object has this one, so no plan with steps is valid."""
_SHAPES = ("OneThing", "TwoThings", "Place")
"""Names of the schema's step models, by the arguments "object", "target" and "relation"."""


@dataclass(frozen=True)
class Plan:
    """What to do, or why it cannot be done."""

    steps: tuple[Step, ...] = ()
    feasible: bool = True
    reason: str = ""
    """Why it is not feasible."""
    avoid: tuple[str, ...] = ()
    """Objects that must not be touched."""
    thought: str = ""
    """The model's reasoning before the plan."""

    def __str__(self) -> str:
        if not self.feasible:
            return f"  not feasible: {self.reason}"
        lines = [f"  {k}. {step}" for k, step in enumerate(self.steps, 1)]
        return "\n".join(lines + [f"  keep away from the {name}" for name in self.avoid])

    def to_json(self, thought: bool = False) -> str:
        """The plan as a model should write it."""
        steps = [{k: v for k, v in vars(s).items() if v is not None} for s in self.steps]
        data: dict[str, Any] = {"thought": self.thought} if thought else {}
        data |= {"feasible": self.feasible, "reason": self.reason, "avoid": list(self.avoid)}
        return json.dumps({**data, "steps": steps})


@dataclass(frozen=True)
class Problem:
    """A reason not to execute a plan."""

    check: str
    """"schema", "grounding", "embodiment", "order", "execution" or "service"."""
    text: str
    """What is wrong, for the planner and for people."""
    details: dict[str, float] = field(default_factory=dict)
    """Numbers behind it."""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"


def step_names(arguments: str) -> tuple[str, ...]:
    """Names of the plan steps with these arguments: "object", "target" or "relation"."""
    return tuple(kind.name for kind in step_kinds() if kind.arguments == arguments)


def schema(names: Sequence[str], thought: bool = False) -> dict[str, Any]:
    """JSON schema of a plan in a scene.

    Args:
        names: Of the objects in the scene.
        thought: Whether the model is to think first, in a field of its own.
    """
    return _model_for(names, thought).model_json_schema()


def parse_plan(text: str, names: Sequence[str], thought: bool = False) -> Plan:
    """Read a model's reply; text around the first JSON object is ignored.

    Args:
        text: The reply.
        names: Of the objects in the scene.
        thought: Whether a thought is expected.

    Raises:
        PlanError: If it is no plan of this scene; the message helps a model to correct it.
    """
    if len(text) > MAX_REPLY:
        raise PlanError(f"The reply has {len(text)} characters; {MAX_REPLY} is the most.")
    start = text.find("{")
    if start < 0:
        raise PlanError("The reply contains no JSON object.")
    try:
        data, _ = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"The reply is not valid JSON: {error}.") from None
    try:
        made: Any = _model_for(names, thought).model_validate(data)
    except ValidationError as error:
        raise PlanError(_schema_message(error)) from None
    steps = tuple(
        Step(s.skill, s.object, getattr(s, "target", None), getattr(s, "relation", None))
        for s in made.steps
    )
    reason = made.reason or ("" if made.feasible else "no reason given")
    return Plan(steps, made.feasible, reason, tuple(made.avoid), getattr(made, "thought", ""))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _model_for(names: Sequence[str], thought: bool) -> type[BaseModel]:
    groups = tuple(step_names(arguments) for arguments in ("object", "target", "relation"))
    return _model(tuple(names) or _NO_NAMES, thought, groups)


@functools.lru_cache(maxsize=512)
def _model(
    names: tuple[str, ...], thought: bool, groups: tuple[tuple[str, ...], ...]
) -> type[BaseModel]:
    """The model of a scene's plans: only known steps and the scene's objects can be named."""
    name: Any = Literal[names]
    kinds: list[Any] = [Literal[group] for group in groups]
    alone, paired, related = kinds
    relation: Any = Literal[RELATIONS]
    one, two, placed = _SHAPES
    lone = create_model(one, __base__=_Strict, skill=(alone, ...), object=(name, ...))
    pair = create_model(
        two, __base__=_Strict, skill=(paired, ...), object=(name, ...), target=(name, ...)
    )
    place = create_model(
        placed, __base__=_Strict, skill=(related, ...), object=(name, ...),
        relation=(relation, ...), target=(name, ...),
    )  # fmt: skip
    text = Annotated[str, Field(max_length=MAX_TEXT)]
    step: Any = lone | pair | place
    fields: dict[str, Any] = {"thought": (text, ...)} if thought else {}
    fields |= {
        "feasible": (bool, ...),
        "reason": (text, ...),
        "avoid": (Annotated[list[name], Field(max_length=6)], ...),
        "steps": (Annotated[list[step], Field(max_length=MAX_STEPS)], ...),
    }
    return create_model("Plan", __base__=_Strict, **fields)


def _schema_message(error: ValidationError) -> str:
    """The first errors; of a step that fits no shape, those of the nearest shape."""
    lines: dict[str, str] = {}
    for item in sorted(error.errors(include_url=False), key=lambda e: e["type"] == "missing"):
        where = [str(part) for part in item["loc"] if part not in _SHAPES]
        given = repr(item.get("input"))
        given = given if len(given) <= 60 else f"{given[:57]}..."
        lines.setdefault(".".join(where) or "plan", f"{item['msg']}, not {given}")
    first = [f"{where}: {what}" for where, what in lines.items()][:3]
    return "The plan does not fit the schema: " + "; ".join(first) + "."


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
