"""`LanguageModelReader`: people's sentences read by a language model instead of the shipped one."""

from __future__ import annotations

import functools
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from vla_gym.errors import InstructionError, VlaGymError
from vla_gym.language.meaning_notation import parse_steps, parse_things
from vla_gym.language.plausibility import Judged
from vla_gym.language.reading import LONGEST_TEXT, normalised, settled
from vla_gym.language.understanding import (
    ANSWERS,
    ONE_THING_SKILLS,
    PICKS,
    SIDES,
    TWO_THING_SKILLS,
    Understanding,
)
from vla_gym.planner.client import ChatClient
from vla_gym.world.object_kind import SIZES
from vla_gym.world.objects import KINDS

_REFERENCES = 2
"""Things that a thing may refer to, one through another; servers want schemas without recursion."""
_EXAMPLES: tuple[tuple[str, str, str, str], ...] = (
    ("please set the teal cup down right of the biggest plate",
     "act", "beside mug{c=teal} > plate{p=biggest} @right", "-"),
    ("all the cans but the grey one go in the crate, then shut the drawer",
     "act", "sort can{n=all} > box ; close drawer", "can{c=grey}"),
    ("hand me whatever lies in the bowl", "act", "lift any{p=in,ref=bowl}", "-"),
    ("what time is it?", "refuse", "-", "-"),
    ("put it over there", "ask", "-", "-"),
)  # fmt: skip
"""Sentence, answer, steps, what to avoid; as `vla_gym.language.meaning_notation` has them."""


class LanguageModelReader:
    """Reads sentences by a language model whose answers are held to the form of a meaning.

    What it answers is checked as the shipped reader's own meanings are: unknown things are
    refused, unknown colours asked back. Models say nothing of how sure they are: the confidence is
    always 1.

    Args:
        client: The model.
    """

    def __init__(self, client: ChatClient) -> None:
        self.client = client

    def understand(self, text: str) -> Understanding:
        """As `vla_gym.language.understand`, without a scene.

        Raises:
            InstructionError: If it is not a text.
            PlannerUnavailableError: If the model gives no answer.
        """
        if not isinstance(text, str):
            raise InstructionError(f"An instruction is a text, not {type(text).__name__}.")
        text = normalised(text[: 2 * LONGEST_TEXT])
        answer = self.client.ask(messages(text), meaning_schema())
        try:
            found = [Judged(parse_meaning(answer.text), 1.0)]
        except VlaGymError:
            found = []
        return settled(found, text)


def messages(text: str) -> list[dict[str, Any]]:
    """The conversation that asks for the meaning of a text."""
    talk = [{"role": "system", "content": _prompt()}]
    for said, answer, steps, avoid in _EXAMPLES:
        meaning = Understanding(answer, parse_steps(steps), parse_things(avoid))
        talk += [{"role": "user", "content": said},
                 {"role": "assistant", "content": _as_answer(meaning)}]  # fmt: skip
    return [*talk, {"role": "user", "content": text}]


@functools.cache
def meaning_schema() -> dict[str, Any]:
    """JSON schema of an answer."""
    return _model().model_json_schema()


def parse_meaning(text: str) -> Understanding:
    """Read a model's answer; text around the JSON object is ignored.

    Raises:
        InstructionError: If it is no meaning of a sentence.
    """
    start = text.find("{")
    try:
        data, _ = json.JSONDecoder().raw_decode(text, max(start, 0))
        answer = _model().model_validate(data).model_dump(mode="json")
        return Understanding.from_json(answer)
    except (ValueError, ValidationError, RecursionError, VlaGymError) as error:
        raise InstructionError(f"The model's answer is no meaning: {str(error)[:200]}") from error


def _prompt() -> str:
    kinds = ", ".join(KINDS)
    return (
        "You read what people say to a robot arm at a table and answer with its meaning as one "
        'JSON object: "answer" ("act"; "refuse" if it is unsafe, impossible or not a request to '
        'the arm; "ask" if it leaves open which thing or which place is meant), "steps" in the '
        'order in which they are to be done, "avoid" (things to leave alone, exceptions of a '
        'group), "lang" (ISO 639-1). '
        f"Skills with an object only: {', '.join(ONE_THING_SKILLS)} (reach: touch, point at; lift: "
        "pick up, hold, hand over; upright: stand a lying thing up). Skills with an object and a "
        f"target: {', '.join(TWO_THING_SKILLS)} (put: in or on a container, one step even if "
        "picking up is mentioned; sort: a group into a container; stack: on a thing with a flat "
        "top; push: along the table onto a mat; slide: strike so that it glides; beside: next to, "
        "with a side). A thing has a kind: "
        f'{kinds}, "any", or, if it is none of these, its own noun. A cup is a mug, a block a '
        "cube, a tin a can, a rock a stone, a saucer a plate, a crate a box, a disc a puck. "
        "colour, size, count, pick and not_colour are null or 1 unless they are said; a pick "
        "such as in, on or left_of has the thing that it refers to as ref. Pronouns are replaced "
        "by their things, and of a correction only the last wish counts."
    )


def _as_answer(meaning: Understanding) -> str:
    plain = meaning.to_json()
    kept = {name: plain[name] for name in ("answer", "steps", "avoid", "lang")}
    return _model().model_validate(kept).model_dump_json()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


@functools.cache
def _model() -> type[BaseModel]:
    """The form of an answer, all fields required."""
    size: Any = Literal[SIZES]
    pick: Any = Literal[PICKS]
    skill: Any = Literal[ONE_THING_SKILLS + TWO_THING_SKILLS]
    side: Any = Literal[SIDES]
    answer: Any = Literal[ANSWERS]
    plain: dict[str, Any] = {
        "kind": (str, ...),
        "colour": (str | None, ...),
        "size": (size | None, ...),
        "count": (int | Literal["all"], ...),
        "not_colour": (str | None, ...),
        "pick": (pick | None, ...),
    }
    thing: Any = create_model("LastThing", __base__=_Strict, **plain)
    for depth in range(_REFERENCES, 0, -1):
        name = "Thing" if depth == 1 else f"Thing{depth}"
        fields: dict[str, Any] = {**plain, "ref": (thing | None, ...)}
        thing = create_model(name, __base__=_Strict, **fields)
    fields = {
        "skill": (skill, ...),
        "object": (thing, ...),
        "target": (thing | None, ...),
        "side": (side | None, ...),
    }
    step: Any = create_model("Step", __base__=_Strict, **fields)
    steps: Any = list[step]
    things: Any = list[thing]
    return create_model(
        "Meaning", __base__=_Strict, answer=(answer, ...), steps=(steps, ...),
        avoid=(things, ...), lang=(str, ...),
    )  # fmt: skip
