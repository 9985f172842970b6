"""The executor of processes: every unit is a process of this machine, in a session of its own (rows G07-G09, G11-G14).

No thread waits for a process: Linux gives a descriptor for it (a pidfd) that becomes readable when it has ended. From
then until it is reaped its id cannot be given to another process, and in that time all that is left of its group is
killed: what a unit leaves behind there never outlives it (rows G13, N34). What made itself a group or a session of its
own does not outlive the worker: see :mod:`..worker.keeper`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

import trio

from meted.core.record import record
from meted.core.resources import NOTHING

from ..wire.limits import OUTPUT_KEPT_BYTES
from .contract import (
    EXIT_RESOURCE_LIMIT,
    EXIT_TIME_LIMIT,
    FEATURES,
    KILL_GRACE_US,
    Output,
    UnitEnd,
    UnitKey,
    UnitToRun,
    Usage,
    nothing,
)
from .ends import exit_sentence, failure_body, limit_hit, limit_sentence, not_started, time_sentence
from .launch import Launcher, NotStarted, remove_empty
from .output import OutputStore, size_bytes, tail
from .resident import LOOK_S, ResidentMemory, end_session
from .running_process import RunningProcess, now_us

REAP_MAX_S = 10
"""How long a killed process may take to be gone; one that hangs in the system longer is left to the system."""


@record
class _Ended:
    """What the system says of a process that has ended."""

    status: int
    cpu_us: int
    peak_bytes: int


class ProcessExecutor:
    """Runs units as processes; see :class:`.contract.Executor` for what every method does."""

    def __init__(
        self, directory: str, environment: Mapping[str, str] | None = None, *, grace_us: int = KILL_GRACE_US
    ) -> None:
        """Make an executor; nothing is done before :meth:`open`.

        Args:
            directory: Where the output of units is kept.
            environment: The worker's environment, of which units get a part; None = that of this process.
            grace_us: What a unit has between SIGTERM and SIGKILL when its time limit is over.
        """
        self._store = OutputStore(directory)
        self._launcher = Launcher(self._store, os.environ if environment is None else environment)
        self._grace_us = grace_us
        self._running: dict[UnitKey, RunningProcess] = {}
        self._memory = ResidentMemory()
        self._state = "new"
        self._started = 0
        self._ended = 0
        self._cpu_us = 0

    @property
    def features(self) -> frozenset[str]:
        """All of them."""
        return FEATURES

    @property
    def store(self) -> OutputStore:
        """The files that units wrote."""
        return self._store

    def open(self) -> None:
        """Make the directories.

        Raises:
            RuntimeError: It was opened before.
            OSError: They cannot be made.
        """
        if self._state != "new":
            raise RuntimeError("an executor is opened once")
        self._store.open()
        self._launcher.open()
        self._state = "open"

    def close(self) -> None:
        """Kill what runs, at once and with all its group; a second call does nothing."""
        self._state = "closed"
        for running in self._running.values():
            running.killed = True
            running.signal(signal.SIGKILL)
        self._launcher.close()

    async def run(self, unit: UnitToRun, started: Callable[[], None] = nothing) -> UnitEnd:
        """Run a unit as a process and return how it ended."""
        if self._state != "open":
            raise RuntimeError("the executor is not open")
        if unit.key in self._running:
            raise RuntimeError(f"unit {unit.index} of lease {unit.lease_id} runs already")
        try:
            running = self._start(unit)
        except NotStarted as error:
            await trio.lowlevel.checkpoint()
            return not_started(str(error))
        try:
            started()
            most_bytes = self._launcher.limits_of(unit).get("rss_bytes")
            if most_bytes is None:
                await running.wait(self._grace_us)
            else:
                await self._wait_within(running, most_bytes)
        except BaseException:
            running.signal(signal.SIGKILL)
            with trio.move_on_after(REAP_MAX_S, shield=True):
                await trio.lowlevel.wait_readable(running.pidfd)
            raise
        finally:
            run_us = running.time.run_us(now_us())
            ended = self._reap(running)
        return self._end(running, run_us, ended)

    def kill(self, key: UnitKey, grace_us: int = KILL_GRACE_US) -> bool:
        """Send SIGTERM to a unit's group, and SIGKILL after the grace."""
        running = self._running.get(key)
        if running is None:
            return False
        running.killed = True
        running.terminate(grace_us)
        running.wake()
        return True

    def suspend(self, key: UnitKey) -> bool:
        """Stop a unit's group (SIGSTOP)."""
        running = self._running.get(key)
        if running is None:
            return False
        running.signal(signal.SIGSTOP)
        running.time.suspend(now_us())
        running.wake()
        return True

    def resume(self, key: UnitKey) -> bool:
        """Let a unit's group go on (SIGCONT)."""
        running = self._running.get(key)
        if running is None or not running.time.suspended:
            return False
        running.time.resume(now_us())
        running.signal(signal.SIGCONT)
        running.wake()
        return True

    def usage(self) -> Usage:
        """Return what runs now."""
        held = NOTHING
        suspended = 0
        for running in self._running.values():
            held = held.plus(running.unit.request)
            suspended += running.time.suspended
        return Usage(len(self._running), suspended, held, self._started, self._ended, self._cpu_us)

    def read(self, job_id: int, index: int, attempt: int | None, stream: str, offset: int, limit_bytes: int) -> Output:
        """Return a part of a unit's file."""
        return self._store.read(job_id, index, attempt, stream, offset, limit_bytes)

    def forget(self, job_id: int) -> None:
        """Delete a job's files."""
        self._launcher.forget(job_id)
        self._store.forget(job_id)

    def _start(self, unit: UnitToRun) -> RunningProcess:
        began_us = now_us()  # before the spawn, which returns when the child is on its way, and may be at its end
        pid, path = self._launcher.start(unit)
        running = RunningProcess(unit, pid, path, began_us)
        try:
            running.pidfd = os.pidfd_open(pid)
        except OSError as error:
            running.signal(signal.SIGKILL)
            os.waitpid(pid, 0)
            raise NotStarted(f"the worker cannot watch another process now ({error.strerror})") from error
        self._running[unit.key] = running
        self._started += 1
        return running

    async def _wait_within(self, running: RunningProcess, most_bytes: int) -> None:
        """Wait for the end of a process, and force it when its unit's processes hold more than ``most_bytes``."""

        async def watch() -> None:
            while (held_bytes := self._memory.held_bytes(running.pid)) <= most_bytes:
                await trio.sleep(LOOK_S)
            if not running.time.over_limit:  # else it is being ended for that
                running.over_bytes = held_bytes
            running.signal(signal.SIGKILL)
            end_session(running.pid)  # all of them were counted

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await running.wait(self._grace_us)
            nursery.cancel_scope.cancel()

    def _reap(self, running: RunningProcess) -> _Ended:
        running.signal(signal.SIGKILL)  # the rest of its group; the id is still its own
        pid, status, used = os.wait4(running.pid, os.WNOHANG)
        os.close(running.pidfd)
        del self._running[running.unit.key]
        self._ended += 1
        cpu_us = round((used.ru_utime + used.ru_stime) * 1_000_000) if pid else 0
        self._cpu_us += cpu_us
        if running.unit.spec.cwd is None:
            remove_empty(running.path)
        return _Ended(status, cpu_us, used.ru_maxrss * 1_024)

    def _end(self, running: RunningProcess, run_us: int, ended: _Ended) -> UnitEnd:
        code = os.waitstatus_to_exitcode(ended.status)
        if code == 0 and not running.time.over_limit:
            result = tail(running.path + ".out") if size_bytes(running.path + ".out") else None
            return UnitEnd(0, run_us, ended.cpu_us, ended.peak_bytes, result)
        limits = self._launcher.limits_of(running.unit)
        over = None if running.killed else limit_hit(code, ended.cpu_us, running.over_bytes, limits)
        if running.time.over_limit and over != "rss_bytes" and running.unit.time_limit_us is not None:
            code, sentence = EXIT_TIME_LIMIT, time_sentence(running.unit.time_limit_us)
        elif over is not None:
            code, sentence = EXIT_RESOURCE_LIMIT, limit_sentence(over, limits[over], running.over_bytes)
        else:
            sentence = exit_sentence(code, running.killed)
        body = failure_body(sentence, tail(running.path + ".err"), OUTPUT_KEPT_BYTES)
        return UnitEnd(code, run_us, ended.cpu_us, ended.peak_bytes, body)
