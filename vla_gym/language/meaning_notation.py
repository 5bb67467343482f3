"""Meanings as one line of text, for labels that people write and for a reader's output.

``put cube{c=red} > bowl{p=leftmost} ; close drawer``: steps are separated by ``;``, a target
follows ``>``, a side follows ``@``. A thing is its kind, and in braces ``c`` colour, ``s`` size,
``n`` count, ``p`` pick, ``nc`` colour that it must not have, and last ``ref``, the thing that ``p``
refers to. Nothing at all is ``-``.
"""

from __future__ import annotations

import re

from vla_gym.errors import InstructionError
from vla_gym.language.understanding import SkillStep, Thing

NOTHING = "-"
_FIELDS = {"c": "colour", "s": "size", "n": "count", "p": "pick", "nc": "not_colour"}
_THING = re.compile(r"([^\s{}<>;@,=][^{}<>;@,=]*?)(?:\{(.*)\})?")
_SIDE = re.compile(r"\s@(\w+)$")


def parse_steps(text: str) -> tuple[SkillStep, ...]:
    """Steps of a line.

    Raises:
        InstructionError: If the line is not in this notation.
        InvalidConfigError: If a skill, a size, a side or the like does not exist.
    """
    if text.strip() == NOTHING:
        return ()
    return tuple(_parse_step(part.strip()) for part in text.split(" ; "))


def parse_things(text: str) -> tuple[Thing, ...]:
    """Things separated by ``,``; errors as `parse_steps`."""
    return () if text.strip() == NOTHING else tuple(map(parse_thing, text.split(" , ")))


def parse_thing(text: str) -> Thing:
    """One thing; errors as `parse_steps`."""
    match = _THING.fullmatch(text.strip())
    if match is None:
        raise InstructionError(f"{text!r} is no thing, such as 'cube' or 'cube{{c=red}}'.")
    fields: dict[str, object] = {}
    rest = match[2] or ""
    while rest:
        key, _, value = rest.partition("=")
        if key == "ref":
            fields["ref"], rest = parse_thing(value), ""
            continue
        value, _, rest = value.partition(",")
        if key not in _FIELDS or not value:
            raise InstructionError(f"{text!r} has {key!r}; valid: {', '.join(_FIELDS)}, ref.")
        fields[_FIELDS[key]] = int(value) if value.isdecimal() else value
    return Thing(match[1], **fields)  # type: ignore[arg-type]


def write_steps(steps: tuple[SkillStep, ...]) -> str:
    """The line that `parse_steps` reads."""
    return " ; ".join(map(_write_step, steps)) or NOTHING


def write_things(things: tuple[Thing, ...]) -> str:
    """The line that `parse_things` reads."""
    return " , ".join(map(write_thing, things)) or NOTHING


def write_thing(thing: Thing) -> str:
    """The text that `parse_thing` reads."""
    values = {key: getattr(thing, name) for key, name in _FIELDS.items()}
    parts = [f"{k}={v}" for k, v in values.items() if v is not None and (k, v) != ("n", 1)]
    parts += [f"ref={write_thing(thing.ref)}"] if thing.ref is not None else []
    return thing.kind + (f"{{{','.join(parts)}}}" if parts else "")


def _parse_step(text: str) -> SkillStep:
    side = _SIDE.search(text)
    skill, _, things = (text[: side.start()] if side else text).partition(" ")
    thing, arrow, target = things.partition(" > ")
    return SkillStep(
        skill, parse_thing(thing), parse_thing(target) if arrow else None,
        side[1] if side else None,
    )  # fmt: skip


def _write_step(step: SkillStep) -> str:
    text = f"{step.skill} {write_thing(step.object)}"
    text += f" > {write_thing(step.target)}" if step.target else ""
    return text + (f" @{step.side}" if step.side else "")
