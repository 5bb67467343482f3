"""Stack one object on another and let go."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import BASES, NOVEL_BASES
from vla_gym.world.predicates import On, Static, Touched

STACK = Task(
    name="Stack",
    summary="Stack one object on another and let go.",
    roles={
        "object": Role(("cube", "cylinder"), ("brick", "can"), decoys=(1, 1)),
        "base": Role(BASES, NOVEL_BASES, decoys=(1, 1)),
    },
    goal=On("object", "base") & ~Touched("object") & Static("object"),
    phrases=(
        "stack {object} on {base}",
        "stack {object} on top of {base}",
        "put {object} on top of {base}",
        "place {object} on top of {base}",
    ),
    novel_phrases=("balance {object} on {base}", "build a tower of {object} on {base}"),
    horizon=70,
)
