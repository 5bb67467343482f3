"""Which objects a scene has in which a meaning makes sense: those it is about, and others.

Where no colour is named there is no second thing of that kind, unless the sentence itself tells
them apart ("the leftmost cube", "the cube in the bowl"): then there is one that does not fit.
Things of other kinds are always there, as far as there is room, so that the words are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from numpy.random import Generator

from vla_gym.envs.asked_goals import OBJECT_KINDS
from vla_gym.envs.composing import Composition
from vla_gym.errors import InstructionError
from vla_gym.language.referents import ANY_KIND, spelt
from vla_gym.language.understanding import Thing
from vla_gym.language.vocabulary import COLOURS, colour_distance, colour_rgb
from vla_gym.world.fitting import all_fit_in, passes_under, sizes_of
from vla_gym.world.object_kind import SIZE_SCALES
from vla_gym.world.objects import KINDS

PLACED = ("near", "left_of", "right_of", "in_front_of", "behind", "in", "on")
"""Picks that say where a thing is relative to another: it is put there."""
_APART = 25.0
"""Least CIE76 distance of the colours of two objects of one kind."""
_TRIES = 40
"""Draws of sizes before the objects are drawn again."""
_THINGS = ("cube", "cylinder", "ball", "mug", "brick", "stone", "star", "can", "puck", "cone")
_PLACES = ("bowl", "plate", "tray", "box")
_HOLDERS = {"in": ("bowl", "box", "tray"), "on": ("plate", "tray", "box")}
"""Kinds that a thing of any kind can be when another one is in or on it."""
_OPENED, _WIDE, _AJAR = (0.08, 0.09), (0.098, 0.106), (0.06, 0.08)
"""How far drawers are open: to put things in, the same for large ones, and to be closed [m]."""


@dataclass
class Actor:
    """One object of a scene that is being drawn up."""

    kind: str
    colour: str
    size: str | None = None
    """None until sizes are drawn."""
    asked_size: str | None = None
    """Size that the words ask for."""
    at: tuple[str, int] | None = None
    """Where it starts relative to another actor: one of `PLACED`, and its index."""
    lies: bool = False
    """Whether it starts on its side."""
    opened: tuple[float, float] = (0.0, 0.0)
    """Range of how far a drawer starts open [m]."""


@dataclass
class CastList:
    """The objects of a scene, and which of them each thing of a meaning is."""

    actors: list[Actor] = field(default_factory=list)
    parts: dict[Thing, list[int]] = field(default_factory=dict)
    """Thing -> indices into `actors`."""


def cast_scene(composed: Composition, rng: Generator, n_slots: int) -> CastList:
    """Draw the objects of a scene, without their poses.

    Args:
        composed: The task and its meaning.
        rng: Source of randomness.
        n_slots: Most objects.

    Raises:
        InstructionError: If there is no room for all of them, or they do not fit.
    """
    return _Casting(composed, rng, n_slots).cast()


class _Casting:
    def __init__(self, composed: Composition, rng: Generator, n_slots: int) -> None:
        self.composed, self.rng, self.n_slots = composed, rng, n_slots
        self.meaning = composed.meaning
        self.out = CastList()
        self.actors, self.parts = self.out.actors, self.out.parts
        self.things = [t for t in self.meaning.things() if t not in composed.absent]
        self.allowed = {cast.thing: cast.kinds for cast in composed.casts}
        self.named = {t.kind for t in self.things if t.kind != ANY_KIND}
        self.furniture = ["cabinet"] * ("drawer" in self.named)
        self.furniture += ["line"] * any(s.skill == "slide" for s in self.meaning.steps)

    def cast(self) -> CastList:
        for cast in self.composed.casts:
            self._add(cast.thing)
        for thing in self.things:
            if all(t not in self.composed.absent for t in thing.chain()):
                self._add(thing)
        self._check_room()
        for thing in dict.fromkeys(self.things):
            if thing in self.parts:
                self._add_foils(thing)
        self._set_starts()
        self._add_furniture()
        self._add_others()
        self._draw_sizes()
        return self.out

    # ---- who is there -------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        """Slots that are left, furniture counted."""
        there = sum(actor.kind in ("cabinet", "line") for actor in self.actors)
        return self.n_slots - len(self.actors) - (len(self.furniture) - there)

    def _check_room(self) -> None:
        if self._room < 0:
            needed = self.n_slots - self._room
            raise InstructionError(
                f"That is about {needed} things, the table's own included, and the table has room "
                f"for {self.n_slots}. Ask for fewer at a time."
            )

    def _add(self, thing: Thing) -> None:
        if thing in self.parts:
            return
        if thing.ref is not None:
            self._add(thing.ref)
        members = self.parts[thing] = []
        for _ in range(self._count(thing)):
            at = None
            if thing.pick in PLACED and thing.ref is not None:
                at = (thing.pick, self.parts[thing.ref][0])
            kind = self._kind(thing, members)
            members.append(len(self.actors))
            self.actors.append(Actor(kind, self._colour(thing, kind), None, thing.size, at))

    def _count(self, thing: Thing) -> int:
        if isinstance(thing.count, int):
            return thing.count
        if thing.kind == "drawer":
            return 2
        return 2 + int(self._room > 3 and len(self.meaning.steps) == 1 and self.rng.random() < 0.3)

    def _kind(self, thing: Thing, members: Sequence[int]) -> str:
        if thing.kind != ANY_KIND:
            return thing.kind
        allowed = self.allowed.get(thing, OBJECT_KINDS["reach"])
        for other in self.things:
            if other.ref == thing and other.pick in _HOLDERS:
                allowed = [k for k in _HOLDERS[other.pick] if k in allowed] or allowed
        plain = [k for k in (*_THINGS, *_PLACES) if k in allowed] or list(allowed)
        plain = [k for k in plain if KINDS[k].graspable] or plain
        used = {self.actors[i].kind for i in members} | self.named
        free = [k for k in plain if k not in used and self._suits(thing, k)]
        free = free or [k for k in plain if self._suits(thing, k)] or plain
        return free[int(self.rng.integers(len(free)))]

    def _suits(self, thing: Thing, kind: str) -> bool:
        """Whether an object of a kind can go where the thing is put, or start where it is said."""
        places = [s.target.kind for s in self.meaning.steps if s.target and s.object == thing]
        if thing.pick == "in" and thing.ref is not None:
            places.append(thing.ref.kind)
        for place in places:
            if place in KINDS and KINDS[place].container:
                big = KINDS[place].sizes[-1]
                small = KINDS[kind].sizes[0] if thing.size is None else thing.size
                count = 2 if thing.count == "all" else int(thing.count)
                if not all_fit_in([(kind, small)] * count, (place, big)):
                    return False
        return True

    def _colour(self, thing: Thing, kind: str) -> str:
        if thing.colour is not None:
            return spelt(thing.colour)
        if thing.pick == "same_colour_as" and thing.ref is not None:
            return self.actors[self.parts[thing.ref][0]].colour
        barred = [] if thing.not_colour is None else [spelt(thing.not_colour)]
        # what is told apart by its colour keeps it to itself
        barred += [spelt(t.colour) for t in self.things if t.colour and t.kind in (kind, ANY_KIND)]
        if any(t.pick == "same_colour_as" for t in self.things):
            barred += [actor.colour for actor in self.actors]
        return self._free_colour(kind, barred)

    def _free_colour(self, kind: str, barred: Sequence[str]) -> str:
        taken = [*barred, *(a.colour for a in self.actors if a.kind == kind)]
        free = [c for c in COLOURS if all(_differ(c, other) for other in taken)]
        free = free or [c for c in COLOURS if c not in taken]
        if not free:
            raise InstructionError(f"No colour is left for another {kind}.")
        return free[int(self.rng.integers(len(free)))]

    # ---- who does not fit ---------------------------------------------------------------------

    def _add_foils(self, thing: Thing) -> None:
        """An object of the same kind that the thing's words leave out."""
        told = thing.pick is not None or thing.not_colour is not None or thing.size is not None
        if self._room < 1 or (thing.count == "all" and not told and thing.colour is None):
            return
        kind = self.actors[self.parts[thing][0]].kind
        twins = [t for t in self.parts if t != thing and t.kind == thing.kind]
        if not told and (thing.colour is None or self.rng.random() < 0.5 or twins):
            return
        if thing.pick == "other" or (kind == "drawer" and self._drawers() > 1):
            return
        if kind in ("shelf", "cabinet") or self._left_out(thing, twins):
            return
        colour = None
        if thing.not_colour is not None:
            colour = spelt(thing.not_colour)
        elif told and thing.colour is not None:
            colour = spelt(thing.colour)
        elif thing.colour is not None and thing.kind == ANY_KIND:
            kind = self._kind(thing, self.parts[thing])
        colour = colour or self._colour(Thing(kind, not_colour=thing.colour), kind)
        size = None
        if thing.size is not None:
            others = [s for s in KINDS[kind].sizes if s != thing.size]
            size = others[int(self.rng.integers(len(others)))] if others else None
        self.actors.append(Actor(kind, colour, None, size))

    def _drawers(self) -> int:
        return sum(actor.kind == "drawer" for actor in self.actors)

    def _left_out(self, thing: Thing, twins: Sequence[Thing]) -> bool:
        """Whether other things of the sentence are left out by these words already."""
        if any(t.pick == "other" for t in twins):
            return True
        return bool(twins) and self.rng.random() < 0.7

    def _add_furniture(self) -> None:
        for kind in self.furniture:
            used = {actor.colour for actor in self.actors}
            free = [c for c in ("brown", "white", "black") if c not in used] or ["brown"]
            self.actors.append(Actor(kind, free[int(self.rng.integers(len(free)))]))

    def _add_others(self) -> None:
        """Objects that the sentence is not about."""
        everything = any(t.kind == ANY_KIND and t.colour is None for t in self.parts)
        present = {a.kind for a in self.actors} | self.named
        things = [] if everything else [k for k in _THINGS if k not in present]
        places = [k for k in (*_PLACES, "button") if k not in present]
        if everything and any(t.kind == ANY_KIND and t not in self.allowed for t in self.parts):
            return  # anything else would fit, too
        pool = things + places[:2] if things else places
        wanted = min(self._room, 1 + int(self.rng.integers(2)))
        if len(self.actors) < 4:
            wanted = min(self._room, wanted + 1)
        barred = [spelt(t.colour) for t in self.parts if t.kind == ANY_KIND and t.colour]
        if any(t.pick == "same_colour_as" for t in self.parts):
            barred += [actor.colour for actor in self.actors]
        for k in self.rng.permutation(len(pool))[: max(wanted, 0)]:
            self.actors.append(Actor(pool[k], self._free_colour(pool[k], barred)))

    # ---- how it starts ------------------------------------------------------------------------

    def _set_starts(self) -> None:
        """Drawers open or shut and things upright or lying, as the steps need them."""
        settled: set[int] = set()
        for step in self.meaning.steps:
            handled = self.parts.get(step.object, [])
            if step.skill == "upright":
                kinds = {self.actors[i].kind for i in handled}
                for actor in self.actors:
                    actor.lies |= actor.kind in kinds and actor.at is None
            if step.skill in ("open", "close"):
                self._open(settled, handled, (0.0, 0.0) if step.skill == "open" else _AJAR)
            else:
                self._open(settled, self._holders(step.object), _OPENED)
            if step.target is not None and step.skill in ("put", "sort"):
                self._open(settled, self.parts.get(step.target, []), _OPENED)

    def _holders(self, thing: Thing) -> list[int]:
        """What the actors of a thing start in or on."""
        at = [self.actors[i].at for i in self.parts.get(thing, [])]
        return [where[1] for where in at if where is not None and where[0] in ("in", "on")]

    def _open(self, settled: set[int], actors: Sequence[int], by: tuple[float, float]) -> None:
        for i in actors:
            if self.actors[i].kind == "drawer" and i not in settled:
                settled.add(i)
                self.actors[i].opened = by

    # ---- sizes --------------------------------------------------------------------------------

    def _draw_sizes(self) -> None:
        ranks, shut_in = self._ranks(), {i for i, _ in self._shut_in()}
        for k in range(_TRIES):
            for i, actor in enumerate(self.actors):
                options = self._sizes(actor)[: 1 if i in shut_in else None]
                if i in ranks and len(options) > 1:
                    options = options[ranks[i]]
                elif k > _TRIES // 2:  # what is put goes most easily if it is small
                    options = options[-1:] if KINDS[actor.kind].container else options[:1]
                actor.size = options[int(self.rng.integers(len(options)))]
                if actor.kind == "drawer" and actor.size == "large" and actor.opened == _OPENED:
                    actor.opened = _WIDE
            if self._fit():
                return
        raise InstructionError(self._misfit or "The things do not fit where they are to go.")

    def _ranks(self) -> dict[int, slice]:
        """Actors that are compared by size -> which of their sizes they can have."""
        ranks: dict[int, slice] = {}
        for thing, members in self.parts.items():
            if thing.pick in ("biggest", "smallest"):
                kinds = {self.actors[i].kind for i in members}
                for i, actor in enumerate(self.actors):
                    if actor.kind in kinds:
                        ranks.setdefault(i, slice(1, -1))
                ranks |= dict.fromkeys(
                    members, slice(-1, None) if thing.pick == "biggest" else slice(0, 1)
                )
        return ranks

    def _sizes(self, actor: Actor) -> tuple[str, ...]:
        if actor.kind in ("drawer", "cabinet"):
            return ("large",) if self._shut_in() or self._emptied("drawer") else ("medium",)
        if actor.asked_size is None and self._emptied(actor.kind):
            return KINDS[actor.kind].sizes[-1:]
        return sizes_of(actor.kind, actor.asked_size)

    def _emptied(self, kind: str) -> bool:
        """Whether things are taken out of a kind of container: the fingers need room in it."""
        return any(
            step.object.pick == "in" and step.object.ref is not None
            and self.actors[self.parts[step.object.ref][0]].kind == kind
            for step in self.meaning.steps
            if step.object.ref in self.parts
        )  # fmt: skip

    def _shut_in(self) -> list[tuple[int, int]]:
        """Actors that are in a drawer when it is shut: pairs of object and drawer."""
        inside: dict[int, int] = {}
        for i, actor in enumerate(self.actors):
            if actor.at is not None and actor.at[0] in ("in", "on"):
                inside[i] = actor.at[1]
        pairs = [
            (i, d) for i, d in inside.items()
            if self.actors[d].kind == "drawer" and self.actors[d].opened[1] == 0.0
        ]  # fmt: skip
        for step in self.meaning.steps:
            handled = self.parts.get(step.object, [])
            for i in handled:
                inside.pop(i, None)
            if step.target is not None and step.skill in ("put", "sort"):
                inside |= {i: self.parts[step.target][0] for i in handled}
            if step.skill == "close":
                pairs += [(i, d) for i, d in inside.items() if d in handled]
        return pairs

    _misfit = ""

    def _fit(self) -> bool:
        for step in self.meaning.steps:
            if step.target is None or step.target not in self.parts:
                continue
            place = self.actors[self.parts[step.target][0]]
            if not KINDS[place.kind].container or step.skill in ("beside", "push", "slide"):
                continue
            handled = [self.actors[i] for i in self.parts.get(step.object, [])]
            if not self._goes_in(handled, place):
                return False
        for actor in self.actors:
            if actor.at is not None and actor.at[0] == "in":
                place = self.actors[actor.at[1]]
                together = [a for a in self.actors if a.at == actor.at]
                if not self._goes_in(together, place):
                    return False
        cabinet = next((a for a in self.actors if a.kind == "cabinet"), None)
        for i, d in self._shut_in() if cabinet is not None else ():
            thing, drawer = self.actors[i], self.actors[d]
            assert cabinet is not None
            if not passes_under(_sized(thing), _sized(drawer), _sized(cabinet)):
                self._misfit = (
                    f"The {thing.kind} does not fit in the drawer: it is too tall to be shut in."
                )
                return False
        return self._ranked()

    def _goes_in(self, things: Sequence[Actor], place: Actor) -> bool:
        if all_fit_in([_sized(t) for t in things], _sized(place)):
            return True
        kinds = " and the ".join(sorted({t.kind for t in things}))
        many = f" all {len(things)} at once" if len(things) > 1 else ""
        self._misfit = f"The {kinds} does not fit in the {place.kind}{many}: it is too large."
        return False

    def _ranked(self) -> bool:
        """Whether the biggest and the smallest are so among those that they are compared with."""
        for thing, members in self.parts.items():
            if thing.pick not in ("biggest", "smallest"):
                continue
            mine = [_volume(self.actors[i]) for i in members]
            kinds = {self.actors[i].kind for i in members}
            others = [
                _volume(a) for i, a in enumerate(self.actors)
                if i not in members and a.kind in kinds
                and (thing.colour is None or a.colour == spelt(thing.colour))
            ]  # fmt: skip
            if not others:
                continue
            if thing.pick == "biggest" and min(mine) < 1.3 * max(others):
                return False
            if thing.pick == "smallest" and 1.3 * max(mine) > min(others):
                return False
        return True


def _sized(actor: Actor) -> tuple[str, str]:
    return actor.kind, actor.size or "medium"


def _volume(actor: Actor) -> float:
    x, y, z = KINDS[actor.kind].half_extents
    return x * y * z * SIZE_SCALES[actor.size or "medium"] ** 3


def _differ(a: str, b: str) -> bool:
    return bool(colour_distance(colour_rgb(a), colour_rgb(b)) >= _APART)
