"""Put one object on a named side of another."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, THINGS
from vla_gym.language.relations import SIDE_WORDS
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import Beside, Static, Touched

# so that every side of the base is within reach
_MIDDLE = tuple((kind, (0.475, 0.0), (0.045, 0.18)) for kind in ("bowl", "bottle", "box"))


def _side(side: str) -> Task:
    plain, other = SIDE_WORDS[side]
    return Task(
        name="Arrange",
        summary="Put an object on a named side of another, as seen by the fixed camera.",
        roles={
            "object": Role(THINGS, NOVEL_THINGS, decoys=(1, 1)),
            "base": Role(("bowl", "bottle", "cube"), ("box",), decoys=(1, 1)),
        },
        start=Scatter(center=(0.48, 0.0), half=(0.07, 0.22), regions=_MIDDLE),
        goal=Beside("object", "base", side) & ~Touched("object") & Static("object"),
        phrases=(f"put {{object}} {plain} {{base}}", f"place {{object}} {plain} {{base}}",
                 f"move {{object}} {plain} {{base}}"),
        novel_phrases=(f"set {{object}} {other} {{base}}", f"leave {{object}} {other} {{base}}"),
        horizon=70,
    )  # fmt: skip


ARRANGE = tuple(_side(side) for side in SIDE_WORDS)
