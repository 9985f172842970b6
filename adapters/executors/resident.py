"""How much memory units hold: what /proc says of all processes, by session, as every unit is a session of its own."""

from __future__ import annotations

import os
import time
from contextlib import suppress

LOOK_S = 0.5
"""How often a unit whose memory is limited is looked at."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SESSION, _PAGES = 3, 21
"""Where a line of /proc/PID/stat has these, counted from behind the command's name (proc_pid_stat(5))."""


class ResidentMemory:
    """Looks at all processes at most twice in ``LOOK_S``, however many units ask."""

    def __init__(self) -> None:
        self._by_session: dict[int, int] = {}
        self._looked_s = -LOOK_S

    def held_bytes(self, session: int) -> int:
        """Return what the processes of a session hold together; what they share counts for each of them."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_S / 2:
            self._looked_s = now_s
            self._by_session = resident_bytes()
        return self._by_session.get(session, 0)


def resident_bytes() -> dict[int, int]:
    """Return the memory that processes hold, in bytes, by session."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # it may just have gone
            fields = stat.read().rpartition(b")")[2].split()
            session = int(fields[_SESSION])
            found[session] = found.get(session, 0) + int(fields[_PAGES]) * _PAGE_BYTES
    return found
