"""The tables of docs/language.md."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from vla_gym.evaluation.statistics import format_rate
from vla_gym.language.canonical import say_step, say_thing
from vla_gym.language.lexicon import MORE_NOUNS, NOUNS
from vla_gym.language.tongues import TONGUES
from vla_gym.language.understanding import SIDES, SkillStep, Thing
from vla_gym.language.vocabulary import COLOURS, KIND_NOUNS, all_colours, finer_colours
from vla_gym.pretraining.labelled_sentences import load

from .text import DOCS, RESULTS, filled, load_json, table

PAGE = DOCS / "language.md"
_SKILLS = {
    "reach": ("touch, point at, go to", None), "lift": ("pick up and hold, hand over", None),
    "put": ("into or onto a container or a flat thing", "bowl"),
    "sort": ("a group into a container", "tray"), "stack": ("on a thing with a flat top", "brick"),
    "beside": (f"next to another thing: {', '.join(SIDES)}", "bottle"),
    "push": ("along the table onto a mat", "mat"), "slide": ("strike so that it glides", "mat"),
    "upright": ("stand a lying thing up", None), "open": ("a drawer", None),
    "close": ("a drawer", None), "press": ("a button", None),
}  # fmt: skip
_PICKS = {
    "leftmost": None, "biggest": None, "nearest": None, "other": None, "same_colour_as": "bowl",
    "in": "tray", "on": "brick", "left_of": "mug", "behind": "box", "near": "cone",
}  # fmt: skip


def pages() -> dict[Path, str]:
    """The page with its tables, if it is there."""
    text = PAGE.read_text(encoding="utf-8")
    return {PAGE: filled(text, {
        "figures": figures(), "skills": skills(), "things": things(), "kinds": kinds(),
        "clip": clip(), "sentences": sentences(), "readers": readers(), "misses": misses(),
    })}  # fmt: skip


def measured() -> dict[str, Any]:
    """The figures of scripts/measure_language.py."""
    return load_json(RESULTS / "language.json") or {}


def figures() -> str:
    """What is understood, how fast, and what odd input does."""
    found, rows = measured(), []
    for name, part in found.get("people", {}).items():
        for group in ("English, act", "other languages, act", "English, refuse or ask"):
            if group in part["groups"]:
                c = part["groups"][group]
                cells = [c.get(k, 0) for k in ("understood", "misread", "not acted on")]
                rows.append([f"{name}: {group}", format_rate(cells[0], c["n"]),
                             str(cells[1]), str(cells[2])])  # fmt: skip
        wrong = format_rate(part["misread"], part["n"])
        rows.append([f"{name}: acted on, but wrongly, of all", wrong, "", ""])
    for name, who in (("carried-out", "the expert"), ("carried-out-tabletop-ppo", "tabletop-ppo")):
        done = load_json(RESULTS / f"{name}.json")
        if done:
            what = f"carried out by {who}, in scenes drawn for what was understood of people-2"
            rows.append([what, format_rate(*done["rates"]["all"]), "", ""])
    if "grammar" in found:
        g = found["grammar"]
        rows.append(["the tasks' own sentences, all tasks, all axes",
                     format_rate(g["read exactly"], g["n"]), "", ""])  # fmt: skip
    if "time" in found:
        t = found["time"]
        rows.append(
            [
                f"a new sentence on one core: median {t['median_ms']} ms, 95% within "
                f"{t['p95_ms']} ms; 2,000 words {t['2000_words_ms']} ms",
                "",
                "",
                "",
            ]
        )
    if "fuzz" in found:
        f = found["fuzz"]
        rows.append(
            [
                f"{f['n']:,} random strings: {sum(f['foreign_exceptions'].values())} exceptions "
                f"that are not the package's own, slowest {f['slowest_s']} s",
                "",
                "",
                "",
            ]
        )
    return table(("what", "understood", "misread", "not acted on"), rows)


def clip() -> str:
    """What CLIP finds on sentences of people, by wording."""
    found = measured().get("clip")
    if not found:
        return ""
    rates = found["rates"]
    wordings = [n.partition(": ")[2] for n in rates if n.startswith("things found")]
    rows = []
    for what in dict.fromkeys(name.partition(": ")[0] for name in rates):
        cells = [rates[f"{what}: {wording}"] for wording in wordings]
        rows.append([what, *(format_rate(c["right"], c["n"]) for c in cells)])
    return table((f"of {found['n']} scenes for {found['sentences']}", *wordings), rows)


def skills() -> str:
    """What can be asked for."""
    rows = []
    for skill, (what, target) in _SKILLS.items():
        kind = {"press": "button", "open": "drawer", "close": "drawer"}.get(skill, "cube")
        thing = Thing(kind, "red", count="all" if skill == "sort" else 1)
        side = "left" if skill == "beside" else None
        step = SkillStep(skill, thing, Thing(target) if target else None, side)
        rows.append([f"`{skill}`", what, say_step(step)])
    return table(("skill", "what it does", "in plain words"), rows)


def things() -> str:
    """How one thing is told from others."""
    rows = [[f"`{pick}`", say_thing(Thing("cube", pick=pick, ref=Thing(ref) if ref else None))]
            for pick, ref in _PICKS.items()]  # fmt: skip
    rows += [
        ["`colour`, `size`", say_thing(Thing("cube", "teal", "small"))],
        ["`not_colour`", say_thing(Thing("cube", not_colour="red"))],
        [
            "`count`",
            f"{say_thing(Thing('cube', count=2))}; {say_thing(Thing('any', 'red', count='all'))}",
        ],
    ]
    return table(("in the answer", "for example"), rows)


def kinds() -> str:
    """The words that the grammar and the checks know for each kind."""
    rows = []
    for kind, own in KIND_NOUNS.items():
        words = [*own, *NOUNS.get(kind, ()), *MORE_NOUNS.get(kind, ())]
        rows.append([f"`{kind}`", ", ".join(dict.fromkeys(words))])
    table_of = table(("kind", "nouns"), rows)
    return (
        f"{table_of}\n\nColours: {', '.join(COLOURS)} and grey; "
        f"{len(all_colours()) - len(COLOURS)} rarer words; "
        f"{len(finer_colours())} names of the XKCD colour survey."
    )


def sentences() -> str:
    """Training sentences by language and by what was written for."""
    written = load()
    languages = Counter(TONGUES.get(s.meaning.lang, "other languages") for s in written)
    sources = Counter(s.source.rstrip("0123456789-") for s in written)
    rows = [["language", name, str(n)] for name, n in languages.most_common()]
    rows += [["written as", name, str(n)] for name, n in sources.most_common()]
    return table(("", "", "sentences"), rows)


def readers() -> str:
    """Readers compared on the sentences to choose by."""
    rows = []
    for name, part in (load_json(RESULTS / "readers.json") or {}).items():
        groups = part["groups"]
        cells = [format_rate(groups[g].get("right", 0), groups[g]["n"])
                 for g in ("English: act", "other languages: act") if g in groups]  # fmt: skip
        wrong = format_rate(part["misread"], part["n"])
        rows.append([name, *cells, wrong])
    return table(("reader", "English understood", "other languages", "misread, of all"), rows)


def misses() -> str:
    """The worst misses on sentences of people."""
    rows = [[_cell(row["text"]), row["verdict"], _cell(row["why"])]
            for part in measured().get("people", {}).values() for row in part["worst"]]  # fmt: skip
    return table(("sentence", "", "why"), rows[:30])


def _cell(text: str) -> str:
    """A text that fits a cell."""
    return str(text).replace("|", "/")[:110]
