"""The safety layer: limits as data, a filter between action and robot, costs, stop, approval."""

from vla_gym.safety.approval import Approval, Request, ask_keyboard
from vla_gym.safety.limits import MODES, Box, Limits, SafetyConfig, Sphere
from vla_gym.safety.wrapper import SafetyWrapper, VectorSafetyWrapper, protect

__all__ = [
    "MODES", "Approval", "Box", "Limits", "Request", "SafetyConfig", "SafetyWrapper", "Sphere",
    "VectorSafetyWrapper", "ask_keyboard", "protect",
]  # fmt: skip
