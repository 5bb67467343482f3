"""Slide a puck to a mat that is out of reach."""

from vla_gym.envs.task import Role, Task
from vla_gym.skills.striking import STRIKE_LINE
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import HandBehind, Lifted, SlidOver, Static

SLIDE = Task(
    name="Slide",
    summary="Slide a puck, not lifting it, onto a mat beyond a line that the hand must not cross.",
    roles={
        "object": Role(("puck",), decoys=(1, 1)),
        "target": Role(("mat",), sizes=("large",), decoys=(0, 1)),
    },
    furniture=("line",),
    start=Scatter(
        min_gap=0.07,  # so that the other puck is not in the way
        regions=(
            ("puck", (0.42, 0.0), (0.025, 0.16)),
            ("mat", (0.645, 0.0), (0.025, 0.14)),
            ("line", (STRIKE_LINE, 0.0), (0.0, 0.0)),
        ),
    ),
    goal=SlidOver("object", "target", STRIKE_LINE) & Static("object"),
    keep=HandBehind(STRIKE_LINE) & ~Lifted("object", 0.02),
    phrases=("slide {object} onto {target}", "slide {object} to {target}"),
    novel_phrases=("let {object} glide onto {target}", "send {object} sliding to {target}"),
    horizon=60,
)
