"""One episode's data: what lies where, who plays which role, what is said, how it looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.task import Axes, Binding, Task, fits
from vla_gym.errors import InstructionError, InvalidConfigError, PlacementError
from vla_gym.geometry.rotations import quat_to_mat
from vla_gym.language.noun_phrases import NounPhrase, resolve
from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.visuals import Visuals

_DRAWS = 60
_RIM = {"grow": 0.03, "rim": 0.6}
"""Where things start on the novelty axis "layouts"."""
_MOVE_STEPS = (4, 12)
"""Control steps between which a thing is moved on the novelty axis "moved"."""


@dataclass(frozen=True)
class Episode:
    """How an episode begins and what it asks for."""

    binding: Binding
    """Things and roles."""
    pos: NDArray
    """Where things start. Shape (n_slots, 3), [m]."""
    quat: NDArray
    """How they are turned, wxyz. Shape (n_slots, 4)."""
    instruction: str
    """The sentence."""
    task: int = 0
    """Which of the environment's tasks it is of."""
    looks: Visuals = Visuals()
    """Table, floor, light and camera."""
    move_at: int = -1
    """Control step at which the first role's thing is moved; never if negative."""
    move_to: tuple[float, float] = (0.0, 0.0)
    """Where it is moved, [m]."""

    @classmethod
    def draw(
        cls,
        task: Task,
        rng: Generator,
        n_slots: int,
        axes: Axes = frozenset(),
        wishes: Mapping[str, NounPhrase] | None = None,
        said: str | None = None,
    ) -> Episode:
        """Draw things, places and a sentence.

        Args:
            task: What is to be done.
            rng: Source of randomness.
            n_slots: Object slots of a world.
            axes: Ways of being new.
            wishes: Role -> phrase, to draw a scene in which they make sense.
            said: The sentence, if it is given.

        Raises:
            PlacementError: If no drawn set of things could be placed.
            InstructionError: If no scene was found in which the sentence makes sense.
        """
        start = replace(task.start, **_RIM) if "layouts" in axes else task.start
        fault: Exception | None = None
        for _ in range(_DRAWS):
            try:
                binding = task.bind(rng, axes, wishes)
                pos, quat = start.sample(rng, binding.specs, n_slots)
                if wishes and not fits(binding, pos, wishes):
                    raise InstructionError(
                        f"No scene was found in which {said!r} means one thing per role.",
                        understood=2_000,
                    )
                words = said or task.say(binding, pos, rng, axes)
            except (PlacementError, InstructionError) as problem:
                fault = problem
                continue
            looks = Visuals.novel(rng, axes) if axes else Visuals()
            at, to = -1, (0.0, 0.0)
            if "moved" in axes:
                at, to = int(rng.integers(*_MOVE_STEPS)), _elsewhere(rng, task, binding, pos, quat)
            return cls(binding, pos, quat, words, looks=looks, move_at=at, move_to=to)
        assert fault is not None
        raise fault

    def asking(
        self, task: Task, roles: Mapping[str, int], rng: Generator, axes: Axes = frozenset()
    ) -> Episode:
        """The same scene with another sentence.

        Args:
            task: What is to be done.
            roles: Role -> slot, for the roles that change.
            rng: Chooses the words.
            axes: Ways of being new.

        Raises:
            InvalidConfigError: If a role is unknown or the slot cannot play it.
        """
        return self.retold(task, {**self.binding.roles, **roles}, rng, axes)

    def retold(
        self, task: Task, roles: Mapping[str, int], rng: Generator, axes: Axes = frozenset()
    ) -> Episode:
        """The same scene under a sentence of a task, with every role given.

        Args:
            task: What is to be done.
            roles: Role -> slot.
            rng: Chooses the words.
            axes: Ways of being new.

        Raises:
            InvalidConfigError: If a role is unknown or the slot cannot play it.
            InstructionError: If some thing cannot be named alone.
        """
        for name, slot in roles.items():
            if name not in task.roles:
                raise InvalidConfigError(
                    f"Unknown role {name!r}. {task.name} has: {', '.join(task.roles)}."
                )
            allowed = task.roles[name].kinds + task.roles[name].novel_kinds
            fitting = [i for i, s in enumerate(self.binding.specs) if s.kind in allowed]
            if slot not in fitting:
                what = self.binding.specs[slot].kind if 0 <= slot < len(self.binding.specs) else "-"
                raise InvalidConfigError(
                    f"Slot {slot} ({what}) cannot be the {name}; slots that can: {fitting}."
                )
        chosen = {name: int(slot) for name, slot in roles.items()}
        binding = replace(self.binding, roles=chosen)
        return replace(self, binding=binding, instruction=task.say(binding, self.pos, rng, axes))

    def told(self, task: Task, text: str) -> Episode:
        """The same scene under a person's own sentence.

        Args:
            task: What is to be done.
            text: The sentence.

        Raises:
            InstructionError: If it is not understood, or names no thing or several here.
        """
        seen, trouble = self.binding.seen(self.pos), ""
        for phrases in task.read(text):
            roles, groups = dict(self.binding.roles), dict(self.binding.groups)
            spoken: dict[str, NounPhrase] = {}
            trouble = ""
            for role, phrase in phrases.items():
                allowed = task.roles[role].kinds + task.roles[role].novel_kinds
                meant = [i for i in resolve(phrase, seen) if self.binding.specs[i].kind in allowed]
                if task.roles[role].many and meant:
                    groups[role], spoken[role] = tuple(meant), phrase
                elif task.roles[role].absent and not meant:
                    spoken[role] = phrase
                elif len(meant) == 1 and not task.roles[role].absent:
                    roles[role] = meant[0]
                else:
                    trouble = f"{str(phrase)!r} fits {len(meant)} things of this scene"
            if not trouble:
                binding = Binding(self.binding.specs, self.binding.colours, roles, groups, spoken)
                return replace(self, binding=binding, instruction=text)
        there = ", ".join(
            f"{s.size} {c} {s.kind}"
            for s, c in zip(self.binding.specs, self.binding.colours, strict=True)
        )
        raise InstructionError(f"{trouble}. On the table: {there}.", understood=2_000)


