"""What a processor of a trace is in the core, and how many there may be."""

from __future__ import annotations

from typing import Final

from meted.core.limits import CPU_MILLI_MAX

PROC_MILLI: Final = 1000
"""One processor of a trace is this many thousandths of a cpu."""

PROCS_MAX: Final = CPU_MILLI_MAX // PROC_MILLI
"""Processors of the largest machine that can be simulated."""
