"""Measures a finished training run on test seeds: docs/results/learning/NAME.json and .csv.

python scripts/measure_learning.py runs/<run> NAME [--full] [--episodes 500] [--axis-episodes 200]

--full adds every generalisation axis, swapped instructions, and the policy without instruction or
image. Existing figures are kept; delete the file to measure again. Instead of a run, "random" and
"expert" are accepted, and with --env a run or a shipped policy on another environment.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from vla_gym.agents.learning.config import TrainConfig, read_config
from vla_gym.agents.policies.blueprint import PolicyBlueprint, load_policy, make_encoder
from vla_gym.agents.policies.checkpoint_folder import read_head, read_meta, read_spec, resolve
from vla_gym.agents.policies.heads import count_parameters
from vla_gym.agents.policies.registry import BASELINES
from vla_gym.envs.novelty import AXES
from vla_gym.evaluation.protocol import evaluate
from vla_gym.evaluation.records import EvalResult
from vla_gym.io import replace_text, write_json

FOLDER = Path(__file__).parents[1] / "docs" / "results" / "learning"
CURVES = {
    "step": "step",
    "time_s": "time_s",
    "validation/success": "validation/success",
    "rollout/success_rate": "rollout/success_rate",
    "curricula/reverse": "teachers/curriculum",
}
"""Metrics of a run that are kept, and their column."""
SAME = ("env", "agent", "action_kind", "seed", "demos", "init", "features", "blind", "encoder",
        "curriculum", "num_envs")  # fmt: skip
OPTIONS = {
    **{name: name for name in SAME},
    "failure_replay": "practice",
    "self_imitation": "rehearsed",
}
"""Options of a run that are kept, and their key."""


def questions(run: Path, full: bool) -> dict[str, dict[str, Any]]:
    """Name -> arguments of `evaluate`."""
    asked: dict[str, dict[str, Any]] = {"none": {}}
    if (run / "imitation").is_dir():
        asked["imitation only"] = {"policy": run / "imitation"}
    if full:
        asked |= {axis: {"env_kwargs": {"novelty": (axis,)}} for axis in AXES}
        asked["swapped"] = {"swap": True}
        asked |= {f"blind to {part}": {"blind": part} for part in ("instruction", "image")}
    return asked


def figures(result: EvalResult) -> dict[str, Any]:
    """What is kept of an evaluation."""
    records = result.records
    failed = [r for r in records if not r.success]
    stages = ["nothing", *result.stages]
    return {
        "n": result.n,
        "success": result.successes,
        "at_end": sum(r.success_at_end for r in records),
        "wrong_object": sum(r.wrong_object for r in records),
        "failed_after": Counter(stages[r.stage] if result.stages else "?" for r in failed),
        "failed_seeds": [r.seed for r in failed][:40],
        **({"by_task": result.by_task} if result.by_task else {}),
    }


def head_parameters(path: Path | str) -> int:
    """Number of trained parameters of a policy's head."""
    return count_parameters(PolicyBlueprint(read_head(path), read_spec(path)).network().head)


def measure(run: Path, name: str, full: bool, episodes: int, axis_episodes: int) -> None:
    """Ask one run everything that has not been asked yet, saving after each answer."""
    path = FOLDER / f"{name}.json"
    config = read_config(run / "best")
    last = read_meta(resolve(run, "latest"))
    entry = {
        "run": {key: getattr(config, name) for name, key in OPTIONS.items()},
        "head_parameters": head_parameters(run / "best"),
        "minutes": round(last["elapsed_s"] / 60, 1),
        "steps": last["steps"],
    }
    known = json.loads(path.read_text(encoding="utf-8"))["measured"] if path.is_file() else {}
    encoder = make_encoder(read_head(run / "best"))
    for question, how in questions(run, full).items():
        if question in known:
            continue
        n = episodes if question in ("none", "imitation only") else axis_episodes
        policy, blind = how.pop("policy", run / "best"), how.pop("blind", None)
        kwargs = {"cameras": read_spec(run / "best").cameras, **how.pop("env_kwargs", {})}

        def load(venv: Any, policy: Path = policy, blind: str | None = blind) -> Any:
            return load_policy(policy, venv, blind=blind, encoder=encoder)

        result = evaluate(
            config.env, load, n, "test", num_envs=25, env_kwargs=kwargs, name=name, **how
        )
        known[question] = figures(result)
        write_json(path, {**entry, "measured": known})
        print(f"{name}, {question}: {result}", flush=True)


def measure_as_it_is(policy: str, name: str, episodes: int, env: str) -> None:
    """Measure a policy that learns nothing for it."""
    result = evaluate(env, policy, episodes, "test", num_envs=25, name=name)
    entry: dict[str, Any] = {
        "run": {"env": env, "demos": 0},
        "head_parameters": 0,
        "minutes": 0,
        "steps": 0,
    }
    if policy not in BASELINES:
        entry["run"]["init"], entry["head_parameters"] = policy, head_parameters(policy)
    write_json(FOLDER / f"{name}.json", {**entry, "measured": {"none": figures(result)}})
    print(f"{name}: {result}", flush=True)


def keep_curve(run: Path, name: str) -> None:
    """Copy the points of a run's learning curves."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    file = io.StringIO()
    table = csv.DictWriter(file, CURVES.values(), lineterminator="\n")
    table.writeheader()
    for point in map(json.loads, lines):
        if point.keys() & set(CURVES) - {"step", "time_s"}:
            table.writerow({CURVES[k]: round(v, 5) for k, v in point.items() if k in CURVES})
    replace_text(FOLDER / f"{name}.csv", file.getvalue())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--axis-episodes", type=int, default=200)
    parser.add_argument("--env")
    args = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if str(args.run) in BASELINES or args.env:
        env = args.env or TrainConfig().env
        measure_as_it_is(str(args.run), args.name, args.episodes, env)
        raise SystemExit
    keep_curve(args.run, args.name)
    measure(args.run, args.name, args.full, args.episodes, args.axis_episodes)
