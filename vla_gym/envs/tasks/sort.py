"""Put all things of one colour or kind where they belong."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, THINGS
from vla_gym.world.predicates import Each, Free, Inside, Touched

SORT = Task(
    name="Sort",
    summary="Put everything of a colour, or all things of a kind, into a container.",
    roles={
        "things": Role(THINGS, NOVEL_THINGS, decoys=(1, 2), many=True),
        "target": Role(("tray",), ("box",), decoys=(0, 0)),
    },
    goal=Each("things", "it", Inside("it", "target") & ~Touched("it")) & Free(),
    phrases=(
        "put {things} in {target}",
        "put {things} on {target}",
        "place {things} in {target}",
        "place {things} on {target}",
    ),
    novel_phrases=(
        "collect {things} in {target}",
        "collect {things} on {target}",
        "gather {things} in {target}",
        "gather {things} on {target}",
    ),
    horizon=140,
)
