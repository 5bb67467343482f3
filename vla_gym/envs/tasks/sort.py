"""Put all objects of one colour or kind on a tray."""

from vla_gym.envs.task import Role, Task
from vla_gym.world.logic import Each
from vla_gym.world.predicates import Free, Inside, Touched

SORT = Task(
    name="Sort",
    summary="Put all objects of one colour or kind on a tray.",
    roles={
        # no balls: they roll off the tray when the next object is put beside them
        "things": Role(
            ("cube", "cylinder", "mug"),
            ("brick", "can"),
            sizes=("small", "medium"),
            decoys=(1, 2),
            many=True,
        ),
        "target": Role(("tray",), ("box",), sizes=("large",), decoys=(0, 0)),
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
