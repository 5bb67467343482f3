"""Push an object onto a mat without lifting it."""

from vla_gym.envs.task import Role, Task
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import Free, Lifted, Over, Static

PUSH = Task(
    name="Push",
    summary="Push an object onto a mat without lifting it.",
    roles={
        "object": Role(("puck", "cube", "brick"), ("stone",), decoys=(1, 1)),
        "target": Role(("mat",)),
    },
    # far enough from the base for the hand to fit behind objects
    start=Scatter(center=(0.51, 0.0), half=(0.075, 0.22), min_gap=0.05),
    goal=Over("object", "target") & Free() & Static("object"),
    keep=~Lifted("object", 0.02),
    phrases=(
        "push {object} onto {target}",
        "push {object} to {target}",
        "move {object} to {target} without lifting it",
    ),
    novel_phrases=("shove {object} onto {target}", "nudge {object} over to {target}"),
    horizon=100,
)
