"""`Settings`: keyword arguments of the environments, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from vla_gym.envs.novelty import AXES
from vla_gym.envs.plain_data import from_data
from vla_gym.envs.splits import SPLITS
from vla_gym.errors import InvalidConfigError, UnknownArgumentError, UnknownNameError
from vla_gym.rendering import RENDER_BACKENDS
from vla_gym.robots import DEFAULT_ROBOT, Robot, find_robot
from vla_gym.safety.limits import SafetyConfig
from vla_gym.world.model import CAMERAS, PHYSICS_TIMESTEP

REWARD_TYPES = ("sparse", "dense")
RENDER_MODES = ("rgb_array", "human")
GRIPPER_ZEROS = ("open", "hold")
GRIPPER_SIGNS = ("positive_opens", "positive_closes")
OUT_OF_RANGE = ("error", "clip")


@dataclass(frozen=True)
class Settings:
    """Keyword arguments of `gymnasium.make` for every environment of this package."""

    robot: str | Robot = DEFAULT_ROBOT
    """The arm: a name in `vla_gym.robots.ROBOTS`, or a `Robot`."""
    control_hz: float = 10.0
    """Control steps per second. The speed of a full action stays the same, its displacement does
    not."""
    image_size: int = 128
    """Width and height of images in observations [px]."""
    cameras: tuple[str, ...] = tuple(CAMERAS)
    """Images in observations: "image", "wrist_image", both, or none."""
    text: bool = True
    """Whether observations hold the instruction. Infos always do; tools without text spaces
    (Stable-Baselines3, RLlib, skrl) need False."""
    goals: bool = False
    """Whether observations hold goals as numbers (`vla_gym.envs.goal_view.GoalView`), for hindsight
    relabelling; leaves the text out unless ``text=True`` is given."""
    render_backend: str = "auto"
    """What draws images: "native", fast and without any graphics library; "opengl", which also
    draws what the native renderer does not; "auto": native where it can draw the model."""
    reward_type: str = "sparse"
    """"sparse": 1 on success, else 0. "dense": that, plus the progress through the stages."""
    split: str = "train"
    """Split of the seeds: "train", "validation" or "test"; no episode is in two of them."""
    horizon: int | None = None
    """Control steps until an episode is truncated. None takes the task's own."""
    max_episode_steps: int | None = None
    """The same under Gymnasium's name; give one of them."""
    gripper: str = "open"
    """What a gripper number of exactly 0 does: "open", as any that does not close; or "hold",
    which leaves the gripper as it was last told."""
    gripper_sign: str = "positive_opens"
    """What a positive gripper number does: "positive_opens", or "positive_closes" (LIBERO's)."""
    out_of_range: str = "error"
    """What happens to action numbers outside [-1, 1]: "error", or "clip"."""
    render_mode: str | None = None
    """"rgb_array", "human" (a window), or None."""
    n_threads: int = 0
    """Threads for physics and rendering; 0 uses every core that this process may use."""
    terminate_action: bool | None = None
    """Whether an eighth number of the action can end the episode. None: only if the task needs
    it."""
    novelty: tuple[str, ...] = ()
    """Generalisation axes on which episodes differ from training: names in
    `vla_gym.envs.novelty.AXES`, or "all"."""
    safety: SafetyConfig = SafetyConfig(mode="off")
    """The safety layer: a mode in `vla_gym.safety.SAFETY_MODES`, a mapping of fields of
    `SafetyConfig`, or a `SafetyConfig`."""

    @classmethod
    def of(cls, **kwargs: Any) -> Settings:
        """Settings from keyword arguments, checked.

        Raises:
            UnknownArgumentError: If there is no such argument.
            UnknownNameError: If a name given as a value is unknown.
            InvalidConfigError: If a number is out of range.
        """
        names = [f.name for f in fields(cls)]
        for name in kwargs:
            if name not in names:
                raise UnknownArgumentError("argument", name, names)
        robot = kwargs.pop("robot", cls.robot)
        robot = from_data(robot) if isinstance(robot, Mapping) else robot
        cameras = kwargs.pop("cameras", cls.cameras)
        cameras = (cameras,) if isinstance(cameras, str) else tuple(cameras)
        novelty = kwargs.pop("novelty", ())
        novelty = (novelty,) if isinstance(novelty, str) else tuple(novelty)
        novelty = tuple(AXES) if novelty == ("all",) else novelty
        safety = SafetyConfig.of(kwargs.pop("safety", None))
        kwargs.setdefault("text", not kwargs.get("goals", cls.goals))
        made = cls(robot=robot, cameras=cameras, novelty=novelty, safety=safety, **kwargs)
        made._check_names()
        made._check_numbers()
        return made

    def _check_names(self) -> None:
        find_robot(self.robot)
        for axis in self.novelty:
            _known("generalisation axis", axis, (*AXES, "all"))
        for camera in self.cameras:
            _known("camera", camera, CAMERAS)
        _known("render_backend", self.render_backend, RENDER_BACKENDS)
        _known("reward_type", self.reward_type, REWARD_TYPES)
        _known("gripper", self.gripper, GRIPPER_ZEROS)
        _known("gripper_sign", self.gripper_sign, GRIPPER_SIGNS)
        _known("out_of_range", self.out_of_range, OUT_OF_RANGE)
        _known("split", self.split, SPLITS)
        if self.render_mode is not None:
            _known("render_mode", self.render_mode, RENDER_MODES)

        if self.goals and (self.reward_type != "sparse" or self.terminate_action):
            raise InvalidConfigError(
                "goals=True pays for the goal alone: leave reward_type='dense' and "
                "terminate_action=True out."
            )

    def _check_numbers(self) -> None:
        if not 8 <= self.image_size <= 1024:
            raise InvalidConfigError(f"image_size must be 8 to 1024 px, not {self.image_size}.")
        for name in ("horizon", "max_episode_steps"):
            steps = getattr(self, name)
            if steps is not None and steps < 1:
                raise InvalidConfigError(f"{name} must be at least 1 step, not {steps}.")
        if None not in (self.horizon, self.max_episode_steps) and (
            self.horizon != self.max_episode_steps
        ):
            raise InvalidConfigError(
                f"horizon={self.horizon} and max_episode_steps={self.max_episode_steps} mean the "
                "same. Give one of them."
            )
        if self.n_threads < 0:
            raise InvalidConfigError(f"n_threads must be 0 or more, not {self.n_threads}.")
        fastest = 1 / PHYSICS_TIMESTEP
        if not 1 <= self.control_hz <= fastest:
            raise InvalidConfigError(f"control_hz must be 1 to {fastest:g}, not {self.control_hz}.")
        exact = fastest / self.control_hz
        if abs(exact - self.substeps) > 1e-6:
            near = sorted({fastest / k for k in (int(exact), int(exact) + 1)})
            raise InvalidConfigError(
                f"control_hz={self.control_hz} does not divide the physics rate of {fastest:g} Hz."
                f" Near it: {', '.join(f'{hz:g}' for hz in near)}."
            )

    @property
    def substeps(self) -> int:
        """Physics steps per control step."""
        return round(1 / (self.control_hz * PHYSICS_TIMESTEP))


def _known(what: str, name: str, valid: Any) -> None:
    if name not in valid:
        raise UnknownNameError(what, name, valid)
