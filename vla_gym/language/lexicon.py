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
NUMBERS: dict[int, tuple[str, ...]] = {
    2: ("two", "2", "both", "couple", "pair", "twins"), 3: ("three", "3", "trio", "triple"),
}  # fmt: skip
"""Count -> words."""
ALL_WORDS = ("all", "every", "each", "everything", "any", "rest", "lot", "whole")
"""Words that mean all of a group."""
NOT_WORDS = (
    "not", "no", "don't", "dont", "never", "without", "except", "but", "apart", "bar", "save",
    "avoid", "avoiding", "leave", "leaving", "alone", "mind", "careful", "isn't", "isnt", "aren't",
    "other", "other than", "off", "clear", "away", "untouched", "stays", "non", "nor", "neither",
    "touch", "excluding", "minus", "unless", "ignore", "keep", "spare", "instead", "doesn't",
)  # fmt: skip
"""Words of exclusions and of what is to be left alone."""


def plural(noun: str) -> str:
    """The plural of an English noun of this module."""
    irregular = {"die": "dice", "shelf": "shelves", "leaf": "leaves", "knife": "knives"}
    if noun in irregular:
        return irregular[noun]
    return noun + ("es" if noun.endswith(("x", "s", "sh", "ch")) else "s")


def kinds_said(word: str) -> tuple[str, ...]:
    """The kinds that a noun, singular or plural, may stand for."""
    return _KINDS_SAID.get(word, ())


def _index() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for nouns in (NOUNS, MORE_NOUNS):
        for kind, words in nouns.items():
            for word in words:
                for form in (word, plural(word)):
                    if kind not in found.setdefault(form, []):
                        found[form].append(kind)
    return {word: tuple(kinds) for word, kinds in found.items()}


_KINDS_SAID = _index()
