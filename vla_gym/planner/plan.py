"""Plans as data, the schema that a language model has to keep to, and the way back from text."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from vla_gym.errors import PlanError
from vla_gym.language.relations import RELATIONS
from vla_gym.skills import Step

ALONE = ("approach", "grasp", "lift", "release", "press", "open", "close", "stand_up")
"""Skills with an object."""
PAIRED = ("move", "push", "slide")
"""Skills with an object and a target."""
SKILLS: dict[str, str] = {
    "approach": "bring the open hand to the object",
    "grasp": "close the fingers around the object",
    "lift": "raise the held object off the table",
    "move": "carry the held object above the target",
    "place": "put the held object down with respect to the target",
    "release": "open the fingers and draw the hand back",
    "push": "push the object onto the flat target without lifting it",
    "slide": "strike the object so that it glides onto the flat target",
    "press": "press the object from above",
    "open": "pull the drawer open and let go",
    "close": "push the drawer shut",
    "stand_up": "take a lying object and stand it upright",
}
"""Every skill and what it does."""
_NOTHING = ("nothing",)
"""What can be named where nothing was detected; no thing is called so, so no plan passes."""
MAX_STEPS, MAX_TEXT, MAX_REPLY = 16, 200, 50_000
"""Most steps of a plan, characters of a reason or thought, characters of a reply."""


@dataclass(frozen=True)
class Plan:
    """What to do, or why it cannot be done."""

    steps: tuple[Step, ...] = ()
    feasible: bool = True
    reason: str = ""
    """Why it is not feasible."""
    avoid: tuple[str, ...] = ()
    """Things that must not be touched."""
    thought: str = ""
    """What was thought before."""

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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@functools.lru_cache(maxsize=512)
def _model(names: tuple[str, ...], thought: bool) -> type[BaseModel]:
    """The plan's model for a scene: only its skills and its things can be named."""
    name: Any = Literal[names]
    lone: Any = Literal[ALONE]
    pair: Any = Literal[PAIRED]
    relation: Any = Literal[RELATIONS]
    alone = create_model("OneThing", __base__=_Strict, skill=(lone, ...), object=(name, ...))
    paired = create_model(
        "TwoThings", __base__=_Strict, skill=(pair, ...), object=(name, ...),
        target=(name, ...),
    )  # fmt: skip
    place = create_model(
        "Place", __base__=_Strict, skill=(Literal["place"], ...), object=(name, ...),
        relation=(relation, ...), target=(name, ...),
    )  # fmt: skip
    text = Annotated[str, Field(max_length=MAX_TEXT)]
    step: Any = alone | paired | place
    fields: dict[str, Any] = {"thought": (text, ...)} if thought else {}
    fields |= {
        "feasible": (bool, ...),
        "reason": (text, ...),
        "avoid": (Annotated[list[name], Field(max_length=6)], ...),
        "steps": (Annotated[list[step], Field(max_length=MAX_STEPS)], ...),
    }
    return create_model("Plan", __base__=_Strict, **fields)


def schema(names: Sequence[str], thought: bool = False) -> dict[str, Any]:
    """JSON schema of a plan in a scene.

    Args:
        names: Of the things that are there.
        thought: Whether the model is to think first, in a field of its own.

    """
    return _model(tuple(names) or _NOTHING, thought).model_json_schema()


def parse_plan(text: str, names: Sequence[str], thought: bool = False) -> Plan:
    """Read a model's reply; whatever is said around the first JSON object is passed over.

    Args:
        text: The reply.
        names: Of the things that are there.
        thought: Whether a thought is expected.

    Raises:
        PlanError: If it is no plan of this scene; says why in words that help a model.
    """
    if len(text) > MAX_REPLY:
        raise PlanError(f"The reply has {len(text)} characters; {MAX_REPLY} is the most.")
    start = text.find("{")
    if start < 0:
        raise PlanError("The reply contains no JSON object.")
    try:
        data, _ = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as fault:
        raise PlanError(f"The reply is not valid JSON: {fault}.") from None
    try:
        made: Any = _model(tuple(names) or _NOTHING, thought).model_validate(data)
    except ValidationError as fault:
        raise PlanError(_told(fault)) from None
    steps = tuple(
        Step(s.skill, s.object, getattr(s, "target", None), getattr(s, "relation", None))
        for s in made.steps
    )
    reason = made.reason or ("" if made.feasible else "no reason given")
    return Plan(steps, made.feasible, reason, tuple(made.avoid), getattr(made, "thought", ""))


def _told(fault: ValidationError) -> str:
    """The first faults in words; of a step that fits no shape, those of the nearest shape."""
    lines: dict[str, str] = {}
    errors = sorted(fault.errors(include_url=False), key=lambda e: e["type"] == "missing")
    for error in errors:
        where = [str(part) for part in error["loc"] if part not in _SHAPES]
        given = repr(error.get("input"))
        given = given if len(given) <= 60 else f"{given[:57]}..."
        lines.setdefault(".".join(where) or "plan", f"{error['msg']}, not {given}")
    told = [f"{where}: {what}" for where, what in lines.items()][:3]
    return "The plan does not fit the schema: " + "; ".join(told) + "."


_SHAPES = ("OneThing", "TwoThings", "Place")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)


@dataclass(frozen=True)
class Problem:
    """Why a plan is not executed."""

    check: str
    """"schema", "grounding", "embodiment", "order", "execution" or "service"."""
    text: str
    """What is wrong, in words for the planner and for people."""
    details: dict[str, float] = field(default_factory=dict)
    """Numbers behind it."""

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"
