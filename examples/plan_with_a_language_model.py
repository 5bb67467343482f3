"""A language model plans, expert skills act, the safety layer limits them; any OpenAI-like server.

python examples/plan_with_a_language_model.py qwen2.5:7b http://localhost:11434/v1
"""

import os
import sys

import vla_gym
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.planner.client import ChatClient, ChatSettings
from vla_gym.planner.decide import Decider
from vla_gym.planner.drivers import SkillDriver
from vla_gym.planner.executor import HierarchicalPolicy
from vla_gym.planner.llm import LanguagePlanner

model, url = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
client = ChatClient(ChatSettings(model, url, os.environ.get("OPENAI_API_KEY")))
venv = vla_gym.make_vec("VLASequence-v0", num_envs=2, cameras=(), safety="clip")
policy = HierarchicalPolicy(venv, Decider(LanguagePlanner(client, "few-shot")), SkillDriver(venv))
for record, report in zip(run_episodes(venv, policy, 0, 2), policy.reports, strict=True):
    print(record.instruction, "->", "reached" if record.success else report.state)
    print(report.decisions[0].plan)
    print("\n".join(f"    {event}" for event in report.events))
print(client.account)
policy.close()
venv.close()
