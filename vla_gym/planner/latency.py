"""`Latency`: durations of the control loop and the planner, as percentiles and histograms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

EDGES_MS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
"""Edges of the bins [ms]."""


@dataclass
class Latency:
    """Durations of one loop or of a part of it."""

    name: str
    seconds: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Add one duration [s]."""
        self.seconds.append(seconds)

    def summary(self) -> dict[str, float]:
        """Count, and median, 90th, 99th percentile and maximum in milliseconds."""
        if not self.seconds:
            return {"n": 0}
        ms = 1e3 * np.array(self.seconds)
        p50, p90, p99 = np.percentile(ms, [50, 90, 99])
        return {"n": len(ms), "p50_ms": round(float(p50), 3), "p90_ms": round(float(p90), 3),
                "p99_ms": round(float(p99), 3), "max_ms": round(float(ms.max()), 3)}  # fmt: skip

    def histogram(self) -> list[tuple[str, int]]:
        """Counts between the edges."""
        ms = 1e3 * np.array(self.seconds)
        counts, _ = np.histogram(ms, (0.0, *EDGES_MS, np.inf))
        labels = [f"< {EDGES_MS[0]:g} ms", *(f"< {e:g} ms" for e in EDGES_MS[1:]),
                  f">= {EDGES_MS[-1]:g} ms"]  # fmt: skip
        return [(label, int(c)) for label, c in zip(labels, counts, strict=True)]

    def __str__(self) -> str:
        """A bar for each non-empty bin."""
        rows = self.histogram()
        most = max((c for _, c in rows), default=0) or 1
        bars = [f"  {label:>11} {'#' * max(1, round(40 * c / most))} {c}" for label, c in rows if c]
        s = self.summary()
        head = f"{self.name}: n={s['n']}"
        if self.seconds:
            head += f", median {s['p50_ms']:.3g} ms, p99 {s['p99_ms']:.3g} ms"
        return "\n".join([head, *bars])
