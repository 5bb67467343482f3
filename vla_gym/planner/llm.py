"""`LanguagePlanner`: plans by a language model behind an OpenAI-compatible server."""

from __future__ import annotations

from vla_gym.errors import UnknownNameError
from vla_gym.planner.check import Embodiment
from vla_gym.planner.client import ChatClient
from vla_gym.planner.plan import schema
from vla_gym.planner.prompts import PROMPTING, messages
from vla_gym.planner.requests import PlanRequest, Reply


class LanguagePlanner:
    """Asks a model for a plan that keeps to the schema of the scene.

    Args:
        client: The model.
        prompting: One of `vla_gym.planner.prompts.PROMPTING`.
        with_image: Whether the camera's image is sent along.
        body: What the arm can do, for the prompt.
        tries: How often it may be asked about one request.
    """

    def __init__(
        self, client: ChatClient, prompting: str = "zero-shot", with_image: bool = False,
        body: Embodiment | None = None, tries: int = 3,
    ) -> None:  # fmt: skip
        if prompting not in PROMPTING:
            raise UnknownNameError("prompting", prompting, PROMPTING)
        self.client, self.prompting, self.with_image = client, prompting, with_image
        self.body, self.tries = body or Embodiment(), tries
        self.thought = prompting == "step-by-step"
        self.name = f"{client.settings.model} {prompting}{' with image' if with_image else ''}"

    def plan(self, request: PlanRequest) -> Reply:
        """Ask the model.

        Raises:
            PlannerUnavailableError: If the server gives no answer.
        """
        conversation = messages(request, self.body, self.prompting, self.with_image)
        answer = self.client.ask(conversation, schema(request.scene.names, self.thought))
        return Reply(
            answer.text, answer.seconds, answer.prompt_tokens, answer.completion_tokens,
            answer.cost_usd, answer.cached, {"retries": float(answer.retries)},
        )  # fmt: skip
