"""`SafetyTally`: sums of a safety layer's infos over episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from vla_gym.envs.listeners import Listener, StepEvent
from vla_gym.safety.monitor import COSTS, PEAKS


@dataclass
class SafetyTally(Listener):
    """Adds up costs and interventions, and keeps the highest peaks; the layer must be on."""

    steps: int = 0
    """Control steps."""
    cost: float = 0.0
    """Sum of all costs."""
    interventions: int = 0
    """Steps in which the executed action differed from the policy's."""
    costs: dict[str, float] = field(default_factory=dict)
    """Cost -> its sum."""
    peaks: dict[str, float] = field(default_factory=dict)
    """Measurement -> its highest value, in the units of `vla_gym.safety.monitor.PEAKS`."""

    def on_step(self, venv: Any, event: StepEvent) -> None:
        """Add one step of the sub-environments that the event is about."""
        self.add(event.infos, event.running)

    def add(self, infos: Mapping[str, Any], mask: NDArray) -> None:
        """Add one step.

        Args:
            infos: Of the step, before autoreset.
            mask: Sub-environments that count. Shape (n,).
        """
        self.steps += int(mask.sum())
        self.cost += float(infos["cost"][mask].sum())
        self.interventions += int(infos["safety_intervened"][mask].sum())
        for name in COSTS:
            self.costs[name] = self.costs.get(name, 0.0) + float(infos[f"cost_{name}"][mask].sum())
        for name in PEAKS:
            highest = float(infos[f"peak_{name}"][mask].max(initial=0.0))
            self.peaks[name] = max(self.peaks.get(name, 0.0), highest)
