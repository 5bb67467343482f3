"""Pick an object up and hold it."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, THINGS
from vla_gym.world.predicates import Held, Lifted

PICK = Task(
    name="Pick",
    summary="Pick an object up and hold it.",
    roles={"object": Role(THINGS, NOVEL_THINGS, decoys=(2, 3))},
    goal=Lifted("object", 0.06) & Held("object"),
    phrases=(
        "pick up {object}",
        "lift {object}",
        "grasp {object}",
        "lift {object} up",
        "take {object}",
    ),
    novel_phrases=("raise {object}", "grab {object}", "get {object} off the table"),
    horizon=50,
)
