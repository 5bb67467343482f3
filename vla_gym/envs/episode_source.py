"""`EpisodeSource`: where the episodes of n sub-environments come from."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from vla_gym.envs.asking import Instruction, Spoken, meaning_of, refusal, shown, text_of
from vla_gym.envs.episode import Episode
from vla_gym.envs.splits import rng_for
from vla_gym.envs.task import Axes, Task
from vla_gym.errors import InstructionError, InvalidConfigError
from vla_gym.language.understanding import Understanding

Draw = Callable[[int], Episode]
"""Draws the next episode of a sub-environment."""
Drawer = Callable[[int, Draw], Episode]
"""Chooses the next episode of sub-environment i; calls the second argument to draw one."""

RESET_OPTIONS = ("instruction", "same_scene", "roles", "reset_mask")
"""Keys of the `options` of `reset`."""
_NEAR_MISS = 0.75
"""Likeness from which an unknown key is taken for a misspelt one, 0 to 1."""
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class EpisodeRequest:
    """What the options of a reset ask for, one entry per sub-environment to reset."""

    instructions: tuple[Instruction | None, ...]
    """Instructions to draw a scene for; None draws one freely."""
    roles: tuple[Mapping[str, int] | None, ...]
    """Role -> slot, to change in the present scene."""
    same_scene: bool = False
    """Whether the present scenes are kept."""

    @classmethod
    def of(cls, options: Mapping[str, Any], n: int) -> EpisodeRequest:
        """Check reset options; `reset_mask` is left to the environment.

        Args:
            options: As of `TabletopVectorEnv.reset`.
            n: Number of sub-environments to reset.

        Raises:
            InvalidConfigError: If they contradict each other or have the wrong length.
        """
        text: Any = options.get("instruction")
        roles = options.get("roles")
        same_scene = bool(options.get("same_scene"))
        if roles is not None and not same_scene:
            raise InvalidConfigError("roles needs same_scene=True: slots belong to a scene.")
        if roles is not None and text is not None:
            raise InvalidConfigError("Give either roles or an instruction, not both.")
        texts: tuple[Any, ...] = (text,) * n
        if isinstance(text, (Sequence, np.ndarray)) and not isinstance(text, (str, Spoken)):
            texts = tuple(text)
        wanted = (roles,) * n if isinstance(roles, (Mapping, type(None))) else tuple(roles)
        for given in texts:
            if not isinstance(given, (str, Understanding, Spoken, type(None))):
                raise InstructionError(
                    f"An instruction is a text or what one means, not {type(given).__name__}."
                )
        for what, given in (("instructions", texts), ("role assignments", wanted)):
            if len(given) != n:
                raise InvalidConfigError(
                    f"{len(given)} {what} were given for {n} sub-environments."
                )
        return cls(texts, wanted, same_scene)

    def of_rows(self, mask: NDArray[np.bool_]) -> EpisodeRequest:
        """The part for some of the sub-environments. Shape (n,)."""

        def picked(values: tuple) -> tuple:
            return tuple(value for value, chosen in zip(values, mask, strict=True) if chosen)

        return replace(self, instructions=picked(self.instructions), roles=picked(self.roles))

    def spread(self, ids: NDArray[np.int64], n: int) -> EpisodeRequest:
        """The same for all n sub-environments: free episodes where `ids` (m,) asked for nothing."""
        texts: list[Any] = [None] * n
        roles: list[Any] = [None] * n
        for i, text, assigned in zip(ids, self.instructions, self.roles, strict=True):
            texts[i], roles[i] = text, assigned
        return replace(self, instructions=tuple(texts), roles=tuple(roles))


class EpisodeSource:
    """Draws episodes from one random stream per sub-environment.

    Args:
        tasks: Tasks of which each episode draws one.
        n: Number of sub-environments.
        n_slots: Object slots of each.
        split: One of `vla_gym.envs.splits.SPLITS`.
        axes: Generalisation axes that are switched on.
        ends: Whether policies can end an episode, to say that something is not there.
    """

    def __init__(
        self, tasks: Sequence[Task], n: int, n_slots: int, split: str, axes: Axes = frozenset(),
        ends: bool = False,
    ) -> None:  # fmt: skip
        self.tasks, self.n, self.n_slots = tuple(tasks), n, n_slots
        self.split, self.axes, self.ends = split, axes, ends
        self.rngs: list[Generator] = []
        """One stream per sub-environment; none before the first `seed`."""
        self._drawers: list[Drawer] = []

    def seed(
        self, seed: int | Sequence[int | None] | None, mask: NDArray[np.bool_] | None = None
    ) -> Sequence[int | None] | None:
        """Restart random streams.

        Args:
            seed: Sub-environment k gets seed + k; or one seed each, None to continue its stream.
                None continues all, or seeds them from the operating system the first time.
            mask: Sub-environments whose stream may restart; None for all. Shape (n,).

        Returns:
            The seeds used, or None if all streams continue.

        Raises:
            InvalidConfigError: If there are too few or too many seeds.
        """
        if seed is None and self.rngs:
            return None
        if seed is None:
            seed = int(SeedSequence().generate_state(1, np.uint64)[0])
        single = isinstance(seed, (int, np.integer))
        seeds = list(range(seed, seed + self.n)) if single else list(seed)
        if len(seeds) != self.n:
            raise InvalidConfigError(
                f"{len(seeds)} seeds were given for {self.n} sub-environments."
            )
        if mask is not None:
            seeds = [s if chosen else None for s, chosen in zip(seeds, mask, strict=True)]
        fresh = [None if s is None else rng_for(self.split, int(s)) for s in seeds]
        old = self.rngs or [rng_for(self.split, i) for i in range(self.n)]
        self.rngs = [o if f is None else f for o, f in zip(old, fresh, strict=True)]
        return seeds

    # ---- drawers ------------------------------------------------------------------------------

    def add_drawer(self, drawer: Drawer) -> None:
        """Let a function choose the episodes that are drawn without a given instruction.

        Drawers form a chain: the one added last is asked first, and may call the one before it.

        Args:
            drawer: Called with the sub-environment and a function that draws its next episode.
        """
        self._drawers.append(drawer)

    def remove_drawer(self, drawer: Drawer) -> None:
        """Remove a drawer that was added."""
        self._drawers.remove(drawer)

    # ---- drawing ------------------------------------------------------------------------------

    def episodes(
        self, ids: NDArray[np.int64], request: EpisodeRequest, present: Sequence[Episode]
    ) -> list[Episode]:
        """The episodes that start next.

        Args:
            ids: Sub-environments. Shape (m,).
            request: What is asked for in each of them.
            present: The present episodes of all sub-environments; none before the first reset.

        Raises:
            InvalidConfigError: If there is no present scene, or a role cannot be played.
            InstructionError: If an instruction is not understood or does not fit.
        """
        if request.same_scene:
            if not present:
                raise InvalidConfigError("same_scene needs a scene: call reset() once before.")
            return [
                self._same_scene(int(i), present[i], roles, text)
                for i, roles, text in zip(ids, request.roles, request.instructions, strict=True)
            ]
        return [
            self.draw(int(i)) if text is None else self._for_instruction(int(i), text)
            for i, text in zip(ids, request.instructions, strict=True)
        ]

    def draw(self, i: int) -> Episode:
        """The next episode of sub-environment i; its stream advances."""
        return self._draw(i, len(self._drawers))

    def _draw(self, i: int, level: int) -> Episode:
        if level:
            return self._drawers[level - 1](i, lambda j: self._draw(j, level - 1))
        rng, tasks = self.rngs[i], self.tasks
        k = int(rng.integers(len(tasks))) if len(tasks) > 1 else 0
        return replace(Episode.draw(tasks[k], rng, self.n_slots, self.axes), task=k)

    def _for_instruction(self, i: int, asked: Instruction) -> Episode:
        """An episode whose scene an instruction fits, of the first task that understands it.

        Instructions of no task are read for their meaning, of which a task is put together.
        """

        def drawn(task: Task, text: str) -> Episode:
            wishes = task.read(text)[0]
            episode = Episode.draw(task, self.rngs[i], self.n_slots, self.axes, wishes, text)
            return replace(episode, instruction=shown(text))

        def composed(meaning: Understanding, text: str) -> Episode:
            return Episode.composed(meaning, text, self.rngs[i], self.n_slots, self.axes)

        return self._asked(asked, drawn, composed)

    def _same_scene(
        self, i: int, old: Episode, roles: Mapping[str, int] | None, asked: Instruction | None
    ) -> Episode:
        """The present scene, with other roles or another instruction if one is given."""
        if asked is not None:
            return self._asked(
                asked,
                lambda task, text: replace(
                    old.with_instruction(task, text), instruction=shown(text)
                ),
                lambda meaning, text: old.with_meaning(meaning, text, self.ends),
            )
        if roles:
            task = old.own_task or self.tasks[old.task]
            return old.with_changed_roles(task, roles, self.rngs[i], self.axes)
        return old

    def _asked(
        self, asked: Instruction, read: Callable[[Task, str], Episode],
        composed: Callable[[Understanding, str], Episode],
    ) -> Episode:  # fmt: skip
        """The episode of the first task that reads an instruction, or of one made for it.

        Args:
            asked: The instruction.
            read: Makes the episode of one of the environment's tasks.
            composed: Makes the episode of a task that is put together from a meaning.

        Raises:
            InstructionError: If there is none.
        """
        problem: InstructionError | None = None
        if isinstance(asked, str):
            try:
                return self._first_task(lambda task: read(task, asked))
            except InstructionError as error:
                problem = error
        meaning = meaning_of(asked)
        try:
            episode = composed(meaning, text_of(asked))
        except InstructionError as error:
            raise refusal(asked, str(error)) from problem
        task = episode.own_task
        if task is not None and task.terminate and not self.ends:
            raise refusal(
                asked, "That is about something that the table never has. An environment with "
                "terminate_action=True lets the policy say so.",
            )  # fmt: skip
        return episode

    def _first_task(self, make: Callable[[Task], Episode]) -> Episode:
        """The episode of the first task that can make one.

        Raises:
            InstructionError: If none can: the error that understood most of the instruction.
        """
        errors: list[InstructionError] = []
        for k, task in enumerate(self.tasks):
            try:
                return replace(make(task), task=k)
            except InstructionError as error:
                errors.append(error)
        raise max(errors, key=lambda error: error.understood)

    # ---- state --------------------------------------------------------------------------------

    def get_state(self) -> dict[str, NDArray]:
        """The random streams, as copies of plain arrays."""
        return {"rng": np.array([_pack_rng(rng) for rng in self.rngs], np.uint64)}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        self.rngs = [_unpack_rng(row) for row in state["rng"]]


def known_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of the reset options that mean something here; other tools' own are ignored.

    A key that looks like a misspelt one is ignored with a warning.
    """
    for name in options or {}:
        close = difflib.get_close_matches(str(name), RESET_OPTIONS, 1, _NEAR_MISS)
        if close and name not in RESET_OPTIONS:
            warnings.warn(
                f"The reset option {name!r} is ignored; did you mean {close[0]!r}? Valid: "
                f"{', '.join(RESET_OPTIONS)}.",
                stacklevel=4,
            )
    return {name: value for name, value in (options or {}).items() if name in RESET_OPTIONS}


