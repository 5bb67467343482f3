"""The space of instructions, and how it passes through Gymnasium's shared memory."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)
from numpy.typing import NDArray

from vla_gym.envs.asking import MAX_INSTRUCTION, shown

CHARSET = frozenset(string.ascii_letters + string.digits + " ,.'-?!;:")
"""Characters of the instructions of shipped tasks; people's own may have others."""


class InstructionSpace(spaces.Text):
    """Texts of one line, as people write them in any script; samples are of plain letters."""

    def __init__(self) -> None:
        super().__init__(MAX_INSTRUCTION, charset=CHARSET)

    def contains(self, x: Any) -> bool:
        """Whether it is a text without control characters that is not too long."""
        return isinstance(x, str) and self.min_length <= len(x) and x == shown(x)


class SharedInstructions(Sequence):
    """The texts that worker processes have written, read when they are asked for.

    Gymnasium's own reader of `Text` reads once, before any worker has written. A copy is a plain
    tuple of the present texts.

    Args:
        codes: Code points, 0 after the end. Shape (n, `MAX_INSTRUCTION`).
    """

    def __init__(self, codes: NDArray[np.int32]) -> None:
        self._codes = codes

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, index: Any) -> Any:
        return tuple(self)[index]

    def __iter__(self) -> Iterator[str]:
        for row in self._codes:
            yield "".join(map(chr, row[row > 0]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __copy__(self) -> tuple[str, ...]:
        return tuple(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> tuple[str, ...]:
        return tuple(self)


def _codes_of(memory: Any) -> NDArray[np.int32]:
    return np.frombuffer(memory.get_obj(), np.int32).reshape(-1, MAX_INSTRUCTION)


@create_shared_memory.register(InstructionSpace)
def _create(space: InstructionSpace, n: int = 1, ctx: Any = None) -> Any:
    return ctx.Array(np.dtype(np.int32).char, n * MAX_INSTRUCTION)


@read_from_shared_memory.register(InstructionSpace)
def _read(space: InstructionSpace, shared_memory: Any, n: int = 1) -> Any:
    return SharedInstructions(_codes_of(shared_memory))


@write_to_shared_memory.register(InstructionSpace)
def _write(space: InstructionSpace, index: int, value: str, shared_memory: Any) -> None:
    row = _codes_of(shared_memory)[index]
    row[:] = 0
    row[: len(value)] = [ord(character) for character in value]
