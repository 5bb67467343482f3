"""Which kinds play which parts, in training and on the novelty axis "kinds"."""

THINGS = ("cube", "cylinder", "ball", "mug")
"""What is picked up."""
NOVEL_THINGS = ("brick", "stone", "star", "can", "cone")
"""What is picked up only where kinds are new."""
PLACES = ("bowl", "plate", "tray")
"""What things are put in or on."""
NOVEL_PLACES = ("box",)
"""What things are put in only where kinds are new."""
BASES = ("cube",)
"""What things are stacked on."""
NOVEL_BASES = ("brick",)
"""What things are stacked on only where kinds are new."""
