"""Keeping track of a run: files in its folder first, Weights & Biases beside them."""

from vla_gym.tracking.report import write_report
from vla_gym.tracking.run_logger import RunLogger

__all__ = ["RunLogger", "write_report"]
