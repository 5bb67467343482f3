"""What can be chosen about an environment, checked once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from vla_gym.envs.splits import AXES, SPLITS
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.robots import DEFAULT_ROBOT, Robot, find_robot
from vla_gym.safety.limits import SafetyConfig
from vla_gym.world.model import CAMERAS, PHYSICS_TIMESTEP

REWARD_TYPES = ("sparse", "dense")
RENDER_MODES = ("rgb_array", "human")


@dataclass(frozen=True)
class Settings:
    """Keyword arguments of `gymnasium.make` for every environment here."""

    robot: str | Robot = DEFAULT_ROBOT
    """The arm: a name in `vla_gym.robots.ROBOTS`, or a `Robot`."""
    control_hz: float = 10.0
    """Control steps per second; full displacements keep their speed."""
    image_size: int = 128
    """Width and height of pictures in observations [px]."""
    cameras: tuple[str, ...] = tuple(CAMERAS)
    """Pictures in observations: "image", "wrist_image", both or none (then no OpenGL is used)."""
    reward_type: str = "sparse"
    """"sparse": 1 on success, else 0. "dense": that, plus progress through the stages."""
    split: str = "train"
    """Stream of seeds: "train", "validation" or "test"; no episode is in two of them."""
    horizon: int | None = None
    """Control steps until an episode is cut off. None takes the task's own."""
    render_mode: str | None = None
    """"rgb_array", "human" (a window), or None."""
    n_threads: int = 0
    """Threads of physics and rendering; 0 takes every core."""
    terminate_action: bool | None = None
    """Whether an eighth action number can end the episode. None: if the task needs it."""
    novelty: tuple[str, ...] = ()
    """Ways in which episodes differ from training: names out of `vla_gym.envs.splits.AXES`, or
    "all"."""
    safety: SafetyConfig = SafetyConfig(mode="off")
    """The safety layer: one of `vla_gym.safety.MODES`, a mapping of fields of `SafetyConfig`, or
    one."""

    @classmethod
    def of(cls, **kwargs: Any) -> Settings:
        """Check keyword arguments.

        Raises:
            UnknownNameError: If a name, or a value out of a list, is unknown.
            InvalidConfigError: If a number makes no sense.
        """
        names = [f.name for f in fields(cls)]
        for name in kwargs:
            if name not in names:
                raise UnknownNameError("argument", name, names)
        cameras = kwargs.pop("cameras", cls.cameras)
        cameras = (cameras,) if isinstance(cameras, str) else tuple(cameras)
        novelty = kwargs.pop("novelty", ())
        novelty = (novelty,) if isinstance(novelty, str) else tuple(novelty)
        novelty = tuple(AXES) if novelty == ("all",) else novelty
        safety = SafetyConfig.of(kwargs.pop("safety", None))
        made = cls(cameras=cameras, novelty=novelty, safety=safety, **kwargs)
        find_robot(made.robot)
        for axis in novelty:
            _known("novelty axis", axis, (*AXES, "all"))
        for camera in cameras:
            _known("camera", camera, CAMERAS)
        _known("reward_type", made.reward_type, REWARD_TYPES)
        _known("split", made.split, SPLITS)
        if made.render_mode is not None:
            _known("render_mode", made.render_mode, RENDER_MODES)
        if not 8 <= made.image_size <= 1024:
            raise InvalidConfigError(f"image_size must be 8 to 1024 px, not {made.image_size}.")
        if made.horizon is not None and made.horizon < 1:
            raise InvalidConfigError(f"horizon must be at least 1 step, not {made.horizon}.")
        if made.n_threads < 0:
            raise InvalidConfigError(f"n_threads must be 0 or more, not {made.n_threads}.")
        fastest = 1 / PHYSICS_TIMESTEP
        if not 1 <= made.control_hz <= fastest:
            raise InvalidConfigError(f"control_hz must be 1 to {fastest:g}, not {made.control_hz}.")
        exact = fastest / made.control_hz
        if abs(exact - made.substeps) > 1e-6:
            near = sorted({fastest / k for k in (int(exact), int(exact) + 1)})
            raise InvalidConfigError(
                f"control_hz={made.control_hz} does not divide the physics rate of {fastest:g} Hz."
                f" Near it: {', '.join(f'{hz:g}' for hz in near)}."
            )
        return made

    @property
    def substeps(self) -> int:
        """Physics steps of a control step."""
        return round(1 / (self.control_hz * PHYSICS_TIMESTEP))


def _known(what: str, name: str, valid: Any) -> None:
    if name not in valid:
        raise UnknownNameError(what, name, valid)