def checked_mask(mask: Any, n: int) -> NDArray[np.bool_]:
    """Which sub-environments to reset. Shape (n,).

    Args:
        mask: ``options["reset_mask"]``, or None for all.
        n: Number of sub-environments.

    Raises:
        InvalidConfigError: If it is no array of n truth values, or none of them is True.
    """
    if mask is None:
        return np.ones(n, bool)
    given = np.asarray(mask)
    remedy = "Pass for example terminated | truncated."
    if given.dtype != bool or given.shape != (n,):
        raise InvalidConfigError(
            f"reset_mask must be {n} truth values, one per sub-environment, not shape "
            f"{given.shape} of {given.dtype}. {remedy}"
        )
    if not given.any():
        raise InvalidConfigError(f"reset_mask selects no sub-environment. {remedy}")
    return given


def _pack_rng(rng: Generator) -> NDArray[np.uint64]:
    """A PCG64 generator's state. Shape (6,)."""
    state: Any = rng.bit_generator.state
    words = [state["state"][key] >> shift & _MASK for key in ("state", "inc") for shift in (0, 64)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def _unpack_rng(row: NDArray) -> Generator:
    low, high, inc_low, inc_high, has, value = (int(x) & _MASK for x in row)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": low | high << 64, "inc": inc_low | inc_high << 64},
        "has_uint32": has,
        "uinteger": value,
    }
    return Generator(bits)
