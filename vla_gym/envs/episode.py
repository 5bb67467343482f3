"""`Episode`: one episode's objects, start, instruction and visuals; how it is drawn and stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.binding import Binding, phrases_fit
from vla_gym.envs.composed_scenes import NotThere, bind, draw_composed
from vla_gym.envs.composing import composition, missing
from vla_gym.envs.drawing import draw_binding
from vla_gym.envs.task import Axes, Task
from vla_gym.errors import InstructionError, InvalidConfigError, PlacementError
from vla_gym.geometry.rotations import quat_to_mat
from vla_gym.language.noun_phrases import NounPhrase, resolve
from vla_gym.language.understanding import Understanding
from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.visuals import Visuals

_ATTEMPTS = 60
"""Draws of an episode before its last error is raised."""
_RIM = {"grow": 0.03, "rim": 0.6}
"""Where objects start on the generalisation axis "layouts"."""
_MOVE_STEPS = (4, 12)
"""Control steps between which an object is moved on the generalisation axis "moved"."""


@dataclass(frozen=True)
class Episode:
    """How an episode starts and what it asks for."""

    binding: Binding
    """Objects and roles."""
    pos: NDArray
    """Positions of objects at the start. Shape (n_slots, 3), [m]."""
    quat: NDArray
    """Their orientations, wxyz. Shape (n_slots, 4)."""
    instruction: str
    """What is to be done, in words."""
    task: int = 0
    """Index into the environment's tasks."""
    looks: Visuals = Visuals()
    """Table, floor, light and camera."""
    move_at: int = -1
    """Control step at which the first role's object is moved; never if negative."""
    move_to: tuple[float, float] = (0.0, 0.0)
    """Where it is moved, [m]."""
    meaning: Understanding | None = None
    """What the instruction means, if its task was put together from it."""

    @property
    def own_task(self) -> Task | None:
        """The task that was put together for it; None if it is one of the environment's."""
        if self.meaning is None:
            return None
        made = composition(self.meaning)
        played = self.binding.roles or self.binding.groups
        return made.task if played or made.absent else missing(self.meaning).task

    @classmethod
    def draw(
        cls,
        task: Task,
        rng: Generator,
        n_slots: int,
        axes: Axes = frozenset(),
        wishes: Mapping[str, NounPhrase] | None = None,
        text: str | None = None,
    ) -> Episode:
        """Draw objects, their poses and an instruction.

        Args:
            task: What is to be done.
            rng: Source of randomness.
            n_slots: Object slots of a sub-environment.
            axes: Generalisation axes that are switched on.
            wishes: Role -> phrase that must name its object.
            text: The instruction, if it is given.

        Raises:
            PlacementError: If no drawn set of objects could be placed.
            InstructionError: If no scene was found that the instruction fits.
        """
        start = replace(task.start, **_RIM) if "layouts" in axes else task.start
        error: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                binding = draw_binding(task, rng, axes, wishes)
                pos, quat = start.sample(rng, binding.specs, n_slots)
                if wishes and not phrases_fit(binding, pos, wishes):
                    raise InstructionError(
                        f"No scene was found in which each phrase of {text!r} names one object"
                        " per role.",
                        understood=2_000,
                    )
                instruction = text or task.say(binding, pos, rng, axes)
            except (PlacementError, InstructionError) as exc:
                error = exc
                continue
            return cls(binding, pos, quat, instruction)._under(task, rng, axes)
        assert error is not None
        raise error

    @classmethod
    def composed(
        cls, meaning: Understanding, text: str, rng: Generator, n_slots: int,
        axes: Axes = frozenset(),
    ) -> Episode:  # fmt: skip
        """Draw a scene in which a meaning makes sense; its task is put together from it.

        Args:
            meaning: What is asked for.
            text: The instruction in the person's own words.
            rng: Source of randomness.
            n_slots: Object slots of a sub-environment.
            axes: Generalisation axes of what scenes look like.

        Raises:
            InstructionError: If it cannot be done, or no scene was found that it fits.
        """
        made = composition(meaning)
        episode = cls(*draw_composed(made, rng, n_slots), text, meaning=meaning)
        return episode._under(made.task, rng, axes)

    def _under(self, task: Task, rng: Generator, axes: Axes) -> Episode:
        """The same with visuals and disturbances of generalisation axes."""
        looks = Visuals.novel(rng, axes) if axes else Visuals()
        at, to = -1, (0.0, 0.0)
        if "moved" in axes and self.binding.slots:
            at = int(rng.integers(*_MOVE_STEPS))
            to = _elsewhere(rng, task, self.binding, self.pos, self.quat)
        return replace(self, looks=looks, move_at=at, move_to=to)

    # ---- other instructions for the same scene ------------------------------------------------

    def with_changed_roles(
        self, task: Task, roles: Mapping[str, int], rng: Generator, axes: Axes = frozenset()
    ) -> Episode:
        """The same scene with other objects in some roles; arguments as of `with_roles`."""
        return self.with_roles(task, {**self.binding.roles, **roles}, rng, axes)

    def with_roles(
        self, task: Task, roles: Mapping[str, int], rng: Generator, axes: Axes = frozenset()
    ) -> Episode:
        """The same scene with a new instruction for given roles.

        Args:
            task: What is to be done.
            roles: Role -> slot, for every role.
            rng: Chooses the words.
            axes: Generalisation axes that are switched on.

        Raises:
            InvalidConfigError: If a role is unknown or the slot cannot play it.
            InstructionError: If an object cannot be told apart from the others.
        """
        specs = self.binding.specs
        for name, slot in roles.items():
            if name not in task.roles:
                raise InvalidConfigError(
                    f"Unknown role {name!r}. {task.name} has: {', '.join(task.roles)}."
                )
            fitting = [i for i, s in enumerate(specs) if s.kind in task.roles[name].all_kinds]
            if slot not in fitting:
                what = specs[slot].kind if 0 <= slot < len(specs) else "-"
                raise InvalidConfigError(
                    f"Slot {slot} ({what}) cannot be the {name}; slots that can: {fitting}."
                )
        chosen = {name: int(slot) for name, slot in roles.items()}
        binding = replace(self.binding, roles=chosen)
        instruction = task.say(binding, self.pos, rng, axes)
        return replace(self, binding=binding, instruction=instruction)

    def with_meaning(self, meaning: Understanding, text: str, may_lack: bool = False) -> Episode:
        """The same scene with a task put together from a meaning.

        Args:
            meaning: What is asked for.
            text: The instruction in the person's own words.
            may_lack: Whether it may name something that is not there; the task is then to say so.

        Raises:
            InstructionError: If it cannot be done, or something is not there or could be several.
        """
        made = composition(meaning)
        if not made.absent:
            try:
                binding = bind(made, self.binding.seen(self.pos), self.binding)
                return replace(self, binding=binding, instruction=text, meaning=meaning)
            except NotThere:
                if not may_lack:
                    raise
        binding = replace(self.binding, roles={}, groups={}, spoken={})
        return replace(self, binding=binding, instruction=text, meaning=meaning)

    def with_instruction(self, task: Task, text: str) -> Episode:
        """The same scene with a given instruction.

        Args:
            task: What is to be done.
            text: The instruction.

        Raises:
            InstructionError: If it is not understood, or names no object or several in this scene.
        """
        problem = ""
        for phrases in task.read(text):
            binding, problem = self._bound(task, phrases)
            if not problem:
                return replace(self, binding=binding, instruction=text, meaning=None)
        there = ", ".join(
            f"{s.size} {c} {s.kind}"
            for s, c in zip(self.binding.specs, self.binding.colours, strict=True)
        )
        raise InstructionError(f"{problem}. On the table: {there}.", understood=2_000)

    def _bound(self, task: Task, phrases: Mapping[str, NounPhrase]) -> tuple[Binding, str]:
        """The roles as phrases name them, and what is wrong with the last phrase that fails."""
        old, seen = self.binding, self.binding.seen(self.pos)
        roles, groups = dict(old.roles), dict(old.groups)
        spoken: dict[str, NounPhrase] = {}
        problem = ""
        for name, phrase in phrases.items():
            role = task.roles[name]
            meant = [i for i in resolve(phrase, seen) if old.specs[i].kind in role.all_kinds]
            if role.many and meant:
                groups[name], spoken[name] = tuple(meant), phrase
            elif role.absent and not meant:
                spoken[name] = phrase
            elif len(meant) == 1 and not role.absent:
                roles[name] = meant[0]
            else:
                problem = f"{str(phrase)!r} fits {len(meant)} objects of this scene"
        return Binding(old.specs, old.colours, roles, groups, spoken), problem


