"""How much memory units hold: what /proc says of all processes, by session, as every unit is a session of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

LOOK_S = 0.5
"""How often a unit whose memory is limited is looked at."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SESSION, _PAGES = 3, 21
"""Where a line of /proc/PID/stat has these, counted from behind the command's name (proc_pid_stat(5))."""

_TURNS_MAX = 10
"""A session is looked through so often for what was forked while it was being ended."""


class ResidentMemory:
    """Looks at all processes at most twice in ``LOOK_S``, however many units ask."""

    def __init__(self) -> None:
        self._by_session: dict[int, int] = {}
        self._looked_s = -LOOK_S

    def held_bytes(self, session: int) -> int:
        """Return what the processes of a session hold together; what they share counts for each of them.

        Where that cannot be told just now, as when this process has no descriptor left, it is 0.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_S / 2:
            self._looked_s = now_s
            self._by_session = resident_bytes()
        return self._by_session.get(session, 0)


def resident_bytes() -> dict[int, int]:
    """Return the memory that processes hold, in bytes, by session."""
    found: dict[int, int] = {}
    for _, session, held_bytes in _processes():
        found[session] = found.get(session, 0) + held_bytes
    return found


def end_session(session: int) -> None:
    """Kill all processes of a session, also those that went into a group of their own, as under timeout(1)."""
    killed: set[int] = set()
    for _ in range(_TURNS_MAX):
        left = {pid for pid, its_session, _ in _processes() if its_session == session} - killed
        if not left:
            return
        for pid in left:
            with suppress(OSError):  # it has gone, or belongs to another user
                _kill(pid, session)
        killed |= left


def _kill(pid: int, session: int) -> None:
    pidfd = os.pidfd_open(pid)
    try:
        if os.getsid(pid) == session:  # else it has gone, and its id was given to another process before this
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yield (process, session, bytes that it holds) of all processes that can be looked at."""
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir("/proc")
    for name in filter(str.isdigit, names):
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:  # it has just gone
            continue
        yield int(name), int(fields[_SESSION]), int(fields[_PAGES]) * _PAGE_BYTES
