"""`Task`: what is asked, as data; and how an episode's things are drawn from it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.splits import held_out
from vla_gym.errors import InstructionError
from vla_gym.language.noun_phrases import NounPhrase, Seen, resolve, size_of
from vla_gym.language.referring import refer
from vla_gym.language.templates import parse, pick_template, render, suits
from vla_gym.language.vocabulary import (
    COLOUR_SYNONYMS,
    COLOURS,
    KIND_NOUNS,
    colour_distance,
    colour_rgb,
    jitter,
)
from vla_gym.world.logic import Predicate
from vla_gym.world.objects import KINDS, SIZES, ObjectSpec
from vla_gym.world.placement import Scatter

Axes = frozenset[str]
"""Names out of `vla_gym.envs.splits.AXES`."""
Pair = tuple[str, str]
"""Colour word and kind."""
_APART = 25.0
"""Least colour distance of two things of one kind (CIE76), so that their words tell them apart."""
_PLAIN = ("brown", "white", "black")
"""Colour words of furniture."""
_BASIC, _KIND_IDS = list(COLOURS), {name: i for i, name in enumerate(KINDS)}


@dataclass(frozen=True)
class Role:
    """A part that a thing plays in a task."""

    kinds: tuple[str, ...]
    """Kinds that can play it."""
    novel_kinds: tuple[str, ...] = ()
    """Kinds that play it on the novelty axis "kinds" only."""
    colours: tuple[str, ...] = tuple(COLOURS)
    """Colour words it is drawn from."""
    sizes: tuple[str, ...] = SIZES
    """Named sizes it is drawn from."""
    decoys: tuple[int, int] = (1, 1)
    """Fewest and most other things that could play it."""
    many: bool = False
    """Whether it is played by all things of one colour or kind: "everything red"."""
    absent: bool = False
    """Whether it is only spoken of: nothing on the table plays it."""

    def drawn_from(self, axes: Axes) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Kinds and colour words on some novelty axes."""
        kinds = self.novel_kinds if "kinds" in axes and self.novel_kinds else self.kinds
        return kinds, tuple(COLOUR_SYNONYMS) if "colours" in axes else self.colours


