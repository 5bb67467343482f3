"""Put one named thing into or onto another, and let go of it."""

from vla_gym.envs.task import Role, Task
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import Inside, Static, Touched

PICK_PLACE = Task(
    name="PickPlace",
    roles={
        "object": Role(kinds=("cube", "cylinder", "ball", "mug")),
        "target": Role(kinds=("bowl", "plate", "tray")),
    },
    n_distractors=(1, 3),
    start=Scatter(),
    goal=Inside("object", "target") & ~Touched("object") & Static("object"),
    horizon=60,
)
