"""The approval hook and the emergency stop.

python examples/stop_and_approve.py            answers by itself
python examples/stop_and_approve.py --ask      asks you on the keyboard
"""

import sys

import numpy as np

import vla_gym
from vla_gym.cli.plan import fragile
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.planner.decide import Decider
from vla_gym.planner.drivers import SkillDriver
from vla_gym.planner.executor import HierarchicalPolicy
from vla_gym.planner.grammar import GrammarPlanner
from vla_gym.safety import ask_keyboard

replies = iter([True, False])


def answer(request):
    """Yes to the first question, no to all others."""
    yes = next(replies, False)
    print(f"  asked: {request.what} ({'; '.join(request.reasons)}) -> {'yes' if yes else 'no'}")
    return yes


venv = vla_gym.make_vec("VLAPickPlace-v0", num_envs=1, cameras=(), safety="clip")
policy = HierarchicalPolicy(
    venv, Decider(GrammarPlanner()), SkillDriver(venv), flag=fragile,
    approval=ask_keyboard if "--ask" in sys.argv else answer,
)  # fmt: skip
print("approval: fragile objects are touched only if a person agrees")
for seed in range(4):
    (record,) = run_episodes(venv, policy, seed, 1)
    report = policy.reports[0]
    print(f"  {record.instruction}: {report.state}, touched {report.touched}, "
          f"goal reached {record.success}")  # fmt: skip
policy.close()

print("emergency stop: at full speed, then stopped, then released")
core = venv.unwrapped
venv.reset(seed=0)
action = np.array([[0.0, 0.8, 0.0, 0.0, 0.0, 0.0, 1.0]], np.float32)
for step in range(9):
    if step == 3:
        core.guard.stop()
    if step == 6:
        core.guard.release()
    _, _, _, _, info = venv.step(action)
    speed = float(np.linalg.norm(core.world.tcp_linvel))
    stopped = bool(info["cost_emergency_stop"][0])
    print(f"  step {step}: gripper at {speed:.3f} m/s, stopped {stopped}")
venv.close()