def pack(episodes: Sequence[Episode]) -> NDArray[np.uint8]:
    """Episodes as bytes, exact to the last bit."""
    rows = []
    for e in episodes:
        row = {name: getattr(e, name) for name in ("instruction", "task", "move_at", "move_to")}
        row |= {"pos": e.pos.tolist(), "quat": e.quat.tolist(), "looks": asdict(e.looks)}
        row |= {"binding": asdict(e.binding)}
        rows.append(row)
    return np.frombuffer(json.dumps(rows).encode(), np.uint8).copy()


def unpack(data: NDArray[np.uint8]) -> list[Episode]:
    """Episodes from `pack`."""
    return [_unpacked(row) for row in json.loads(bytes(data.tobytes()))]


def _unpacked(row: dict) -> Episode:
    b = row["binding"]
    binding = Binding(
        tuple(ObjectSpec(**{**s, "rgb": tuple(s["rgb"])}) for s in b["specs"]),
        tuple(b["colours"]),
        {name: int(slot) for name, slot in b["roles"].items()},
        {name: tuple(slots) for name, slots in b["groups"].items()},
        {name: NounPhrase(**phrase) for name, phrase in b["spoken"].items()},
    )
    looks: dict = {k: tuple(v) if isinstance(v, list) else v for k, v in row["looks"].items()}
    return Episode(
        binding, np.array(row["pos"]), np.array(row["quat"]), row["instruction"], row["task"],
        Visuals(**looks), row["move_at"], tuple(row["move_to"]),
    )  # fmt: skip


def graspable(episode: Episode, n_slots: int) -> NDArray[np.bool_]:
    """Which slots hold something that the gripper could take. Shape (n_slots,)."""
    flags = [KINDS[s.kind].graspable for s in episode.binding.specs]
    return np.array(flags + [False] * (n_slots - len(flags)))


def named_slots(episode: Episode, task: Task) -> tuple[int, int]:
    """Slots of the first and the last thing the sentence names; of groups, the first member."""
    played = {**{r: g[0] for r, g in episode.binding.groups.items()}, **episode.binding.roles}
    order = [played[r] for r in task.roles if r in played]
    return order[0], order[-1]


def _elsewhere(
    rng: Generator, task: Task, binding: Binding, pos: NDArray, quat: NDArray
) -> tuple[float, float]:
    """A free spot 6 to 15 cm from the first role's thing, or where it is if there is none.

    Drawers only slide a little, those that are open inwards.
    """
    slots = [*binding.roles.values(), *(s for g in binding.groups.values() for s in g)]
    slot = slots[0]
    radii = np.array([s.radius for s in binding.specs])
    others = np.arange(len(radii)) != slot
    here = pos[slot, :2]
    if binding.specs[slot].kind == "drawer":
        far = rng.uniform(0.005, 0.02) * (-1 if task.start.opened[0] else 1)  # or it falls out
        spot = here + far * quat_to_mat(quat[slot])[:2, 0]
        return float(spot[0]), float(spot[1])
    center, half = task.start.area(binding.specs[slot].kind)
    for _ in range(60):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.15)
        spot = here + far * np.array([np.cos(angle), np.sin(angle)])
        inside = (np.abs(spot - center) <= half).all()
        gaps = np.linalg.norm(pos[: len(radii), :2] - spot, axis=1) - radii - radii[slot]
        if inside and (gaps[others] > 0.02).all():
            return float(spot[0]), float(spot[1])
    return float(here[0]), float(here[1])
