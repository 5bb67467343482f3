"""Languages that are read, and how others are recognised."""

from __future__ import annotations

import unicodedata
from collections import Counter

TONGUES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
    "pt": "Portuguese", "nl": "Dutch", "zh": "Chinese", "ja": "Japanese",
}  # fmt: skip
"""ISO 639-1 code -> name of each language that is read."""
OTHER_TONGUES = {
    "pl": "Polish", "sv": "Swedish", "da": "Danish", "no": "Norwegian", "fi": "Finnish",
    "tr": "Turkish", "cs": "Czech", "hu": "Hungarian", "ro": "Romanian", "ca": "Catalan",
    "id": "Indonesian", "vi": "Vietnamese", "la": "Latin", "eo": "Esperanto", "sw": "Swahili",
    "ru": "Russian", "uk": "Ukrainian", "el": "Greek", "ar": "Arabic", "he": "Hebrew",
    "ko": "Korean", "hi": "Hindi", "th": "Thai",
}  # fmt: skip
"""Languages that are recognised, to say that they are not read."""
_READ_SCRIPTS = frozenset(
    ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "FULLWIDTH")
)


def script_of(text: str) -> str | None:
    """The script that most letters of a text are in, as Unicode names it; None without letters."""
    names = (unicodedata.name(c, "?").split(" ")[0] for c in text if c.isalpha())
    common = Counter(names).most_common(1)
    return common[0][0] if common else None


def is_read_script(script: str) -> bool:
    """Whether any of `TONGUES` is written in it."""
    return script in _READ_SCRIPTS


def known_tongues() -> str:
    """The names of `TONGUES` as a list in words."""
    *most, last = TONGUES.values()
    return f"{', '.join(most)} and {last}"
