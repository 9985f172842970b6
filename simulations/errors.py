"""What a simulation tells its user when it cannot go on."""

from __future__ import annotations


class SimulationError(Exception):
    """A simulation that cannot be done as asked; ``str(error)`` is one English sentence that says what to do."""


class TraceError(SimulationError):
    """A trace or an outcome that cannot be used."""
