"""Draws the objects of an episode from a task's roles."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator

from vla_gym.envs.binding import Binding
from vla_gym.envs.novelty import held_out
from vla_gym.envs.task import Axes, Role, Task
from vla_gym.errors import InstructionError
from vla_gym.language.noun_phrases import NounPhrase, size_of
from vla_gym.language.vocabulary import COLOURS, KIND_NOUNS, colour_distance, colour_rgb, jitter
from vla_gym.world.object_kind import SIZES
from vla_gym.world.objects import KINDS, ObjectSpec

Pair = tuple[str, str]
"""Colour word and kind of an object."""
_MIN_COLOUR_DISTANCE = 25.0
"""Least CIE76 distance of the colours of two objects of one kind, so that words tell them apart."""
_FURNITURE_COLOURS = ("brown", "white", "black")
_SAME_KIND, _SAME_COLOUR = 0.35, 0.6
"""Shares, cumulative, of decoys of the role's own kind and of its own colour."""
_COLOUR_IDS = {name: i for i, name in enumerate(COLOURS)}
_KIND_IDS = {name: i for i, name in enumerate(KINDS)}


def draw_binding(
    task: Task, rng: Generator, axes: Axes = frozenset(),
    wishes: Mapping[str, NounPhrase] | None = None,
) -> Binding:  # fmt: skip
    """Draw the objects of one episode.

    Colours of objects of one kind are far apart, so that "the <colour> <kind>" names one of them.
    Each role gets decoys, other objects that could play it, so that the instruction is needed.

    Args:
        task: Whose roles are cast.
        rng: Source of randomness.
        axes: Generalisation axes that are switched on.
        wishes: Role -> phrase that its object has to fit.

    Raises:
        InstructionError: If no pair of colour and kind is left for some object.
    """
    return _Drawing(task, rng, axes, wishes or {}).binding()