def pack(episodes: Sequence[Episode]) -> NDArray[np.uint8]:
    """Encode episodes as bytes, exact to the last bit."""
    rows = []
    for e in episodes:
        row = {name: getattr(e, name) for name in ("instruction", "task", "move_at", "move_to")}
        row |= {"pos": e.pos.tolist(), "quat": e.quat.tolist(), "looks": asdict(e.looks)}
        row |= {"binding": asdict(e.binding)}
        if e.meaning is not None:
            row |= {"meaning": e.meaning.to_json()}
        rows.append(row)
    return np.frombuffer(json.dumps(rows).encode(), np.uint8).copy()


def unpack(data: NDArray[np.uint8]) -> list[Episode]:
    """Decode what `pack` has encoded."""
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
    meaning = Understanding.from_json(row["meaning"]) if "meaning" in row else None
    return Episode(
        binding, np.array(row["pos"]), np.array(row["quat"]), row["instruction"], row["task"],
        Visuals(**looks), row["move_at"], tuple(row["move_to"]), meaning,
    )  # fmt: skip


def graspable(episode: Episode, n_slots: int) -> NDArray[np.bool_]:
    """Which slots hold an object that the gripper can grasp. Shape (n_slots,)."""
    flags = [KINDS[s.kind].graspable for s in episode.binding.specs]
    return np.array(flags + [False] * (n_slots - len(flags)))


def named_slots(episode: Episode, task: Task) -> tuple[int, int]:
    """Slots of the first and last object that the instruction names; of a group, the first.

    0 and 0 if it names none that is there.
    """
    played = {**{r: g[0] for r, g in episode.binding.groups.items()}, **episode.binding.roles}
    order = [played[r] for r in task.roles if r in played]
    return (order[0], order[-1]) if order else (0, 0)


def _elsewhere(
    rng: Generator, task: Task, binding: Binding, pos: NDArray, quat: NDArray
) -> tuple[float, float]:
    """A free position 6 to 15 cm from the first role's object, or its own if there is none.

    Drawers slide by 0.5 to 2 cm, those that start open inwards.
    """
    slot = binding.slots[0]
    radii = np.array([s.radius for s in binding.specs])
    others = np.arange(len(radii)) != slot
    here = pos[slot, :2]
    if binding.specs[slot].kind == "drawer":
        # an open drawer that was pulled further would fall out
        far = rng.uniform(0.005, 0.02) * (-1 if task.start.opened[0] else 1)
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
