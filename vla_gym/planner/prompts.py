"""Prompts for language models: steps, limits of the arm, scene, examples, earlier failures."""

from __future__ import annotations

import base64
import functools
import io
from typing import Any

from PIL import Image

from vla_gym.language.relations import RELATIONS
from vla_gym.planner.check import Embodiment
from vla_gym.planner.plan import Plan, parse_plan, step_names
from vla_gym.planner.requests import PlanRequest
from vla_gym.planner.scene import Scene, scene_of
from vla_gym.skills import step_kinds

PROMPTING = ("zero-shot", "few-shot", "step-by-step")
"""Without examples; with examples; without examples, but with a thought before the plan."""
_EXAMPLES = (("Stack", 0), ("Sequence", 1), ("Infeasible", 2), ("Avoid", 3))
"""Tasks and training seeds of the examples."""


def system(body: Embodiment, thought: bool) -> str:
    """The system prompt, the same for every request.

    Args:
        body: What the arm can do.
        thought: Whether the model is to think first.
    """
    kinds = "\n".join(f"- {kind.name}: {kind.description}" for kind in step_kinds())
    paired, related = _listed(step_names("target")), _listed(step_names("relation"))
    first = '"thought" (think step by step, in one or two sentences), ' if thought else ""
    return (
        "You plan for a robot arm at a table. Answer with one JSON object: "
        f'{first}"feasible" (true or false), "reason" (why it is not feasible, or empty), "avoid" '
        '(things that must not be touched), "steps" (skills in order). If something that is asked '
        "for is not on the table or cannot be done, answer feasible false and no steps. Name "
        "things exactly as they are listed.\n"
        f"Skills:\n{kinds}\n"
        f'Each step has "skill" and "object"; {paired} also have "target"; {related} also '
        f'has "relation" (one of {", ".join(RELATIONS)}) and "target". Grasp before lift, move and '
        "place, and release at the end of placing.\n"
        f"{body.describe()} Sides are as the camera sees them: left is -y, front is +x."
    )


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def question(request: PlanRequest) -> str:
    """The prompt of one request: scene, instruction, what failed before."""
    return f"{describe_scene(request.scene)}\nInstruction: {request.instruction}" + (
        f"\nThe last plan failed: {request.failure}" if request.failure else ""
    )


def describe_scene(scene: Scene) -> str:
    """The scene as text."""
    rows = [
        f"- {t.name}: {t.size} {t.kind} at x={t.pos[0]:.2f}, y={t.pos[1]:.2f}, z={t.pos[2]:.2f} m, "
        f"{2 * min(t.half_extents[:2]):.3f} m wide"
        for t in scene.objects
    ]
    holds = f"the {scene.held}" if scene.held else "nothing"
    return "On the table:\n" + "\n".join(rows) + f"\nThe hand holds {holds}."


def messages(
    request: PlanRequest, body: Embodiment, prompting: str, with_image: bool
) -> list[dict[str, Any]]:
    """The conversation that asks for a plan.

    Args:
        request: What is asked.
        body: What the arm can do.
        prompting: One of `PROMPTING`.
        with_image: Whether the image is sent.
    """
    thought = prompting == "step-by-step"
    out: list[dict[str, Any]] = [{"role": "system", "content": system(body, thought)}]
    if prompting == "few-shot":
        for scene, instruction, plan in examples():
            asked = question(PlanRequest(instruction, scene))
            out += [_message("user", asked), _message("assistant", plan.to_json())]
    content: Any = question(request)
    if with_image and request.image is not None:
        url = data_url(request.image)
        content = [
            {"type": "text", "text": content},
            {"type": "image_url", "image_url": {"url": url}},
        ]
    out.append({"role": "user", "content": content})
    for reply, why in request.rejected:
        out.append(_message("assistant", reply[:2_000]))
        out.append(_message("user", f"That cannot be used: {why} Answer with a better plan."))
    return out


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def data_url(image: Any) -> str:
    """An image as a PNG in a URL. Shape (H, W, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@functools.lru_cache(maxsize=1)
def examples() -> tuple[tuple[Scene, str, Plan], ...]:
    """Training scenes, their instructions, and the grammar planner's plans for them."""
    from vla_gym.envs.tasks import MIXTURES, TASKS
    from vla_gym.envs.vector import TabletopVectorEnv
    from vla_gym.planner.grammar import GrammarPlanner

    out, planner = [], GrammarPlanner()
    for name, seed in _EXAMPLES:
        task = MIXTURES[name] if name in MIXTURES else TASKS[name]
        venv = TabletopVectorEnv(task, 1, cameras=(), n_threads=1)
        venv.reset(seed=seed)
        scene, instruction = scene_of(venv, 0), venv.instructions[0]
        text = planner.plan(PlanRequest(instruction, scene)).text
        out.append((scene, instruction, parse_plan(text, scene.names)))
        venv.close()
    return tuple(out)
