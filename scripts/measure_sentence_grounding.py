"""Measures CLIP on people's sentences: where the things are, which verb, what is not there.

    python scripts/measure_sentence_grounding.py --sentences people.json --seeds 2

For each English request a scene is drawn in which it makes sense by its label. CLIP is asked for
the things of its first step in three wordings: the person's own words, the words that
`vla_gym.language.understand` makes of them, and those of the label. Then it is asked for the same
things in a scene drawn for another request, where none of them is. Writes the part "clip" of
docs/results/language.json.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from measure_composed import load_requests
from measure_language import OUT, load_figures
from numpy.typing import NDArray

from vla_gym.agents.policies.clause_tracker import heard_verbs
from vla_gym.agents.policies.clip_source import GRASP_PLANE_M
from vla_gym.envs.asking import Spoken
from vla_gym.envs.composing import Composition, composition
from vla_gym.envs.episode import Episode
from vla_gym.envs.grammar_reading import heard_clauses
from vla_gym.envs.registration import make_vec
from vla_gym.errors import InstructionError
from vla_gym.evaluation.statistics import wilson
from vla_gym.io import write_json
from vla_gym.language.canonical import say_step
from vla_gym.language.clauses import split_clauses
from vla_gym.language.referents import resolve_thing
from vla_gym.language.understanding import SkillStep
from vla_gym.planner.sight import ClipSight
from vla_gym.skills import VERBS
from vla_gym.vlm import PRESENCE_THRESHOLD
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder
from vla_gym.vlm.verb_reader import VerbReader

NEAR_M = 0.04
"""Largest distance from a thing's centre, if the pixel does not show the thing itself [m]."""
WORDINGS = ("own words", "as understood", "label")
_VERBS: dict[str, tuple[str, ...]] = {
    "reach": ("reach",), "lift": ("lift",), "put": ("put", "several"), "sort": ("several", "put"),
    "stack": ("stack",), "push": ("push",), "slide": ("strike",), "upright": ("stand up",),
    "open": ("open",), "close": ("close",), "press": ("press",),
    "beside": tuple(verb for verb in VERBS if verb.startswith("put ")),
}  # fmt: skip
"""Skill -> the verbs of the trained reader that stand for it."""


@dataclass
class GroundingMeasurement:
    """Measure CLIP on people's sentences."""

    sentences: Path
    """A JSON file of labelled sentences, or a folder of .tsv files."""
    seeds: int = 2
    """Scenes for each sentence."""
    seed: int = 0
    """Of the scenes."""
    num_envs: int = 16
    """Scenes drawn side by side."""
    out: Path = OUT
    """File for the figures."""


