"""Logging of training runs: to files in the run folder, and to Weights & Biases."""

from vla_gym.tracking.report import write_report
from vla_gym.tracking.run_logger import RunLogger

__all__ = ["RunLogger", "write_report"]
