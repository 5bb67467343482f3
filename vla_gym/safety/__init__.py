"""The safety layer: limits as data, a filter for executed motion, costs, stop, approval."""

from vla_gym.safety.approval import Approval, ApprovalRequest, ask_keyboard
from vla_gym.safety.limits import SAFETY_MODES, Box, Limits, SafetyConfig, Sphere
from vla_gym.safety.wrapper import SafetyWrapper, VectorSafetyWrapper, protect

__all__ = [
    "SAFETY_MODES", "Approval", "ApprovalRequest", "Box", "Limits", "SafetyConfig",
    "SafetyWrapper", "Sphere", "VectorSafetyWrapper", "ask_keyboard", "protect",
]  # fmt: skip
