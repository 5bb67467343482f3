"""`Task`: what is asked, as data: roles, start, goal, conditions, phrases."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.binding import Binding
from vla_gym.errors import InstructionError
from vla_gym.language.noun_phrases import NounPhrase
from vla_gym.language.referring import refer
from vla_gym.language.templates import parse, pick_template, render, suits
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS
from vla_gym.world.logic import Predicate
from vla_gym.world.object_kind import SIZES
from vla_gym.world.placement import Scatter

Axes = frozenset[str]
"""Names out of `vla_gym.envs.novelty.AXES`."""


@dataclass(frozen=True)
class Role:
    """A part that an object plays in a task."""

    kinds: tuple[str, ...]
    """Kinds of objects that can play it."""
    novel_kinds: tuple[str, ...] = ()
    """Kinds that play it on the generalisation axis "kinds" only."""
    colours: tuple[str, ...] = tuple(COLOURS)
    """Colour words that its object is drawn from."""
    sizes: tuple[str, ...] = SIZES
    """Named sizes that its object is drawn from."""
    decoys: tuple[int, int] = (1, 1)
    """Fewest and most other objects that could play it."""
    many: bool = False
    """Whether all objects of one colour or kind play it: "everything red"."""
    absent: bool = False
    """Whether the instruction names it but no object on the table plays it."""

    @property
    def all_kinds(self) -> tuple[str, ...]:
        """Kinds that can play it in training or on the axis "kinds"."""
        return self.kinds + self.novel_kinds

    def drawn_from(self, axes: Axes) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Kinds and colour words to draw from.

        Args:
            axes: Generalisation axes that are switched on.
        """
        kinds = self.novel_kinds if "kinds" in axes and self.novel_kinds else self.kinds
        return kinds, tuple(COLOUR_SYNONYMS) if "colours" in axes else self.colours


@dataclass(frozen=True)
class Task:
    """A task as data; see ``docs/tasks.md`` for those that are shipped."""

    name: str
    """Part of the id ``VLA<name>-v0``."""
    roles: dict[str, Role]
    """Role name -> objects that can play it; bound to new objects in each episode."""
    goal: Predicate
    """What must hold for success."""
    phrases: tuple[str, ...]
    """Instruction templates with role names in braces, plainest first."""
    novel_phrases: tuple[str, ...] = ()
    """Templates of the generalisation axis "phrasings"."""
    keep: Predicate | None = None
    """What must stay true; the episode fails as soon as it does not."""
    start: Scatter = field(default_factory=Scatter)
    """Where objects start."""
    furniture: tuple[str, ...] = ()
    """Kinds of which one object each is added, in a colour that nothing else has."""
    clutter: tuple[int, int] = (0, 0)
    """Fewest and most additional objects that could play the first role."""
    horizon: int = 60
    """Step limit at 10 Hz; at other control rates the time limit is the same."""
    terminate: bool = False
    """Whether success needs the terminate action (the eighth number) while the goal holds."""
    mass_scale: tuple[float, float] = (0.7, 1.4)
    """Range of the factor on each object's mass."""
    summary: str = ""
    """One sentence for the documentation."""

    @property
    def all_phrases(self) -> tuple[str, ...]:
        """Every instruction template that the task understands."""
        return self.phrases + self.novel_phrases

    def say(self, binding: Binding, pos: NDArray, rng: Generator, axes: Axes = frozenset()) -> str:
        """Word an episode so that each phrase names the object of its role and no other.

        Args:
            binding: The episode's objects.
            pos: Their positions. Shape (n_slots, 3), [m].
            rng: Chooses the words.
            axes: Generalisation axes that are switched on.

        Raises:
            InstructionError: If an object cannot be told apart from the others.
        """
        seen = binding.seen(pos)
        phrases: dict[str, NounPhrase] = dict(binding.spoken)
        for role, slot in binding.roles.items():
            if role not in phrases:
                phrases[role] = refer(
                    seen, slot, rng, synonyms="nouns" in axes, reasoning="reasoning" in axes
                )
        kinds = {role: binding.specs[slot].kind for role, slot in binding.roles.items()}
        kinds |= {r: p.kinds[0] for r, p in binding.spoken.items() if r not in kinds}
        fresh = "phrasings" in axes and self.novel_phrases
        return render(
            pick_template(self.novel_phrases if fresh else self.phrases, kinds, rng), phrases
        )

    def read(self, text: str) -> list[dict[str, NounPhrase]]:
        """What an instruction can mean for this task: role -> phrase, for each possible reading.

        Raises:
            InstructionError: If it is no instruction of this task.
        """
        parsed = parse(text, self.all_phrases)
        readings = [phrases for template, phrases in parsed if self._makes_sense(template, phrases)]
        if readings:
            return readings
        said = {role: str(phrase) for _, phrases in parsed for role, phrase in phrases.items()}
        raise InstructionError(
            f"{text!r} does not fit {self.name}: "
            + "; ".join(
                f"{phrase!r} must be one of {', '.join(self.roles[role].all_kinds)}"
                for role, phrase in said.items()
            ),
            understood=1_000,
        )

    def _makes_sense(self, template: str, phrases: Mapping[str, NounPhrase]) -> bool:
        """Whether each phrase can name an object of its role, and the template suits them."""
        kinds = {role: self._fitting(role, phrase) for role, phrase in phrases.items()}
        return any(
            suits(template, dict(zip(kinds, chosen, strict=True)))
            for chosen in itertools.product(*kinds.values())
        )

    def _fitting(self, role: str, phrase: NounPhrase) -> list[str]:
        """The kinds of a role that a phrase can name."""
        if role not in self.roles or phrase.every != self.roles[role].many:
            return []
        return [kind for kind in self.roles[role].all_kinds if kind in phrase.kinds]
