"""Move the hand to an object."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, THINGS
from vla_gym.world.predicates import Near

REACH = Task(
    name="Reach",
    summary="Move the hand to an object.",
    roles={"object": Role(THINGS, NOVEL_THINGS, decoys=(2, 3))},
    goal=Near("object", 0.025),
    phrases=(
        "reach {object}",
        "reach for {object}",
        "go to {object}",
        "touch {object}",
        "move to {object}",
    ),
    novel_phrases=("point at {object}", "approach {object}", "bring your hand to {object}"),
    horizon=40,
)
