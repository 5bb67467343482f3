"""Press the button of a named colour."""

from vla_gym.envs.task import Role, Task
from vla_gym.world.predicates import Pressed

BUTTON = Task(
    name="Button",
    summary="Press the button of a named colour.",
    roles={"button": Role(("button",), decoys=(2, 3))},
    goal=Pressed("button"),
    phrases=("press {button}", "push {button}", "press {button} down", "hit {button}"),
    novel_phrases=("tap {button}", "activate {button}"),
    horizon=40,
)
