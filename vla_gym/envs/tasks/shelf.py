"""Put an object on a raised shelf and let go."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, THINGS
from vla_gym.world.predicates import Inside, Static, Touched

SHELF = Task(
    name="Shelf",
    summary="Put an object on a raised shelf and let go.",
    roles={
        "object": Role(THINGS, NOVEL_THINGS, decoys=(1, 2)),
        "target": Role(("shelf",), decoys=(0, 0)),
    },
    goal=Inside("object", "target") & ~Touched("object") & Static("object"),
    phrases=(
        "put {object} on {target}",
        "place {object} on {target}",
        "pick up {object} and put it on {target}",
    ),
    novel_phrases=("store {object} on {target}", "take {object} and leave it on {target}"),
    horizon=70,
)
