"""English words and the kinds, sizes and numbers that they stand for, beyond the exact grammar."""

from __future__ import annotations

NOUNS: dict[str, tuple[str, ...]] = {
    "cube": ("cube", "block", "die"), "cylinder": ("cylinder", "tube", "roller", "peg"),
    "ball": ("ball", "sphere", "marble", "orb"), "brick": ("brick",), "cone": ("cone",),
    "mug": ("mug", "cup", "beaker", "tumbler", "goblet", "tankard"), "star": ("star",),
    "bottle": ("bottle", "flask"), "can": ("can", "tin"), "puck": ("puck", "disc", "disk"),
    "stone": ("stone", "rock", "pebble"), "bowl": ("bowl", "basin"),
    "plate": ("plate", "saucer", "platter"), "tray": ("tray",),
    "box": ("box", "crate", "bin", "carton"),
}  # fmt: skip
"""Kinds that may stand for one another in a sentence, and the nouns that people use for them."""
MORE_NOUNS: dict[str, tuple[str, ...]] = {
    "cube": ("dice",), "cylinder": ("pipe", "drum"), "ball": ("globe",),
    "mug": ("teacup", "chalice", "glass", "stein"), "cone": ("pylon", "pyramid"),
    "bottle": ("vial", "carafe"), "stone": ("boulder",), "bowl": ("pot", "dish"),
    "plate": ("dish",), "tray": ("salver",), "box": ("case", "chest", "container", "bucket"),
    "shelf": ("shelf", "ledge", "rack", "board"), "button": ("button", "switch", "buzzer", "btn"),
    "mat": ("mat", "rug", "pad", "cloth", "carpet", "placemat"), "star": ("asterisk",),
    "drawer": ("drawer", "compartment"), "puck": ("hockey",),
    "any": ("thing", "object", "item", "stuff", "one", "ones", "everything", "anything", "all",
            "whatever", "whichever", "something", "piece", "container", "receptacle", "red",
            "both", "others", "rest", "lot"),
}  # fmt: skip
"""Further nouns that hint at a kind."""
ABSENT_NOUNS: tuple[str, ...] = (
    "apple", "banana", "spoon", "fork", "knife", "car", "truck", "phone", "laptop", "book",
    "pen", "pencil", "eraser", "shoe", "sock", "hat", "key", "wallet", "towel", "sponge",
    "pear", "grape", "potato", "carrot", "onion", "tomato", "egg", "sandwich", "pizza",
    "cookie", "cake", "candle", "lamp", "clock", "radio", "camera", "remote", "battery",
    "hammer", "screwdriver", "wrench", "nail", "screw", "rope", "ribbon", "glove", "scarf",
    "teddy", "duck", "dinosaur", "robot", "puzzle", "domino", "card", "coin", "watch",
    "necklace", "pillow", "blanket", "kettle", "pan", "pot", "ladle", "whisk", "toaster",
    "teapot", "jug", "vase", "flower", "leaf", "stick", "feather", "shell", "guitar", "drum",
    "whistle", "bell", "trophy", "basket", "bucket", "bag", "backpack", "envelope", "letter",
    "stamp", "newspaper", "stapler", "ruler", "calculator", "keyboard", "monitor", "mushroom",
    "strawberry", "watermelon", "donut", "cupcake", "hourglass", "magnet", "helmet",
)  # fmt: skip
"""Nouns of objects that the table never has."""
SIZES_SAID: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny", "wee", "mini", "teeny", "smallish", "miniature"),
    "medium": ("medium", "middling"),
    "large": ("large", "big", "huge", "giant", "massive", "great"),
}
"""Size -> adjectives."""


def plural(noun: str) -> str:
    """The plural of an English noun of this module."""
    irregular = {"die": "dice", "shelf": "shelves", "leaf": "leaves", "knife": "knives"}
    if noun in irregular:
        return irregular[noun]
    return noun + ("es" if noun.endswith(("x", "s", "sh", "ch")) else "s")
