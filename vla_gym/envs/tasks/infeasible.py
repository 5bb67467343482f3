"""Recognise that the instruction names an absent object, and end the episode."""

from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks.drawer import HALF
from vla_gym.envs.tasks.kinds import NOVEL_THINGS, PLACES, THINGS
from vla_gym.world.logic import After
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import AnyMoved

_COMMON = {
    "name": "Infeasible",
    "summary": "The instruction names an object that is absent: wait for a second, then end the "
    "episode with nothing moved.",
    "goal": ~AnyMoved() & After(1.0),
    "terminate": True,
    "horizon": 40,
}

INFEASIBLE = (
    Task(
        roles={
            "object": Role(THINGS, NOVEL_THINGS, decoys=(2, 3), absent=True),
            "target": Role(PLACES, ("box",)),
        },
        phrases=(
            "put {object} in {target}",
            "put {object} on {target}",
            "place {object} in {target}",
            "place {object} on {target}",
        ),
        novel_phrases=("transfer {object} to {target}", "bring {object} over to {target}"),
        **_COMMON,
    ),
    Task(
        roles={
            "object": Role(("cube", "cylinder", "ball"), ("cone", "can"), decoys=(1, 1)),
            "drawer": Role(("drawer",), decoys=(2, 2), absent=True),
        },
        furniture=("cabinet",),
        start=Scatter(half=HALF, opened=(0.08, 0.09)),
        phrases=("put {object} in {drawer}", "place {object} in {drawer}"),
        novel_phrases=("store {object} in {drawer}", "{object} belongs in {drawer}"),
        **_COMMON,
    ),
)
"""The object is absent, or the drawer is."""
