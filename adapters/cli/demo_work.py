"""The work of the demo: hash real files in real child processes, for three domains, with a restart in the middle."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from meted.core.record import record
from meted.core.resources import Resources
from meted.core.spec import Spec

from ..embedded import Done, LeasedUnits, Pool
from ..log import SQLiteLog

SHARES = {"bronze": 1, "silver": 2, "gold": 5}
"""The demo's domains and their shares."""

SLOTS_MAX = 16
"""Child processes at a time, at most."""

TRIALS = 5
"""Child processes that are timed beforehand, as an estimate of how long one takes."""

HASH_A_FILE = """\
import hashlib, sys
with open(sys.argv[1], encoding="utf-8") as paths:
    path = paths.read().split("\\0")[int(sys.argv[2])]
with open(path, "rb") as file:
    sys.stdout.write(hashlib.file_digest(file, "sha256").hexdigest())
"""

Progress = Callable[[dict[str, int]], None]
"""Is told how many units of each domain have succeeded."""


@record
class Ran:
    """What the demo did.

    Attributes:
        slots: Child processes at a time.
        estimate_us: How long a unit was expected to take.
        seconds: How long all of it took.
        restart_at: Units that had ended when the pool was dropped.
        run_again: Units that were out then, and had to run again.
    """

    slots: int
    estimate_us: int
    seconds: float
    restart_at: int
    run_again: int


def real_files(count: int) -> list[Path]:
    """Return so many files of the interpreter's own library, sorted; a small library is gone through again."""
    found = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))
    return [found[index % len(found)] for index in range(count)]


def digests(paths: list[Path]) -> list[bytes]:
    """Return what every unit should find, computed in this process."""
    return [hashlib.sha256(path.read_bytes()).hexdigest().encode() for path in paths]


def slots_here() -> int:
    """Return how many processors this process may use, at most ``SLOTS_MAX``."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, SLOTS_MAX)


class Demo:
    """One run of the demo in a data directory."""

    def __init__(self, data: Path, units: int, progress: Progress) -> None:
        """Prepare it.

        Args:
            data: Where the log is kept.
            units: Units of each domain.
            progress: Is told how far it is, at most ten times a second.
        """
        self.paths = real_files(units)
        self._data = data
        self._progress = progress
        self._told_s = 0.0
        self._list = data / "files"
        self._slots = slots_here()
        self._stop = threading.Event()

    def run(self) -> Ran:
        """Submit, run the first half, drop the pool, recover it, run the rest."""
        began_s = time.monotonic()
        with Pool.open(self._data) as pool:
            self._list.write_text("\0".join(map(str, self.paths)), encoding="utf-8")
            estimate_us = self._submit(pool)
            half = len(SHARES) * len(self.paths) // 2
            self._work(pool, half)
            restart_at, run_again = _ended(pool), sum(job["running"] for job in pool.jobs())
            pool.log.close()  # as if the program were killed here: nobody says good-bye
        with Pool.open(self._data) as pool:
            self._work(pool, None)
        return Ran(self._slots, estimate_us, time.monotonic() - began_s, restart_at, run_again)

    def _submit(self, pool: Pool) -> int:
        argv = (sys.executable, "-I", "-S", "-c", HASH_A_FILE, str(self._list), "{index}")
        spec = Spec(argv)
        estimate_us = sorted(_run_unit(spec, 0).run_us for _ in range(TRIALS))[TRIALS // 2]
        with pool.batch():
            for name, share in SHARES.items():
                pool.domain(name, share)
                pool.submit(name, spec, len(self.paths), name=f"hash for {name}", time_request_us=estimate_us)
        return estimate_us

    def _work(self, pool: Pool, until: int | None) -> None:
        """Keep every slot busy until so many units have ended, or all."""
        self._stop.clear()
        worker = pool.join("this machine", Resources(1000 * self._slots))
        with ThreadPoolExecutor(self._slots) as threads:
            running: dict[Future[list[Done]], LeasedUnits] = {}
            try:
                while until is None or _ended(pool) < until:
                    for lease in pool.work(worker):
                        running[threads.submit(self._run_lease, lease)] = lease
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        pool.finish(running.pop(future), *future.result())
                    self._tell(pool)
            finally:
                self._stop.set()
        self._tell(pool, at_once=True)

    def _run_lease(self, lease: LeasedUnits) -> list[Done]:
        """Run the units of a lease one after another, as a thread of its own."""
        done: list[Done] = []
        for index in lease.indices:
            if self._stop.is_set():
                break
            done.append(_run_unit(lease.spec, index))
        return done

    def _tell(self, pool: Pool, at_once: bool = False) -> None:
        now_s = time.monotonic()
        if at_once or now_s - self._told_s >= 0.1:
            self._told_s = now_s
            self._progress({job["domain"]: job["succeeded"] for job in pool.jobs()})


def is_fresh(data: Path) -> bool:
    """Whether there is no log in a data directory yet, or one in which nothing has happened.

    Raises:
        LogError: It cannot be opened.
    """
    with SQLiteLog.open(data) as log:
        return log.head.seq == 0


def _ended(pool: Pool) -> int:
    return sum(job["succeeded"] + job["failed"] for job in pool.jobs())


def _run_unit(spec: Spec, index: int) -> Done:
    argv = [argument.replace("{index}", str(index)) for argument in spec.argv]
    began_ns = time.perf_counter_ns()
    child = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    run_us = (time.perf_counter_ns() - began_ns) // 1000
    return Done(index, run_us, child.stderr if child.returncode else child.stdout, child.returncode)
