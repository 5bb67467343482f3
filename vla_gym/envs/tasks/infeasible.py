"""Notice that what is asked cannot be done, and say so instead of doing something else."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, PLACES, THINGS
from vla_gym.world.predicates import After, AnyMoved

INFEASIBLE = Task(
    name="Infeasible",
    summary="The sentence names a thing that is not there: look for a second, then end the episode "
    "with nothing moved.",
    roles={
        "object": Role(THINGS, NOVEL_THINGS, decoys=(2, 3), absent=True),
        "target": Role(PLACES, ("box",)),
    },
    goal=~AnyMoved() & After(1.0),
    phrases=(
        "put {object} in {target}",
        "put {object} on {target}",
        "place {object} in {target}",
        "place {object} on {target}",
    ),
    novel_phrases=("transfer {object} to {target}", "bring {object} over to {target}"),
    terminate=True,
    horizon=40,
)
