"""Put two objects into two containers, in the order given."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, THINGS
from vla_gym.world.logic import Then
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import Inside, Static, Touched

SEQUENCE = Task(
    name="Sequence",
    summary="Put two objects into two containers, in the order given.",
    roles={
        "first": Role(THINGS, NOVEL_THINGS, decoys=(1, 1)),
        "there": Role(("plate", "bowl"), ("box",), decoys=(0, 0)),
        "second": Role(THINGS, NOVEL_THINGS, decoys=(0, 0)),
        "elsewhere": Role(("tray", "bowl"), decoys=(0, 0)),
    },
    start=Scatter(half=(0.13, 0.24)),
    goal=Then(
        Inside("first", "there") & ~Touched("first"),
        Inside("second", "elsewhere") & ~Touched("second") & Static("second"),
    ),
    phrases=tuple(
        f"put {{first}} {a} {{there}} then put {{second}} {b} {{elsewhere}}"
        for a in ("in", "on") for b in ("in", "on")
    ),
    novel_phrases=tuple(
        f"first place {{first}} {a} {{there}} and after that {{second}} {b} {{elsewhere}}"
        for a in ("in", "on") for b in ("in", "on")
    ),
    horizon=140,
)  # fmt: skip
