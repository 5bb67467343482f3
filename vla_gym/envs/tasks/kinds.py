"""Kinds of objects by use, in training and on the generalisation axis "kinds"."""

THINGS = ("cube", "cylinder", "ball", "mug")
"""Objects to pick up."""
NOVEL_THINGS = ("brick", "stone", "star", "can", "cone")
"""The same on the axis "kinds"."""
PLACES = ("bowl", "plate", "tray")
"""Containers: objects are put in or on them."""
NOVEL_PLACES = ("box",)
"""The same on the axis "kinds"."""
BASES = ("cube",)
"""Objects to stack others on."""
NOVEL_BASES = ("brick",)
"""The same on the axis "kinds"."""
