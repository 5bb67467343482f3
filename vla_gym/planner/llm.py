"""`LanguagePlanner`: any language model behind an OpenAI-compatible server."""

from __future__ import annotations

from vla_gym.errors import UnknownNameError
from vla_gym.planner.check import Embodiment
from vla_gym.planner.client import ChatClient
from vla_gym.planner.plan import schema
from vla_gym.planner.prompts import PROMPTING, messages
from vla_gym.planner.requests import Reply, Request


class LanguagePlanner:
    """Asks a model for a plan, within the schema of the scene.

    Args:
        client: The model.
        prompting: One of `vla_gym.planner.prompts.PROMPTING`.
        picture: Whether the model sees the camera's picture.
        body: What the arm can do, as the prompt says.
        tries: How often it may be asked about one request.
    """

    def __init__(
        self, client: ChatClient, prompting: str = "zero-shot", picture: bool = False,
        body: Embodiment | None = None, tries: int = 3,
    ) -> None:  # fmt: skip
        if prompting not in PROMPTING:
            raise UnknownNameError("way of prompting", prompting, PROMPTING)
        self.client, self.prompting, self.picture = client, prompting, picture
        self.body, self.tries = body or Embodiment(), tries
        self.thought = prompting == "step-by-step"
        self.name = f"{client.settings.model} {prompting}{' with picture' if picture else ''}"

    def plan(self, request: Request) -> Reply:
        """Ask.

        Raises:
            PlannerUnavailableError: If the server gives no answer.
        """
        talk = messages(request, self.body, self.prompting, self.picture)
        answer = self.client.ask(talk, schema(request.scene.names, self.thought))
        return Reply(
            answer.text, answer.seconds, answer.prompt_tokens, answer.completion_tokens,
            answer.cost_usd, answer.cached, {"retries": float(answer.retries)},
        )  # fmt: skip
