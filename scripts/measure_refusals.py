"""Counts rightly and wrongly refused instructions; writes planning/refusals.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from vla_gym.envs.registration import make_vec
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.evaluation.records import rate
from vla_gym.io import write_json
from vla_gym.planner.decide import Decider
from vla_gym.planner.grammar import GrammarPlanner
from vla_gym.planner.requests import PlanRequest
from vla_gym.planner.scene import scene_of
from vla_gym.planner.sight import ClipSight, spoken_scene
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder

FILE = Path(__file__).parents[1] / "docs" / "results" / "planning" / "refusals.json"
NAMES = [name for name in (*TASKS, *MIXTURES) if name != "Tabletop"]


@dataclass
class RefusalConfig:
    """Refusals by the grammar planner, the checks and CLIP, on every task."""

    episodes: int = 200
    """Instructions per task."""
    split: str = "test"


def main(config: RefusalConfig) -> None:
    """Count and write, task by task."""
    rows: list[dict[str, Any]] = []
    grounder = Grounder(ClipEncoder(device="cpu"))
    for name in NAMES:
        n = config.episodes
        venv = make_vec(f"VLA{name}-v0", n, split=config.split, cameras=("image",))
        obs, _ = venv.reset(seed=0)
        core = venv.unwrapped
        sight = ClipSight(grounder, core.world.pinhole("fixed"))
        detected = spoken_scene(sight)
        for see in ("list", "both", "clip"):
            decider = Decider(
                GrammarPlanner(), sight=sight.confidence if see == "both" else None, remember=0
            )
            refused = 0
            for i in range(n):
                text = core.instructions[i]
                scene = detected(core, i, text) if see == "clip" else scene_of(core, i)
                decision = decider.decide(PlanRequest(text, scene, np.array(obs["image"][i])))
                refused += not decision.plan.feasible
            rows.append({"task": name, "sees": see, "n": n, "refused": rate(refused, n)})
            print(name, see, refused, "of", n, flush=True)
        venv.close()
        write_json(FILE, {"split": config.split, "rows": rows})


if __name__ == "__main__":
    main(tyro.cli(RefusalConfig))