@dataclass(frozen=True)
class Binding:
    """One episode's things: what they are, how they are called, what they play."""

    specs: tuple[ObjectSpec, ...]
    """Slot by slot."""
    colours: tuple[str, ...]
    """Colour word of each slot."""
    roles: dict[str, int]
    """Role -> slot."""
    groups: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Role of many -> slots."""
    spoken: dict[str, NounPhrase] = field(default_factory=dict)
    """Role -> what is said, where that is settled beforehand."""

    @property
    def played(self) -> dict[str, tuple[int, ...]]:
        """Role -> all slots that play it."""
        return {**{role: (slot,) for role, slot in self.roles.items()}, **self.groups}

    def seen(self, pos: NDArray) -> Seen:
        """The scene as phrases are understood in it.

        Args:
            pos: Where things are. Shape (n_slots, 3), [m].
        """
        specs = self.specs
        return Seen(
            [s.kind for s in specs], [s.size for s in specs], self.colours,
            [s.rgb for s in specs], np.asarray(pos)[: len(specs), :2],
        )  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A task: roles, a start, a goal, what must stay true, phrases, a horizon."""

    name: str
    """Part of the id ``VLA<name>-v0``."""
    roles: dict[str, Role]
    """Role name -> who can play it; bound afresh each episode."""
    goal: Predicate
    """What must hold for success."""
    phrases: tuple[str, ...]
    """Sentences with role names in braces, plainest first."""
    novel_phrases: tuple[str, ...] = ()
    """Sentences of the novelty axis "phrasings"."""
    keep: Predicate | None = None
    """What must stay true; the episode fails as soon as it does not."""
    start: Scatter = field(default_factory=Scatter)
    """Where things start."""
    furniture: tuple[str, ...] = ()
    """Kinds of which one stands there besides, of no named colour."""
    clutter: tuple[int, int] = (0, 0)
    """Fewest and most things besides, that could play the first role."""
    horizon: int = 60
    """Step limit at 10 Hz; other rates keep the time."""
    terminate: bool = False
    """Whether success is to end the episode, by the eighth action, while the goal holds."""
    mass_scale: tuple[float, float] = (0.7, 1.4)
    """Range of the factor on each thing's mass."""
    summary: str = ""
    """One sentence for the documentation."""

    # ---- words --------------------------------------------------------------------------------

    @property
    def all_phrases(self) -> tuple[str, ...]:
        """Every sentence that the task understands."""
        return self.phrases + self.novel_phrases

    def say(self, binding: Binding, pos: NDArray, rng: Generator, axes: Axes = frozenset()) -> str:
        """Put an episode into words that name each role's thing and no other.

        Args:
            binding: The episode's things.
            pos: Where they are. Shape (n_slots, 3), [m].
            rng: Chooses the words.
            axes: Ways of being new.

        Raises:
            InstructionError: If some thing cannot be named alone.
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
        """What a sentence can ask of this task: role -> phrase, for each reading that makes sense.

        Raises:
            InstructionError: If it is no sentence of this task.
        """
        readings = []
        for template, phrases in parse(text, self.all_phrases):
            kinds = {r: k for r, p in phrases.items() if (k := self._fitting(r, p)) is not None}
            if len(kinds) == len(phrases) and any(
                suits(template, {**kinds, **{r: k}})
                for r, p in phrases.items() for k in self._kinds(r) if k in p.kinds
            ):  # fmt: skip
                readings.append(phrases)
        if not readings:
            said = {
                r: str(p)
                for _, phrases in parse(text, self.all_phrases)
                for r, p in phrases.items()
            }
            wanted = {r: ", ".join(self._kinds(r)) for r in said}
            raise InstructionError(
                f"{text!r} does not fit {self.name}: "
                + "; ".join(f"{said[r]!r} must be one of {wanted[r]}" for r in said),
                understood=1_000,
            )
        return readings

    def _kinds(self, role: str) -> tuple[str, ...]:
        return self.roles[role].kinds + self.roles[role].novel_kinds

    def _fitting(self, role: str, phrase: NounPhrase) -> str | None:
        if role not in self.roles or phrase.every != self.roles[role].many:
            return None
        return next((k for k in self._kinds(role) if k in phrase.kinds), None)

    # ---- things -------------------------------------------------------------------------------

    def bind(
        self,
        rng: Generator,
        axes: Axes = frozenset(),
        wishes: Mapping[str, NounPhrase] | None = None,
    ) -> Binding:
        """Draw the things of one episode.

        Colours of things of one kind are far apart, so that "the <colour> <kind>" names one. For
        each role there is at least one other thing that could play it, so that the sentence cannot
        be ignored.

        Args:
            rng: Source of randomness.
            axes: Ways of being new.
            wishes: Role -> phrase that its thing has to fit.
        """
        wishes = wishes or {}
        pairs: list[Pair] = []
        sizes: dict[int, tuple[str, ...]] = {}
        roles: dict[str, int] = {}
        groups: dict[str, list[int]] = {}
        spoken: dict[str, NounPhrase] = {}
        absent: list[Pair] = []
        for name, role in self.roles.items():
            wish = wishes.get(name)
            first = len(pairs)
            if role.many:
                groups[name], spoken[name] = self._draw_group(rng, role, axes, pairs, wish)
                sizes |= {i: role.sizes for i in range(first, len(pairs))}
                continue
            pair = self._draw(rng, *_options(role, axes, wish), pairs + absent, axes, True)
            if role.absent:
                absent.append(pair)
                spoken[name] = wish or NounPhrase(KIND_NOUNS[pair[1]][0], pair[0])
                continue
            asked = wish is not None and wish.size is not None
            sizes[first] = (size_of(wish.size),) if asked else role.sizes  # type: ignore
            roles[name] = first
            pairs.append(pair)
        self._add_decoys(rng, axes, pairs, roles, groups, absent)
        for kind in self.furniture:
            plain = [c for c in _PLAIN if c not in {colour for colour, _ in pairs}] or _PLAIN
            pairs.append(self._draw(rng, (kind,), plain, pairs, axes, False))
        # slots carry no hint of who plays which role
        order = rng.permutation(len(pairs))
        place = np.argsort(order)
        specs = [self._spec(rng, *pair, sizes.get(i, SIZES)) for i, pair in enumerate(pairs)]
        return Binding(
            tuple(specs[i] for i in order),
            tuple(pairs[i][0] for i in order),
            {name: int(place[i]) for name, i in roles.items()},
            {
                name: tuple(sorted(int(place[i]) for i in members))
                for name, members in groups.items()
            },
            spoken,
        )

    def _add_decoys(
        self, rng: Generator, axes: Axes, pairs: list[Pair], roles: Mapping[str, int],
        groups: Mapping[str, Sequence[int]], absent: Sequence[Pair],
    ) -> None:  # fmt: skip
        barred = {pairs[i][0] for members in groups.values() for i in members}
        barred_kinds = {pairs[i][1] for members in groups.values() for i in members}
        for i, (name, role) in enumerate(self.roles.items()):
            low, high = role.decoys
            if i == 0:
                low, high = low + self.clutter[0], high + self.clutter[1]
            if "layouts" in axes:
                low = high
            twin = pairs[roles[name]] if name in roles else (absent[0] if role.absent else None)
            for _ in range(int(rng.integers(low, high + 1))):
                kinds, colours = role.drawn_from(axes)
                style = rng.random()
                if twin is not None and style < 0.35 and twin[1] in kinds:
                    kinds = (twin[1],)
                elif twin is not None and style < 0.6 and twin[0] in colours:
                    colours = (twin[0],)
                if role.many:  # nothing else may be of the group
                    colours = tuple(c for c in colours if c not in barred)
                    kinds = tuple(k for k in kinds if k not in barred_kinds) or kinds
                taken = [*pairs, *absent]
                try:
                    pairs.append(self._draw(rng, kinds, colours, taken, axes, False))
                except InstructionError:
                    if role.many:
                        raise
                    pairs.append(self._draw(rng, *role.drawn_from(axes), taken, axes, False))

    def _draw(
        self, rng: Generator, kinds: Sequence[str], colours: Sequence[str],
        taken: Sequence[Pair], axes: Axes, plays: bool,
    ) -> Pair:  # fmt: skip
        barred = {(c, kind) for colour, kind in taken for c in _like(colour, tuple(colours))}
        free = [(c, k) for c in colours for k in kinds if (c, k) not in barred]
        if "combinations" not in axes or plays:
            wanted = "combinations" in axes
            right = [p for p in free if _is_held_out(p) == wanted]
            free = right or (free if plays else [])
        if not free:
            raise InstructionError(
                f"No colour is left for another {' or '.join(kinds)}: there are {list(taken)}."
            )
        return free[int(rng.integers(len(free)))]

    def _draw_group(
        self, rng: Generator, role: Role, axes: Axes, pairs: list[Pair], wish: NounPhrase | None
    ) -> tuple[list[int], NounPhrase]:
        kinds, colours = role.drawn_from(axes)
        by_colour = rng.random() < 0.5 if wish is None else wish.colour is not None
        if by_colour:
            colour = wish.colour if wish is not None else colours[int(rng.integers(len(colours)))]
            assert colour is not None
            colours, phrase = (colour,), NounPhrase(colour=colour, every=True)
        else:
            fits = [k for k in kinds if wish is None or k in wish.kinds]
            kinds = (fits[int(rng.integers(len(fits)))],)
            phrase = wish or NounPhrase(noun=KIND_NOUNS[kinds[0]][0], every=True)
        members = []
        for _ in range(2):
            members.append(len(pairs))
            pairs.append(self._draw(rng, kinds, colours, pairs, frozenset(), wish is not None))
        return members, phrase

    def _spec(self, rng: Generator, colour: str, kind: str, sizes: Sequence[str]) -> ObjectSpec:
        sizes = [s for s in sizes if s in KINDS[kind].sizes] or KINDS[kind].sizes
        size = sizes[int(rng.integers(len(sizes)))]
        shade, mass = jitter(rng, colour), float(rng.uniform(*self.mass_scale))
        return ObjectSpec(kind, size, shade, mass)


def fits(binding: Binding, pos: NDArray, wishes: Mapping[str, NounPhrase]) -> bool:
    """Whether each wish, said in this scene, means exactly its role's thing.

    Args:
        binding: The episode's things.
        pos: Where they are. Shape (n_slots, 3), [m].
        wishes: Role -> phrase.
    """
    seen = binding.seen(pos)
    for role, phrase in wishes.items():
        meant = resolve(phrase, seen)
        if role in binding.groups:
            meant = [i for i in meant if KINDS[binding.specs[i].kind].graspable]
            if tuple(meant) != binding.groups[role]:
                return False
        elif meant != ([binding.roles[role]] if role in binding.roles else []):
            return False
    return True


def _options(
    role: Role, axes: Axes, wish: NounPhrase | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kinds, colours = role.drawn_from(axes)
    if wish is None:
        return kinds, colours
    kinds = tuple(k for k in role.kinds + role.novel_kinds if k in wish.kinds)
    if wish.colour:
        colours = (wish.colour,)
    elif wish.other_than:
        colours = tuple(c for c in colours if c != wish.other_than)
    return kinds, colours


@functools.cache
def _like(colour: str, others: tuple[str, ...]) -> frozenset[str]:
    """Those of `others` that one might take for `colour`."""
    return frozenset(other for other in others if _look_alike(colour, other))


@functools.cache
def _look_alike(a: str, b: str) -> bool:
    return bool(colour_distance(colour_rgb(a), colour_rgb(b)) < _APART)


@functools.cache
def _is_held_out(pair: Pair) -> bool:
    return pair[0] in _BASIC and held_out(_BASIC.index(pair[0]), _KIND_IDS[pair[1]])
