"""What a language model is told: skills, the arm's limits, what is there, examples, failures."""

from __future__ import annotations

import base64
import functools
import io
from typing import Any

from PIL import Image

from vla_gym.language.relations import RELATIONS
from vla_gym.planner.check import Embodiment
from vla_gym.planner.plan import SKILLS, Plan
from vla_gym.planner.requests import Request
from vla_gym.planner.scene import Scene, scene_of

PROMPTING = ("zero-shot", "few-shot", "step-by-step")
"""Without examples; with examples; with examples and a thought before each plan."""
_EXAMPLES = (("Stack", 0), ("Sequence", 1), ("Infeasible", 2), ("Avoid", 3))
"""Tasks and training seeds that examples are drawn from."""


def system(body: Embodiment, thought: bool) -> str:
    """What holds for every request.

    Args:
        body: What the arm can do.
        thought: Whether a thought is to come first.
    """
    skills = "\n".join(f"- {name}: {what}" for name, what in SKILLS.items())
    first = '"thought" (think step by step, in one or two sentences), ' if thought else ""
    return (
        "You plan for a robot arm at a table. Answer with one JSON object: "
        f'{first}"feasible" (true or false), "reason" (why it is not feasible, or empty), "avoid" '
        '(things that must not be touched), "steps" (skills in order). If something that is asked '
        "for is not on the table or cannot be done, answer feasible false and no steps. Name "
        "things exactly as they are listed.\n"
        f"Skills:\n{skills}\n"
        'Each step has "skill" and "object"; move, push and slide also have "target"; place also '
        f'has "relation" (one of {", ".join(RELATIONS)}) and "target". Grasp before lift, move and '
        "place, and release at the end of placing.\n"
        f"{body.told()} Sides are as the camera sees them: left is -y, front is +x."
    )


def question(request: Request) -> str:
    """A scene and what is asked in it."""
    return f"{described(request.scene)}\nInstruction: {request.instruction}" + (
        f"\nThe last plan failed: {request.failure}" if request.failure else ""
    )


def described(scene: Scene) -> str:
    """The list of things."""
    rows = [
        f"- {t.name}: {t.size} {t.kind} at x={t.pos[0]:.2f}, y={t.pos[1]:.2f}, z={t.pos[2]:.2f} m, "
        f"{2 * min(t.half_extents[:2]):.3f} m wide"
        for t in scene.things
    ]
    holds = f"the {scene.held}" if scene.held else "nothing"
    return "On the table:\n" + "\n".join(rows) + f"\nThe hand holds {holds}."


def messages(
    request: Request, body: Embodiment, prompting: str, picture: bool
) -> list[dict[str, Any]]:
    """The conversation that asks for a plan.

    Args:
        request: What is asked.
        body: What the arm can do.
        prompting: One of `PROMPTING`.
        picture: Whether the picture goes along.
    """
    thought = prompting == "step-by-step"
    out: list[dict[str, Any]] = [{"role": "system", "content": system(body, thought)}]
    if prompting == "few-shot":
        for scene, instruction, plan in examples():
            asked = question(Request(instruction, scene))
            out += [_said("user", asked), _said("assistant", plan.to_json())]
    content: Any = question(request)
    if picture and request.image is not None:
        url = data_url(request.image)
        content = [
            {"type": "text", "text": content},
            {"type": "image_url", "image_url": {"url": url}},
        ]
    out.append({"role": "user", "content": content})
    for reply, why in request.rejected:
        out.append(_said("assistant", reply[:2_000]))
        out.append(_said("user", f"That cannot be used: {why} Answer with a better plan."))
    return out


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def data_url(image: Any) -> str:
    """A picture as a PNG in a URL. Shape (H, W, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@functools.lru_cache(maxsize=1)
def examples() -> tuple[tuple[Scene, str, Plan], ...]:
    """Training scenes, their sentences, and the plans that the grammar makes of them."""
    from vla_gym.envs.tasks import MIXTURES, TASKS
    from vla_gym.envs.vector import TabletopVectorEnv
    from vla_gym.planner.grammar import GrammarPlanner
    from vla_gym.planner.plan import parse_plan

    out, planner = [], GrammarPlanner()
    for name, seed in _EXAMPLES:
        task = MIXTURES[name] if name in MIXTURES else TASKS[name]
        venv = TabletopVectorEnv(task, 1, cameras=(), n_threads=1)
        venv.reset(seed=seed)
        scene, sentence = scene_of(venv, 0), venv.instructions[0]
        text = planner.plan(Request(sentence, scene)).text
        out.append((scene, sentence, parse_plan(text, scene.names)))
        venv.close()
    return tuple(out)
