"""Open and close drawers, and put objects in them."""

from vla_gym.envs.task import Role, Task
from vla_gym.world.placement import Scatter
from vla_gym.world.predicates import AnyMoved, Closed, Free, Inside, Opened, Static, Touched

_DRAWER = Role(("drawer",), decoys=(1, 1))
_REST = ~AnyMoved(0.03, but=("drawer",))
"""Other objects stay where they are: sweeping the table clear does not count as success."""
HALF = (0.13, 0.29)
"""Half sizes of the rectangle in which objects start beside a cabinet [m]."""
_COMMON = {
    "name": "Drawer",
    "furniture": ("cabinet",),
    "summary": "Open or close one of two drawers, or put an object in one of them.",
}

DRAWER = (
    Task(
        roles={"drawer": _DRAWER},
        start=Scatter(half=HALF),
        goal=Opened("drawer") & Free() & Static("drawer") & _REST,
        phrases=("open {drawer}", "pull {drawer} open"),
        novel_phrases=("slide {drawer} open", "draw {drawer} out"),
        horizon=60,
        **_COMMON,
    ),
    Task(
        roles={"drawer": _DRAWER},
        start=Scatter(half=HALF, opened=(0.06, 0.08)),
        goal=Closed("drawer") & Free() & Static("drawer") & _REST,
        phrases=("close {drawer}", "push {drawer} shut"),
        novel_phrases=("shut {drawer}", "slide {drawer} closed"),
        horizon=60,
        **_COMMON,
    ),
    Task(
        roles={
            "object": Role(("cube", "cylinder", "ball"), ("cone", "can"), decoys=(1, 1)),
            "drawer": _DRAWER,
        },
        start=Scatter(half=HALF, opened=(0.08, 0.09)),
        goal=Inside("object", "drawer") & ~Touched("object") & Static("object"),
        phrases=(
            "put {object} in {drawer}",
            "place {object} in {drawer}",
            "drop {object} into {drawer}",
        ),
        novel_phrases=("store {object} in {drawer}", "{object} belongs in {drawer}"),
        horizon=70,
        **_COMMON,
    ),
)
"""An episode of ``VLADrawer-v0`` draws one of these."""
