"""Scripted experts on privileged state, planned from a task's goal."""

from vla_gym.skills.expert import Expert

__all__ = ["Expert"]
