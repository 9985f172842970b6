"""What a server has measured of itself since it started: how long its turns take, and how much it does."""

from __future__ import annotations

import resource
from collections import deque
from collections.abc import Iterable, Mapping

KEPT = 10_000
"""Times of the newest passes and appends that are kept."""


class Stats:
    """Counts and times. Times are seconds inside and microseconds outside.

    Attributes:
        batches, calls, failures: Batches that became durable, calls decided, appends that failed.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.calls = 0
        self.failures = 0
        self._passes_s: deque[float] = deque(maxlen=KEPT)
        self._appends_s: deque[float] = deque(maxlen=KEPT)

    def passed(self, took_s: float) -> None:
        """A pass of the policy took so long; all that waits for the engine waited as long."""
        self._passes_s.append(took_s)

    def appended(self, took_s: float) -> None:
        """A batch became durable in so long."""
        self.batches += 1
        self._appends_s.append(took_s)

    def plain(self) -> dict[str, object]:
        """Return all of it as a map of integers."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "batches": self.batches,
            "calls": self.calls,
            "failures": self.failures,
            "pass_us": _spread(self._passes_s),
            "append_us": _spread(self._appends_s),
            "cpu_us": int((usage.ru_utime + usage.ru_stime) * 1e6),
            "rss_bytes": _rss_bytes(),
        }


def _spread(times_s: Iterable[float]) -> Mapping[str, int]:
    ordered = sorted(times_s)
    if not ordered:
        return {"p50": 0, "p99": 0, "max": 0}
    at = (len(ordered) // 2, len(ordered) * 99 // 100, len(ordered) - 1)
    p50, p99, most = (int(ordered[index] * 1e6) for index in at)
    return {"p50": p50, "p99": p99, "max": most}


def _rss_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:  # not on Linux: the most it ever was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
