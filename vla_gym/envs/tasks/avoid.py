"""Stack one object on another without touching the bottle."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import BASES, NOVEL_BASES
from vla_gym.world.predicates import Moved, On, Static, Touched

AVOID = Task(
    name="Avoid",
    summary="Stack one object on another without touching or moving a third.",
    roles={
        "object": Role(("cube", "cylinder"), ("brick", "can"), decoys=(1, 1)),
        "base": Role(BASES, NOVEL_BASES, decoys=(0, 1)),
        "bystander": Role(("bottle",), ("cone",), decoys=(0, 0)),
    },
    goal=On("object", "base") & ~Touched("object") & Static("object"),
    keep=~Moved("bystander", 0.02) & ~Touched("bystander"),
    phrases=(
        "stack {object} on {base} but avoid {bystander}",
        "put {object} on top of {base} but avoid {bystander}",
        "stack {object} on {base} but do not touch {bystander}",
    ),
    novel_phrases=(
        "stack {object} on {base} and keep away from {bystander}",
        "without touching {bystander} stack {object} on {base}",
    ),
    horizon=80,
)
