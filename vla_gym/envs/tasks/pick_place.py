"""Put an object into or onto a container and let go."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_PLACES, NOVEL_THINGS, PLACES, THINGS
from vla_gym.world.predicates import Inside, Static, Touched

PICK_PLACE = Task(
    name="PickPlace",
    summary="Put an object into or onto a container and let go.",
    roles={
        "object": Role(THINGS, NOVEL_THINGS, decoys=(1, 3)),
        "target": Role(PLACES, NOVEL_PLACES),
    },
    goal=Inside("object", "target") & ~Touched("object") & Static("object"),
    phrases=(
        *(
            f"{verb} {{object}} {word} {{target}}"
            for verb in ("put", "place", "drop", "set", "move")
            for word in ("in", "on", "into", "onto")
        ),
        "set {object} down on {target}",
        "pick up {object} and put it in {target}",
        "pick up {object} and put it on {target}",
    ),
    novel_phrases=(
        "take {object} and drop it in {target}",
        "take {object} and leave it on {target}",
        "grab {object} and place it into {target}",
        "grab {object} and place it onto {target}",
        "transfer {object} to {target}",
        "bring {object} over to {target}",
        "{object} belongs in {target}",
        "{object} belongs on {target}",
    ),
    horizon=60,
)
