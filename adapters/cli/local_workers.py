"""The workers that ``meted up`` starts on its own machine: one process each, looked after while the server runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from meted.core.record import record

LOOK_S = 0.2
"""How often somebody looks whether all workers are there."""

RESTART_S = 2.0
"""A worker that has ended by itself is started again after so long."""

RESTARTS_MAX = 5
"""A worker that has ended so often within QUICK_S of its start is not started again."""

QUICK_S = 10.0

STOP_S = 20.0
"""A worker that was asked to stop is killed after so long."""

LOCK_FILE = "lock"
"""What a worker holds locked in its directory as long as it lives."""

PID_FILE = "pid"
"""Where its process id is noted, so that a later life of this program can stop a worker that has outlived it."""


@record
class Place:
    """Where one worker lives and what it offers.

    Attributes:
        number: 1 and so on.
        directory: Its directory.
        cpus: Whole cpus that it offers.
        mem_bytes: Memory that it offers.
    """

    number: int
    directory: Path
    cpus: int
    mem_bytes: int


def places(data: Path, count: int, cpus: int, mem_bytes: int) -> list[Place]:
    """Divide a machine among workers: cpus and memory evenly, and at least one cpu each.

    Args:
        data: The server's data directory; workers have directories inside.
        count: Number of workers.
        cpus, mem_bytes: What the machine has.
    """
    each, more = divmod(max(cpus, count), count)
    return [
        Place(number, data / f"worker-{number}", each + (number <= more), mem_bytes // count)
        for number in range(1, count + 1)
    ]


def is_inhabited(directory: Path) -> bool:
    """Whether a living worker has this directory: it may have outlived the server that started it."""
    try:
        descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def inhabitant(directory: Path) -> int | None:
    """Return the process id of the living worker that has this directory, or None where that is not certain."""
    if not is_inhabited(directory):
        return None
    try:
        pid = int((directory / PID_FILE).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(directory) in command else None


class _Child:
    """One worker process, or none at the moment."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0
        self.quick_ends = 0
        self.next_s = 0.0

    def is_alive(self) -> bool:
        """Whether it lives: our child, or one that has outlived an earlier life of this program."""
        if self.process is not None:
            return self.process.poll() is None
        return inhabitant(self.place.directory) is not None


class LocalWorkers:
    """Starts workers, starts those again that end by themselves, and stops them all."""

    def __init__(
        self, wanted: list[Place], server: str, say: Callable[[str], None], options: Sequence[str] = ()
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            wanted: The workers.
            server: The address that they dial.
            say: Told in a sentence what happens.
            options: More options of ``meted worker``, the same for each.
        """
        self._children = [_Child(place) for place in wanted]
        self._server = server
        self._options = options
        self._say = say
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._guard = threading.Thread(target=self._look_after, name="workers", daemon=True)

    def start(self) -> None:
        """Start the workers; those that live already are left alone, as they dial again by themselves."""
        for child in self._children:
            if is_inhabited(child.place.directory):
                self._say(f"Worker {child.place.number} has outlived its server and comes back by itself.")
            else:
                self._launch(child)
        self._guard.start()

    def stop(self) -> None:
        """Ask all workers to stop, and wait until they have; a second time does nothing."""
        self._stopping.set()
        with self._lock:
            self._signal(signal.SIGTERM)
            deadline_s = time.monotonic() + STOP_S
            while self._living():
                if time.monotonic() > deadline_s:
                    self._signal(signal.SIGKILL)
                    break
                time.sleep(LOOK_S / 4)

    def _living(self) -> list[_Child]:
        return [child for child in self._children if child.is_alive()]

    def _signal(self, number: signal.Signals) -> None:
        for child in self._living():
            if child.process is not None:
                child.process.send_signal(number)
            elif (pid := inhabitant(child.place.directory)) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _launch(self, child: _Child) -> None:
        place = child.place
        place.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-m", "meted.adapters.cli", "worker", "--server", self._server]
        command += ["--dir", str(place.directory), "--cpus", str(place.cpus), "--mem", str(place.mem_bytes)]
        command += ["--name", f"local-{place.number}", *self._options]
        child.started_s = time.monotonic()
        # A process group of its own: Ctrl-C is for this program, which asks the workers first and then the server.
        child.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
        (place.directory / PID_FILE).write_text(f"{child.process.pid}\n")

    def _look_after(self) -> None:
        while not self._stopping.wait(LOOK_S):
            with self._lock:
                for child in self._children:
                    if not self._stopping.is_set():
                        self._look_at(child)

    def _look_at(self, child: _Child) -> None:
        now_s = time.monotonic()
        number = child.place.number
        if child.process is None:
            due = child.next_s and now_s >= child.next_s
            if due or (not child.next_s and not is_inhabited(child.place.directory)):
                child.next_s = 0.0
                self._launch(child)
        elif (code := child.process.poll()) is not None:
            child.quick_ends = child.quick_ends + 1 if now_s - child.started_s < QUICK_S else 0
            if child.quick_ends >= RESTARTS_MAX:
                self._say(f"Worker {number} ends again and again ({_how(code)}); it is not started any more.")
                child.next_s = float("inf")
            else:
                self._say(f"Worker {number} has ended ({_how(code)}) and is started again.")
                child.next_s = now_s + RESTART_S
            child.process = None


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
