"""Measures how well sentences are understood, and writes docs/results/language.json.

    python scripts/measure_language.py --people people-2.json   # sentences of people, labelled
    python scripts/measure_language.py --only grammar time fuzz

A labelled file is a JSON list of objects with text, answer, steps, avoid, lang and tags, the first
five as `vla-gym understand --json` prints them. Parts that are not measured keep their figures.
"""

from __future__ import annotations

import json
import os
import string
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import tyro

from vla_gym.envs.episode import Episode
from vla_gym.envs.grammar_reading import read_exactly
from vla_gym.envs.novelty import AXES
from vla_gym.envs.tasks import MIXTURES
from vla_gym.errors import VlaGymError
from vla_gym.evaluation.statistics import wilson
from vla_gym.io import write_json
from vla_gym.language import reading
from vla_gym.language.plausibility import FLAT_TOPS
from vla_gym.language.reading import understand
from vla_gym.pretraining.labelled_sentences import load

OUT = Path(__file__).parents[1] / "docs" / "results" / "language.json"
_SAME_COLOURS = {"gray": "grey", "violet": "purple", "aqua": "cyan"}
_N_SLOTS = 12
_MARKUP = (
    "<b>", "</p>", "{{", "}}", "${x}", "%s", "\\n", "'; DROP TABLE", "[CLS]", "\x00", "\u202e",
    "🙂", "```", "&amp;", "\ufeff", "\t", "\r\n",
)  # fmt: skip


@dataclass
class LanguageMeasurement:
    """Measure how well sentences are understood."""

    people: tuple[Path, ...] = ()
    """Files of labelled sentences that nothing was trained on."""
    only: tuple[str, ...] = ("people", "grammar", "time", "fuzz")
    """Parts to measure."""
    grammar_sentences: int = 20
    """Sentences of each shipped task and generalisation axis."""
    fuzzed: int = 20_000
    """Random strings."""
    worst: int = 30
    """Sentences that went wrong, to list."""
    seed: int = 0
    """Of the random strings and the grammar's sentences."""
    out: Path = OUT
    """File for the figures."""


# ---- sentences of people ----------------------------------------------------------------------


def differs(label: dict[str, Any], got: dict[str, Any]) -> str | None:
    """What is wrong with a meaning that is acted on; None if it is as labelled.

    Skills that amount to the same count as the same: to put or to sort a group, to put or to stack
    on a thing with a flat top, to push or to slide a puck.
    """
    if len(label["steps"]) != len(got["steps"]):
        return f"{len(got['steps'])} steps for {len(label['steps'])}"
    for want, have in zip(label["steps"], got["steps"], strict=True):
        if not _same_skill(want, have):
            return f"{have['skill']} for {want['skill']}"
        for part in ("object", "target"):
            why = _thing_differs(want[part], have[part])
            if why:
                return why
        if want["side"] and want["side"] != have["side"]:
            return f"side {have['side']} for {want['side']}"
    kept, wanted = (sorted((t["kind"], _colour(t["colour"])) for t in m["avoid"] or ())
                    for m in (got, label))  # fmt: skip
    return None if kept == wanted else f"avoid {kept} for {wanted}"


def _same_skill(want: dict[str, Any], have: dict[str, Any]) -> bool:
    pair, target = {want["skill"], have["skill"]}, want["target"] or {}
    group = want["object"].get("count", 1) not in (1, None)
    return len(pair) == 1 or (
        (pair == {"put", "sort"} and group)
        or (pair == {"put", "stack"} and target.get("kind") in FLAT_TOPS)
        or (pair == {"push", "slide"} and want["object"]["kind"] == "puck")
    )


def _thing_differs(want: dict[str, Any] | None, have: dict[str, Any] | None) -> str | None:
    if want is None or have is None:
        return None if want is have else "a target too many or too few"
    for field in ("kind", "colour", "size", "count", "pick", "not_colour"):
        a, b = (_colour(t.get(field)) if "colour" in field else t.get(field) for t in (want, have))
        if field == "count":
            a, b = str(a or 1), str(b or 1)
        if (a or None) != (b or None) and not (field == "size" and not a):
            return f"{field} {b} for {a}"
    return _thing_differs(want["ref"], have.get("ref")) if want.get("ref") else None


def _colour(word: str | None) -> str:
    word = (word or "").lower()
    return _SAME_COLOURS.get(word, word)


def people(path: Path, worst: int) -> dict[str, Any]:
    """Understood, misread and not acted on, by language and answer, and what went wrong."""
    groups: dict[str, Counter[str]] = {}
    wrong: list[dict[str, Any]] = []
    labels = json.loads(path.read_text(encoding="utf-8"))
    for label in labels:
        got = understand(label["text"]).to_json()
        act, acted = label["answer"] == "act", got["answer"] == "act"
        why = (differs(label, got) if acted else got["reason"]) if act else None
        right = (acted and not why) if act else not acted
        verdict = "understood" if right else "misread" if acted else "not acted on"
        language = "English" if label["lang"] == "en" else "other languages"
        for name in (f"{language}, {'act' if act else 'refuse or ask'}", *label.get("tags", ())):
            groups.setdefault(name, Counter())[verdict] += 1
        if not right:
            wrong.append({"text": label["text"], "verdict": verdict, "confidence":
                          round(got["confidence"], 2), "why": why or "acted on"})  # fmt: skip
    wrong.sort(key=lambda row: (row["verdict"] != "misread", -row["confidence"]))
    table = {name: {**c, "n": c.total(), "understood_95": wilson(c["understood"], c.total())}
             for name, c in sorted(groups.items(), key=lambda item: -item[1].total())}  # fmt: skip
    misread = sum(row["verdict"] == "misread" for row in wrong)
    return {"n": len(labels), "misread": misread, "groups": table, "worst": wrong[:worst]}


