"""`Task`: what is asked, as data; and how an episode's objects are drawn from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from vla_gym.language.instructions import pick_template, render
from vla_gym.language.referring import refer
from vla_gym.language.vocabulary import COLOURS, jitter
from vla_gym.world.objects import SIZES, ObjectSpec
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import Predicate


@dataclass(frozen=True)
class Role:
    """A part that an object plays in a task."""

    kinds: tuple[str, ...]
    """Kinds that can play it."""
    colours: tuple[str, ...] = tuple(COLOURS)
    """Colour words it is drawn from."""


@dataclass(frozen=True)
class Binding:
    """One episode's objects: what they are and how they are called."""

    specs: tuple[ObjectSpec, ...]
    """Slot by slot."""
    colours: tuple[str, ...]
    """Colour word of each slot."""
    roles: dict[str, int]
    """Role -> slot."""


@dataclass(frozen=True)
class Task:
    """A task: roles, a start, a goal, a horizon."""

    name: str
    """Part of the id ``VLA<name>-v0``."""
    roles: dict[str, Role]
    """Role name -> who can play it; bound afresh each episode."""
    goal: Predicate
    """What must hold for success."""
    start: Scatter = field(default_factory=Scatter)
    """Where objects start."""
    n_distractors: tuple[int, int] = (1, 3)
    """Fewest and most extra objects that the gripper could take."""
    horizon: int = 60
    """Step limit at 10 Hz; other rates keep the time."""
    mass_scale: tuple[float, float] = (0.7, 1.4)
    """Range of the factor on each object's mass."""

    def bind(self, rng: Generator) -> Binding:
        """Draw the objects of one episode.

        Every (colour, kind) pair is unique, so that "the <colour> <kind>" names one object. For
        each role there is at least one other object that could play it, so that the sentence
        cannot be ignored.

        Args:
            rng: Source of randomness.
        """
        roles = list(self.roles)
        pairs: list[tuple[str, str]] = []
        for name in roles:
            pairs.append(self._draw_pair(rng, self.roles[name], pairs))
        extra = int(rng.integers(self.n_distractors[0], self.n_distractors[1] + 1))
        decoys = [roles[0]] * extra + roles[1:]
        for name in decoys:
            twin = pairs[roles.index(name)]
            pairs.append(self._draw_decoy(rng, self.roles[name], twin, pairs))
        specs = tuple(self._spec(rng, colour, kind) for colour, kind in pairs)
        # slots carry no hint of who plays which role
        order = rng.permutation(len(specs))
        place = np.argsort(order)
        return Binding(
            tuple(specs[i] for i in order),
            tuple(pairs[i][0] for i in order),
            {name: int(place[i]) for i, name in enumerate(roles)},
        )

    def say(self, binding: Binding, rng: Generator) -> str:
        """Put an episode into words that name each role's object and no other.

        Args:
            binding: The episode's objects.
            rng: Chooses the template.
        """
        phrases = {
            role: refer(binding.specs, slot, colours=binding.colours)
            for role, slot in binding.roles.items()
        }
        where = list(binding.roles)[-1]
        template = pick_template(binding.specs[binding.roles[where]].kind, rng)
        return render(template, phrases)

    def _draw_pair(
        self, rng: Generator, role: Role, taken: list[tuple[str, str]]
    ) -> tuple[str, str]:
        free = [(c, k) for c in role.colours for k in role.kinds if (c, k) not in taken]
        return free[int(rng.integers(len(free)))]

    def _draw_decoy(
        self, rng: Generator, role: Role, twin: tuple[str, str], taken: list[tuple[str, str]]
    ) -> tuple[str, str]:
        """Something that shares a colour or a kind with `twin` as often as not."""
        style = rng.random()
        if style < 0.35:
            role = Role(kinds=(twin[1],), colours=role.colours)
        elif style < 0.6:
            role = Role(kinds=role.kinds, colours=(twin[0],))
        free = [(c, k) for c in role.colours for k in role.kinds if (c, k) not in taken]
        return free[int(rng.integers(len(free)))]

    def _spec(self, rng: Generator, colour: str, kind: str) -> ObjectSpec:
        size = SIZES[int(rng.integers(len(SIZES)))]
        return ObjectSpec(kind, size, jitter(rng, colour), float(rng.uniform(*self.mass_scale)))
