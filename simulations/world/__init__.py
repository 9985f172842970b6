"""The whole system in one thread: server, workers, clients, network and disk under one seed (docs/world.md)."""

from __future__ import annotations

from .options import FAULTS, Options, draw
from .world import Outcome, run_world

__all__ = ["FAULTS", "Options", "Outcome", "draw", "run_world"]
