"""Writes every generated page and table of the documentation from committed result files.

python scripts/make_docs.py             # text, seconds
python scripts/make_docs.py --check     # exit code 1 if a page is not up to date
python scripts/make_docs.py --images    # plots, strips of episodes and the contact sheet, minutes

The video at the top of the README has options of its own: scripts/make_teaser.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pages import (
    benchmarks,
    contact_sheet,
    episode_strips,
    language,
    planning,
    readme,
    results,
    tasks,
)
from pages.text import ROOT

from vla_gym.io import replace_text

PAGES = (readme, results, benchmarks, planning, tasks, language)
"""Modules with a function `pages`: path of a page -> its text."""
IMAGES = (results, benchmarks, tasks, episode_strips, contact_sheet)
"""Modules with a function `draw`, which writes images and returns their paths."""


def fresh() -> dict[Path, str]:
    """Every generated page as it should be."""
    return {path: text for module in PAGES for path, text in module.pages().items()}


def stale() -> dict[Path, str]:
    """Those pages that are not as they should be."""
    return {
        path: text
        for path, text in fresh().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def main(check: bool = False, images: bool = False) -> int:
    """Write the pages, or only report those that are not up to date; returns the exit code."""
    changed = stale()
    for path, text in changed.items():
        print(f"{path.relative_to(ROOT)} {'is not up to date' if check else 'written'}")
        if not check:
            replace_text(path, text)
    if check:
        print("Run `make docs`." if changed else "All pages are up to date.")
        return int(bool(changed))
    for module in IMAGES if images else ():
        for path in module.draw():
            print(f"{path.relative_to(ROOT)} written", flush=True)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="Write nothing.")
    parser.add_argument("--images", action="store_true", help="Draw the images too.")
    options = parser.parse_args()
    sys.exit(main(options.check, options.images))
