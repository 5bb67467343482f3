"""Stand up an object that lies on its side."""

from vla_gym.envs.task import Role, Task
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import Standing, Static, Touched

UPRIGHT = Task(
    name="Upright",
    summary="Stand up an object that lies on its side.",
    roles={"object": Role(("bottle",), ("can",), decoys=(1, 2))},
    start=Scatter(half=(0.10, 0.20), lying=("bottle", "can")),
    goal=Standing("object") & ~Touched("object") & Static("object"),
    phrases=("stand {object} up", "stand {object} upright", "set {object} upright"),
    novel_phrases=("put {object} back on its feet", "turn {object} upright"),
    horizon=90,
)