def main(config: GroundingMeasurement) -> None:
    """Draw scenes, ask CLIP, print and write."""
    requests = drawable(config)
    grounder = Grounder(ClipEncoder(device="cpu"))
    rows: dict[str, list[bool]] = defaultdict(list)
    for name, right in _verbs(VerbReader(grounder.encoder), requests):
        rows[name].append(right)
    n = config.num_envs
    venv = make_vec("Tabletop", n, cameras=("image",), split="test")
    for start in range(0, len(requests), n):
        batch = requests[start : start + n]
        full = [*batch, *[batch[0]] * (n - len(batch))]
        obs, _ = venv.reset(seed=[seed for _, seed in full],
                            options={"instruction": [spoken for spoken, _ in full]})  # fmt: skip
        core = venv.unwrapped
        shown = core.renderer.segment("fixed")
        asked = [requests[(start + k + 1 + len(requests) // 2) % len(requests)][0]
                 for k in range(len(batch))]  # fmt: skip
        sight = ClipSight(grounder, core.world.pinhole("fixed"))
        for k, (spoken, _) in enumerate(batch):
            scene = _Scene(core, k, obs["image"][k], shown[k])
            for name, right in (*_found(grounder, scene, spoken), *_there(sight, scene, spoken),
                                *_not_there(sight, scene, asked[k])):  # fmt: skip
                rows[name].append(right)
        print(f"{start + len(batch)} of {len(requests)}", flush=True)
    venv.close()
    figures = load_figures(config.out)
    figures["clip"] = {
        "sentences": config.sentences.stem, "n": len(requests),
        "rates": {name: {"right": sum(row), "n": len(row), "right_95": wilson(sum(row), len(row))}
                  for name, row in sorted(rows.items())},
    }  # fmt: skip
    for name, row in sorted(rows.items()):
        print(f"{name:45} {np.mean(row):.3f} of {len(row)}")
    write_json(config.out, figures)


def drawable(config: GroundingMeasurement) -> list[tuple[Spoken, int]]:
    """English requests for which scenes can be drawn by their labels, each with its seeds."""
    found = []
    for i, spoken in enumerate(load_requests(config.sentences)):
        if spoken.meaning.lang != "en" or not _can_be(spoken):
            continue
        for k in range(config.seeds):
            seed = config.seed + i * config.seeds + k
            try:
                Episode.composed(spoken.meaning, spoken.text, np.random.default_rng(seed), 6)
            except InstructionError:
                break
            found.append((spoken, seed))
    return found


def _can_be(spoken: Spoken) -> bool:
    try:
        return not composition(spoken.meaning).absent
    except InstructionError:
        return False


@dataclass(frozen=True)
class _Scene:
    """One sub-environment and what its camera shows."""

    core: Any
    i: int
    image: NDArray[np.uint8]
    shown: NDArray[np.int8]
    """Slot of each pixel."""

    @property
    def episode(self) -> Episode:
        return self.core.episodes[self.i]

    def hit(self, uv: NDArray, slots: tuple[int, ...]) -> bool:
        """Whether an image point, u and v in [-1, 1], is at one of the objects."""
        size = len(self.shown)
        column, row = np.clip(((uv + 1) / 2 * size).astype(int), 0, size - 1)
        if self.shown[row, column] in slots:
            return True
        xy = self.core.world.pinhole("fixed").deproject(uv[None], GRASP_PLANE_M)[0, :2]
        away = np.linalg.norm(self.core.world.object_pos[self.i, list(slots), :2] - xy, axis=1)
        return bool(away.min() < NEAR_M)


def _first_clauses(spoken: Spoken) -> dict[str, str]:
    """What CLIP is asked for the first step, by wording."""
    said = (split_clauses(spoken.text)[0], heard_clauses(spoken.text)[0],
            say_step(spoken.meaning.steps[0]))  # fmt: skip
    return dict(zip(WORDINGS, said, strict=True))


def _found(grounder: Grounder, scene: _Scene, spoken: Spoken) -> list[tuple[str, bool]]:
    """Whether all things of the first step are found, by wording."""
    clauses, made = _first_clauses(spoken), composition(spoken.meaning)
    seen = grounder.ground(np.stack([scene.image] * len(clauses)), list(clauses.values()))
    points = seen.point.cpu().numpy().astype(float)
    slots = _slots(scene, made, spoken.meaning.steps[0])
    return [(f"things found: {wording}", all(scene.hit(at[k], s) for k, s in enumerate(slots)))
            for wording, at in zip(WORDINGS, points, strict=True)]  # fmt: skip


def _slots(scene: _Scene, made: Composition, step: SkillStep) -> list[tuple[int, ...]]:
    """The slots of the step's object and, if it has one, of its target."""
    things = [thing for thing in (step.object, step.target) if thing is not None]
    return [scene.episode.binding.played[made.role_of(thing)] for thing in things]


def _believed(sight: ClipSight, image: NDArray[np.uint8], text: str) -> bool:
    return bool(sight.look(image, [text])[1][0] >= PRESENCE_THRESHOLD)


def _there(sight: ClipSight, scene: _Scene, spoken: Spoken) -> list[tuple[str, bool]]:
    """Whether the object of the first step is believed to be there, by wording."""
    return [(f"present believed: {wording}", _believed(sight, scene.image, text))
            for wording, text in _first_clauses(spoken).items()]  # fmt: skip


def _not_there(sight: ClipSight, scene: _Scene, asked: Spoken) -> list[tuple[str, bool]]:
    """Whether the object of another request, if it is not there, is believed not to be there."""
    things = scene.episode.binding.seen(scene.core.world.object_pos[scene.i])
    wanted = replace(asked.meaning.steps[0].object, pick=None, ref=None)
    if resolve_thing(wanted, things):
        return []
    return [(f"absent not believed: {wording}", not _believed(sight, scene.image, text))
            for wording, text in _first_clauses(asked).items()]  # fmt: skip


def _verbs(reader: VerbReader, requests: list[tuple[Spoken, int]]) -> list[tuple[str, bool]]:
    """Whether the verb of each sentence of one step is right, by wording.

    As understood it is the one that policies take: that of the meaning, and CLIP's where there is
    none.
    """
    said = dict.fromkeys(s for s, _ in requests if len(s.meaning.steps) == 1)
    names, rows = list(VERBS), []
    for spoken in said:
        step = spoken.meaning.steps[0]
        own, label = (names[int(p.argmax())] for p in reader.read([spoken.text, say_step(step)]))
        heard = (*heard_verbs(spoken.text), own)[0]
        for wording, verb in zip(WORDINGS, (own, heard, label), strict=True):
            rows.append((f"verb: {wording}", verb in _VERBS[step.skill]))
    return rows


if __name__ == "__main__":
    main(tyro.cli(GroundingMeasurement))
