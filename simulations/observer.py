"""What is told of a run while it goes on, in the order of time."""

from __future__ import annotations

from typing import Protocol

from .traces.job import TraceJob


class Observer(Protocol):
    """Something that watches a run: figures, series for plots, checks. It never changes anything."""

    def submitted(self, job: TraceJob) -> None:
        """A job was submitted, at its submit time."""

    def started(self, job: TraceJob, at_us: int) -> None:
        """A job started."""

    def ended(self, job: TraceJob, at_us: int) -> None:
        """A job ended."""
