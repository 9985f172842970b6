"""An executor without processes, for tests and for the simulation of whole systems: every unit is a sleep.

How a unit behaves is given by a pure function of (job, index, attempt), and time is trio's, so that under a mock clock
a year of units takes seconds and happens the same way every time.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable

import trio

from meted.core.record import record
from meted.core.resources import NOTHING

from ..wire.limits import OUTPUT_KEPT_BYTES
from .contract import (
    EXIT_NOT_STARTED,
    EXIT_RESOURCE_LIMIT,
    EXIT_TIME_LIMIT,
    KILL,
    KILL_GRACE_US,
    OUTPUT,
    STDERR,
    STDOUT,
    SUSPEND,
    NotFeatured,
    Output,
    UnitEnd,
    UnitKey,
    UnitToRun,
    Usage,
    nothing,
)
from .ends import exit_sentence, failure_body, not_started, time_sentence
from .timing import UnitTime

SIMULATED_FEATURES = frozenset({KILL, SUSPEND, OUTPUT})


@record
class Behaviour:
    """What a simulated unit does.

    Attributes:
        run_us: How long it runs if it is left alone.
        exit_code: How it then ends; 257 = it cannot be started, 258 = it runs into a limit.
        stdout, stderr: What it writes; it is there when the unit has ended.
        cpu_us, peak_bytes: What is measured of it.
        stubborn: It takes no notice of being told to end, and must be forced.
    """

    run_us: int
    exit_code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    cpu_us: int = 0
    peak_bytes: int = 0
    stubborn: bool = False


class _Running:
    """A unit that runs."""

    __slots__ = ("behaviour", "killed_by", "scope", "time", "unit")

    def __init__(self, unit: UnitToRun, behaviour: Behaviour, now_us: int) -> None:
        self.unit = unit
        self.behaviour = behaviour
        self.time = UnitTime(now_us, unit.time_limit_us)
        self.scope: trio.CancelScope | None = None
        self.killed_by = 0


class SimulatedExecutor:
    """Runs units as sleeps; see :class:`.contract.Executor` for what every method does."""

    def __init__(
        self,
        behave: Callable[[int, int, int], Behaviour],
        features: frozenset[str] = SIMULATED_FEATURES,
        *,
        grace_us: int = KILL_GRACE_US,
    ) -> None:
        """Make an executor.

        Args:
            behave: Pure function of (job id, index, attempt).
            features: What it can be asked for, at most ``SIMULATED_FEATURES``.
            grace_us: What a stubborn unit has when its time limit is over.
        """
        self._behave = behave
        self._features = features & SIMULATED_FEATURES
        self._grace_us = grace_us
        self._running: dict[UnitKey, _Running] = {}
        self._written: dict[int, dict[tuple[int, int, str], bytes]] = {}
        self._state = "new"
        self._started = 0
        self._ended = 0
        self._cpu_us = 0

    @property
    def features(self) -> frozenset[str]:
        """What it was given."""
        return self._features

    def open(self) -> None:
        """Get ready.

        Raises:
            RuntimeError: It was opened before.
        """
        if self._state != "new":
            raise RuntimeError("an executor is opened once")
        self._state = "open"

    def close(self) -> None:
        """End what runs by force; a second call does nothing."""
        self._state = "closed"
        for running in self._running.values():
            self._end_now(running, signal.SIGKILL)

    async def run(self, unit: UnitToRun, started: Callable[[], None] = nothing) -> UnitEnd:
        """Sleep as long as the unit is said to run and return how it is said to end."""
        if self._state != "open":
            raise RuntimeError("the executor is not open")
        if unit.key in self._running:
            raise RuntimeError(f"unit {unit.index} of lease {unit.lease_id} runs already")
        behaviour = self._behave(unit.job_id, unit.index, unit.attempt)
        if behaviour.exit_code == EXIT_NOT_STARTED:
            await trio.lowlevel.checkpoint()
            return not_started("it is said to be impossible to start")
        running = _Running(unit, behaviour, _now_us())
        self._running[unit.key] = running
        self._started += 1
        try:
            started()
            await self._wait(running)
            run_us = running.time.run_us(_now_us())
        finally:
            del self._running[unit.key]
            self._ended += 1
        return self._end(running, run_us)

    def kill(self, key: UnitKey, grace_us: int = KILL_GRACE_US) -> bool:
        """End a unit at once, or after the grace if it is stubborn."""
        self._need(KILL)
        running = self._running.get(key)
        if running is None:
            return False
        self._terminate(running, grace_us)
        return True

    def suspend(self, key: UnitKey) -> bool:
        """Stop a unit's sleep."""
        self._need(SUSPEND)
        running = self._running.get(key)
        if running is None:
            return False
        running.time.suspend(_now_us())
        self._wake(running)
        return True

    def resume(self, key: UnitKey) -> bool:
        """Let a unit sleep on."""
        self._need(SUSPEND)
        running = self._running.get(key)
        if running is None or not running.time.suspended:
            return False
        running.time.resume(_now_us())
        self._wake(running)
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
        """Return a part of what a unit that has ended is said to have written."""
        self._need(OUTPUT)
        if stream not in (STDOUT, STDERR):
            raise ValueError(f'there is no stream "{stream}"; the streams are: {STDOUT}, {STDERR}')
        written = self._written.get(job_id, {})
        if attempt is None:
            attempt = max((tried for unit, tried, _ in written if unit == index), default=0)
        data = written.get((index, attempt, stream), b"")
        start = max(0, len(data) + offset) if offset < 0 else offset
        part = data[start : start + max(0, limit_bytes)]
        return Output(part, start + len(part), len(data))

    def forget(self, job_id: int) -> None:
        """Drop what a job's units wrote."""
        self._need(OUTPUT)
        self._written.pop(job_id, None)

    def _need(self, verb: str) -> None:
        if verb not in self._features:
            raise NotFeatured(verb, self._features)

    async def _wait(self, running: _Running) -> None:
        while True:
            with trio.CancelScope(deadline=_deadline(running)) as scope:
                running.scope = scope
                await trio.sleep_forever()
            now_us = _now_us()
            if running.killed_by or running.time.run_us(now_us) >= running.behaviour.run_us:
                return
            if running.time.expire(now_us, self._grace_us):
                running.killed_by = signal.SIGKILL
                return
            if running.time.over_limit and not running.behaviour.stubborn:
                return

    def _terminate(self, running: _Running, grace_us: int) -> None:
        if grace_us <= 0:
            self._end_now(running, signal.SIGKILL)
        elif running.behaviour.stubborn:
            running.time.resume(_now_us())
            running.time.end_within(_now_us(), grace_us)
            self._wake(running)
        else:
            self._end_now(running, signal.SIGTERM)

    def _end_now(self, running: _Running, number: signal.Signals) -> None:
        running.killed_by = running.killed_by or number
        self._wake(running)

    def _wake(self, running: _Running) -> None:
        if running.scope is not None:
            running.scope.deadline = _deadline(running)

    def _end(self, running: _Running, run_us: int) -> UnitEnd:
        unit, behaviour = running.unit, running.behaviour
        whole = max(1, behaviour.run_us)
        cpu_us = behaviour.cpu_us * min(run_us, whole) // whole
        self._cpu_us += cpu_us
        self._keep(unit, behaviour)
        code = -running.killed_by or behaviour.exit_code
        if running.time.over_limit and unit.time_limit_us is not None:
            code, sentence = EXIT_TIME_LIMIT, time_sentence(unit.time_limit_us)
        elif code == 0:
            kept = behaviour.stdout[-OUTPUT_KEPT_BYTES:] or None
            return UnitEnd(0, run_us, cpu_us, behaviour.peak_bytes, kept)
        elif code == EXIT_RESOURCE_LIMIT:
            sentence = "it is said to have run into a limit"
        else:
            sentence = exit_sentence(code, bool(running.killed_by))
        body = failure_body(sentence, behaviour.stderr[-OUTPUT_KEPT_BYTES:], OUTPUT_KEPT_BYTES)
        return UnitEnd(code, run_us, cpu_us, behaviour.peak_bytes, body)

    def _keep(self, unit: UnitToRun, behaviour: Behaviour) -> None:
        if OUTPUT not in self._features:
            return
        for stream, data in ((STDOUT, behaviour.stdout), (STDERR, behaviour.stderr)):
            if data:
                self._written.setdefault(unit.job_id, {})[unit.index, unit.attempt, stream] = data


def _now_us() -> int:
    return round(trio.current_time() * 1_000_000)


def _deadline(running: _Running) -> float:
    if running.killed_by:
        return -math.inf
    due_us = running.time.due_us()
    if not running.time.suspended:
        now_us = _now_us()
        end_us = now_us + running.behaviour.run_us - running.time.run_us(now_us)
        due_us = end_us if due_us is None else min(due_us, end_us)
    return math.inf if due_us is None else due_us / 1_000_000