class _Drawing:
    """The objects drawn so far; each method draws some more."""

    def __init__(
        self, task: Task, rng: Generator, axes: Axes, wishes: Mapping[str, NounPhrase]
    ) -> None:
        self.task, self.rng, self.axes, self.wishes = task, rng, axes, wishes
        self.pairs: list[Pair] = []
        self.absent: list[Pair] = []  # named, but not on the table
        self.sizes: dict[int, tuple[str, ...]] = {}  # by index into `pairs`
        self.roles: dict[str, int] = {}
        self.groups: dict[str, list[int]] = {}
        self.spoken: dict[str, NounPhrase] = {}

    def binding(self) -> Binding:
        for name, role in self.task.roles.items():
            if role.many:
                self._add_group(name, role)
            else:
                self._add_role(name, role)
        self._add_decoys()
        self._add_furniture()
        # a random order, so that slots carry no hint of the roles
        order = self.rng.permutation(len(self.pairs))
        slot = np.argsort(order)
        specs = [self._spec(*pair, self.sizes.get(i, SIZES)) for i, pair in enumerate(self.pairs)]
        return Binding(
            tuple(specs[i] for i in order),
            tuple(self.pairs[i][0] for i in order),
            {name: int(slot[i]) for name, i in self.roles.items()},
            {name: tuple(sorted(int(slot[i]) for i in g)) for name, g in self.groups.items()},
            self.spoken,
        )

    def _add_role(self, name: str, role: Role) -> None:
        wish = self.wishes.get(name)
        taken = self.pairs + self.absent
        pair = self._pair(*_options(role, self.axes, wish), taken, self.axes, plays=True)
        if role.absent:
            self.absent.append(pair)
            self.spoken[name] = wish or NounPhrase(KIND_NOUNS[pair[1]][0], pair[0])
            return
        size = None if wish is None else wish.size
        self.roles[name] = len(self.pairs)
        self.sizes[len(self.pairs)] = role.sizes if size is None else (size_of(size),)
        self.pairs.append(pair)

    def _add_group(self, name: str, role: Role) -> None:
        wish, rng = self.wishes.get(name), self.rng
        kinds, colours = role.drawn_from(self.axes)
        by_colour = rng.random() < 0.5 if wish is None else wish.colour is not None
        if by_colour:
            colour = wish.colour if wish is not None else colours[int(rng.integers(len(colours)))]
            assert colour is not None
            colours, phrase = (colour,), NounPhrase(colour=colour, every=True)
        else:
            fitting = [k for k in kinds if wish is None or k in wish.kinds]
            kinds = (fitting[int(rng.integers(len(fitting)))],)
            phrase = wish or NounPhrase(noun=KIND_NOUNS[kinds[0]][0], every=True)
        members: list[int] = []
        self.groups[name] = members
        for _ in range(2):
            members.append(len(self.pairs))
            self.sizes[len(self.pairs)] = role.sizes
            pair = self._pair(kinds, colours, self.pairs, frozenset(), plays=wish is not None)
            self.pairs.append(pair)
        self.spoken[name] = phrase

    def _add_decoys(self) -> None:
        rng, members = self.rng, [self.pairs[i] for group in self.groups.values() for i in group]
        group_colours, group_kinds = {c for c, _ in members}, {k for _, k in members}
        for i, (name, role) in enumerate(self.task.roles.items()):
            low, high = role.decoys
            if i == 0:
                low, high = low + self.task.clutter[0], high + self.task.clutter[1]
            if "layouts" in self.axes:
                low = high
            for _ in range(int(rng.integers(low, high + 1))):
                kinds, colours = self._decoy_options(name, role)
                if role.many:  # no decoy may belong to the group
                    colours = tuple(c for c in colours if c not in group_colours)
                    kinds = tuple(k for k in kinds if k not in group_kinds) or kinds
                taken = [*self.pairs, *self.absent]
                try:
                    pair = self._pair(kinds, colours, taken, self.axes, plays=False)
                except InstructionError:
                    if role.many:
                        raise
                    pair = self._pair(*role.drawn_from(self.axes), taken, self.axes, plays=False)
                self.pairs.append(pair)

    def _decoy_options(self, name: str, role: Role) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Kinds and colours of a decoy: often the kind or the colour of what plays the role."""
        kinds, colours = role.drawn_from(self.axes)
        twin = self.absent[0] if role.absent else None
        if name in self.roles:
            twin = self.pairs[self.roles[name]]
        style = self.rng.random()
        if twin is not None and style < _SAME_KIND and twin[1] in kinds:
            kinds = (twin[1],)
        elif twin is not None and style < _SAME_COLOUR and twin[0] in colours:
            colours = (twin[0],)
        return kinds, colours

    def _add_furniture(self) -> None:
        for kind in self.task.furniture:
            used = {colour for colour, _ in self.pairs}
            free = [c for c in _FURNITURE_COLOURS if c not in used] or _FURNITURE_COLOURS
            self.pairs.append(self._pair((kind,), free, self.pairs, self.axes, plays=False))

    def _pair(
        self, kinds: Sequence[str], colours: Sequence[str], taken: Sequence[Pair], axes: Axes,
        plays: bool,
    ) -> Pair:  # fmt: skip
        """A colour and kind that are not taken; training pairs, or held-out ones as `axes` says.

        Args:
            kinds: Kinds to choose from.
            colours: Colour words to choose from.
            taken: Pairs whose colours the new one must differ from, within a kind.
            axes: Generalisation axes that are switched on.
            plays: Whether the object plays a role; decoys may be of either set on the axis
                "combinations".
        """
        barred = {(c, kind) for colour, kind in taken for c in _similar(colour, tuple(colours))}
        free = [(c, k) for c in colours for k in kinds if (c, k) not in barred]
        if "combinations" not in axes or plays:
            wanted = "combinations" in axes
            right = [p for p in free if _is_held_out(p) == wanted]
            free = right or (free if plays else [])
        if not free:
            raise InstructionError(
                f"No colour is left for another {' or '.join(kinds)}: there are {list(taken)}."
            )
        return free[int(self.rng.integers(len(free)))]

    def _spec(self, colour: str, kind: str, sizes: Sequence[str]) -> ObjectSpec:
        sizes = [s for s in sizes if s in KINDS[kind].sizes] or KINDS[kind].sizes
        size = sizes[int(self.rng.integers(len(sizes)))]
        shade, mass = jitter(self.rng, colour), float(self.rng.uniform(*self.task.mass_scale))
        return ObjectSpec(kind, size, shade, mass)


def _options(
    role: Role, axes: Axes, wish: NounPhrase | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Kinds and colour words that a role's object can have under a phrase it has to fit."""
    kinds, colours = role.drawn_from(axes)
    if wish is None:
        return kinds, colours
    kinds = tuple(k for k in role.all_kinds if k in wish.kinds)
    if wish.colour:
        colours = (wish.colour,)
    elif wish.other_than:
        colours = tuple(c for c in colours if c != wish.other_than)
    return kinds, colours


@functools.cache
def _similar(colour: str, others: tuple[str, ...]) -> frozenset[str]:
    """Those of `others` that could be mistaken for `colour`."""
    return frozenset(other for other in others if _look_alike(colour, other))


@functools.cache
def _look_alike(a: str, b: str) -> bool:
    return bool(colour_distance(colour_rgb(a), colour_rgb(b)) < _MIN_COLOUR_DISTANCE)


@functools.cache
def _is_held_out(pair: Pair) -> bool:
    colour, kind = pair
    return colour in _COLOUR_IDS and held_out(_COLOUR_IDS[colour], _KIND_IDS[kind])
