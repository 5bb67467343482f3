"""Evaluation of policies: a fixed protocol, confidence intervals, videos."""

from vla_gym.evaluation.protocol import EpisodeRecord, EvalResult, Policy, evaluate
from vla_gym.evaluation.statistics import Interval, wilson

__all__ = ["EpisodeRecord", "EvalResult", "Interval", "Policy", "evaluate", "wilson"]
