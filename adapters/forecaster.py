"""``python -m meted.adapters.forecaster``: makes one forecast in a process of its own, so that a server need not.

It reads (policy, time, horizon, snapshot) from the standard input and writes the packed forecast to the standard
output; exit code 1 and nothing on it mean that there was not enough memory. It limits itself: a server that dies leaves
nothing that goes on for long.
"""

from __future__ import annotations

import os
import resource
import sys

import msgpack

from meted.core.forecast import forecast
from meted.core.snapshots import decode_snapshot

from .forecasts import pack_forecast
from .live_policies import live_policy

FORECAST_CPU_S_MAX = 30
"""Seconds of cpu time after which the kernel ends the process."""

FORECAST_MEM_BYTES_MAX = 2 * 2**30
"""Memory that the process may have."""

NICENESS = 10
"""It gives way to whatever else runs."""


def pack_request(policy: str, at_us: int, horizon_us: int, snapshot: bytes) -> bytes:
    """Return what this process is to be given."""
    packed: bytes = msgpack.packb((policy, at_us, horizon_us, snapshot))
    return packed


def main() -> int:
    """Make the forecast that is asked for, and return the exit code."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (FORECAST_CPU_S_MAX, FORECAST_CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (FORECAST_MEM_BYTES_MAX, FORECAST_MEM_BYTES_MAX))
    try:
        body = sys.stdin.buffer.read()
        policy, at_us, horizon_us, snapshot = msgpack.unpackb(body, max_bin_len=len(body), use_list=False)
        chosen = live_policy(policy)
        start, memory = decode_snapshot(snapshot, chosen)
        found = forecast(start, chosen, at_us, horizon_us, memory=memory)
        sys.stdout.buffer.write(pack_forecast(found))
    except MemoryError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