# ---- grammar, time, odd input -----------------------------------------------------------------


def grammar(sentences: int, seed: int) -> dict[str, Any]:
    """Sentences that the shipped tasks write: how many are read exactly."""
    rng, right, n = np.random.default_rng(seed), 0, 0
    for axis in ("", *AXES):
        for task in MIXTURES["Tabletop"]:
            for _ in range(sentences):
                text = Episode.draw(
                    task, rng, _N_SLOTS, frozenset((axis,) if axis else ())
                ).instruction
                right += understand(text) == read_exactly(text) and understand(text).confidence == 1
                n += 1
    return {"n": n, "read exactly": right}


def times(seed: int) -> dict[str, Any]:
    """Milliseconds for a new sentence and for 2,000 words, on one core."""
    texts = [s.text for s in load() if s.meaning.lang == "en"]
    chosen = np.random.default_rng(seed).permutation(len(texts))[:300]
    understand("put the red cube in the bowl")
    reading._understand.cache_clear()
    took = [_timed(lambda text=texts[i]: understand(text)) for i in chosen]
    long = "put the red cube into the big bowl " * 250
    return {
        "n": len(took), "median_ms": round(float(np.median(took)), 2),
        "p95_ms": round(float(np.quantile(took, 0.95)), 2),
        "2000_words_ms": round(min(_timed(lambda k=k: understand(f"{k} {long}"))
                                   for k in range(5)), 2),
    }  # fmt: skip


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def fuzz(n: int, seed: int) -> dict[str, Any]:
    """Random strings: errors that are not the package's own, and messages over 400 characters."""
    foreign, long, slowest = Counter(), 0, 0.0
    for text in _odd_texts(n, np.random.default_rng(seed)):
        start = time.perf_counter()
        try:
            meaning = understand(text)
            long += len(meaning.reason) > 400
        except VlaGymError as error:
            long += len(str(error)) > 400
        except Exception as error:  # what is counted
            foreign[type(error).__name__] += 1
        slowest = max(slowest, time.perf_counter() - start)
    return {"n": n, "foreign_exceptions": dict(foreign), "messages_over_400": long,
            "slowest_s": round(slowest, 3)}  # fmt: skip


def _odd_texts(n: int, rng: np.random.Generator) -> Iterator[str]:
    """Control characters, all scripts, lone surrogates, markup, typos, repetition up to 100 kB."""
    known = [s.text for s in load()]

    def one() -> str:
        return known[rng.integers(len(known))]

    def characters(low: int, high: int, most: int) -> str:
        return "".join(map(chr, rng.integers(low, high, int(rng.integers(0, most)))))

    def changed() -> str:
        letters = list(one())
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(len(letters) + 1))
            odd = rng.random() < 0.5
            letters[at:at] = _MARKUP[rng.integers(len(_MARKUP))] if odd else characters(32, 1500, 3)
        return "".join(letters)

    kinds: dict[float, Callable[[], str]] = {
        0.25: changed,
        0.45: lambda: characters(0, 0x110000, 60),
        0.55: lambda: characters(0, 128, 120),
        0.75: lambda: " ".join(rng.permutation(one().split())),
        0.90: lambda: one()[: rng.integers(1, 40)] + one()[rng.integers(5) :],
        0.99: lambda: "".join(rng.choice(list(string.printable), int(rng.integers(1, 300)))),
        1.00: lambda: (one() + " ") * 2_000,
    }
    for _ in range(n):
        draw = rng.random()
        yield next(kind for share, kind in kinds.items() if draw < share)()


def load_figures(path: Path) -> dict[str, Any]:
    """Figures that were measured before; none if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def main(config: LanguageMeasurement) -> None:
    """Measure the parts asked for and write the figures."""
    figures = load_figures(config.out)
    parts: dict[str, Callable[[], Any]] = {
        "people": lambda: {**figures.get("people", {}),
                           **{p.stem: people(p, config.worst) for p in config.people}},
        "grammar": lambda: grammar(config.grammar_sentences, config.seed),
        "time": lambda: times(config.seed),
        "fuzz": lambda: fuzz(config.fuzzed, config.seed),
    }  # fmt: skip
    for name, part in parts.items():
        if name in config.only:
            figures[name] = part()
            shown = figures[name]
            if name == "people":
                shown = {
                    k: {g: dict(v) for g, v in list(p["groups"].items())[:4]}
                    for k, p in shown.items()
                }
            print(f"{name}: {shown}", flush=True)
            write_json(config.out, figures)


if __name__ == "__main__":
    main(tyro.cli(LanguageMeasurement))
