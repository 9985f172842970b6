"""The work of the demo: commands that hash real files, in arrays, for three domains."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from meted.core.record import record

SHARES: Final = {"bronze": 1, "silver": 2, "gold": 5}
"""The demo's domains and their shares."""

ARRAYS: Final = 2
"""Arrays that a domain submits for each of its shares: so all have work waiting until nearly the end."""

TRIALS: Final = 5
"""Commands that are timed beforehand, as an estimate of how long one takes."""

WORKER_CPUS_MAX: Final = 8
"""Cpus that a worker of the demo offers, at most."""

HASH_A_FILE: Final = """\
import hashlib, sys
with open(sys.argv[1], "rb") as file:
    sys.stdout.write(hashlib.file_digest(file, "sha256").hexdigest())
"""
"""The program of every command; it is told the file."""


class DemoError(Exception):
    """The demo cannot go on; ``str(error)`` is one sentence that says what to do."""


@record
class Array:
    """One array: whose it is, and the file of each of its units."""

    domain: str
    name: str
    files: tuple[str, ...]

    def command(self) -> tuple[str, ...]:
        """Return what every unit runs; ``{line}`` stands for its file."""
        return (sys.executable, "-I", "-S", "-c", HASH_A_FILE, "{line}")

    def expected(self) -> list[bytes]:
        """Return what every unit should print, computed in this process."""
        return [hashlib.sha256(Path(file).read_bytes()).hexdigest().encode() for file in self.files]


def make_arrays(units: int) -> list[Array]:
    """Return all arrays of so many units each; every unit has a file of its own, until the library is used up.

    Raises:
        DemoError: The interpreter has no library in files.
    """
    found = [str(path) for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")) if _is_plain(path)]
    if not found:
        raise DemoError("Python's own library is not there as files, so there is nothing to hash; use another Python.")
    files = cycle(found)
    return [
        Array(domain, f"{domain}-{number}", tuple(islice(files, units)))
        for domain, share in SHARES.items()
        for number in range(1, ARRAYS * share + 1)
    ]


def estimate_us(array: Array) -> int:
    """Return how long one command takes, in microseconds: the middle one of a few that are tried here.

    Raises:
        DemoError: It does not work here.
    """
    command = [*array.command()[:-1], array.files[0]]
    took_us = []
    for _ in range(TRIALS):
        began_ns = time.perf_counter_ns()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        took_us.append((time.perf_counter_ns() - began_ns) // 1000)
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-500:].strip()
            raise DemoError(f"The command of the demo does not work here; it said: {said}")
    return sorted(took_us)[TRIALS // 2]


def worker_cpus(workers: int) -> int:
    """Return the cpus that each of so many workers offers on this machine: at least one, at most the limit."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable // workers, WORKER_CPUS_MAX))


def _is_plain(path: Path) -> bool:
    """Whether a path can be a line of text, and the file can be read."""
    return str(path).isprintable() and os.access(path, os.R_OK)
