"""What every executor can be asked for: run one unit to its end, kill it, suspend it, read its output.

Rows G07-G09, G11-G14: an executor is opened and closed once, says which verbs it has, tells that a unit has started
before it ends, and says of every unit how it ended. Whoever calls it (the worker) has seen to it that there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from meted.core.record import record
from meted.core.resources import NOTHING, Resources
from meted.core.spec import Spec

KILL = "kill"
SUSPEND = "suspend"
OUTPUT = "output"
LIMITS = "limits"
FEATURES = frozenset({KILL, SUSPEND, OUTPUT, LIMITS})
"""All verbs that an executor may have; one without a verb refuses it with :class:`NotFeatured`."""

EXIT_TIME_LIMIT = 256
"""Exit code of a unit that ran longer than its time limit."""

EXIT_NOT_STARTED = 257
"""Exit code of a unit that could not be started: no such command, no permission, no such directory."""

EXIT_RESOURCE_LIMIT = 258
"""Exit code of a unit that was stopped for its limit on cpu time, file size or memory (row P39)."""

KILL_GRACE_US = 5_000_000
"""How long a unit has between SIGTERM and SIGKILL unless somebody says otherwise."""

STDOUT = "out"
STDERR = "err"

UnitKey = tuple[int, int]
"""(lease id, index): names one try of one unit and never another."""


class NotFeatured(Exception):
    """An executor was asked for a verb that it does not have (row G08).

    Attributes:
        verb: What was asked for.
        sentence: One English sentence that says what can be asked for.
    """

    def __init__(self, verb: str, features: Collection[str]) -> None:
        known = ", ".join(sorted(features)) or "nothing of the kind"
        super().__init__(f'this executor cannot do "{verb}"; it can do: {known}')
        self.verb = verb
        self.sentence = str(self)


@record
class UnitToRun:
    """One try of one unit, with all that is needed to run it.

    Attributes:
        job_id, index, attempt: Which unit of which job (index from 0), and which try of it, from 1.
        lease_id: The lease that it is part of.
        count: Units in the job.
        name: The job's name, maybe empty.
        domain: The job's domain, maybe empty.
        spec: What its user wants run.
        secrets: Environment values that are not in the spec; they are never logged nor put on a command line.
        request: What it may use.
        time_limit_us: Stop it after so many microseconds of running, or None. Suspended time does not count (row G14).
    """

    job_id: int
    index: int
    attempt: int
    lease_id: int
    spec: Spec
    count: int = 1
    name: str = ""
    domain: str = ""
    secrets: Mapping[str, str] = {}
    request: Resources = NOTHING
    time_limit_us: int | None = None

    @property
    def key(self) -> UnitKey:
        """The name of this try."""
        return (self.lease_id, self.index)


@record
class UnitEnd:
    """How one unit ended (row G12).

    Attributes:
        exit_code: 0 succeeded; 1..255 its exit code; negative = the signal that ended it; 256 and above: ``EXIT_*``.
        run_us: How long it ran, without the time it was suspended.
        cpu_us: Processor time that it and its ended children used, user and system.
        peak_bytes: The most memory that one of its processes held.
        result: Succeeded: the end of its standard output, None if there is none. Failed: a sentence in UTF-8 that says
            why, and the end of its standard error.
    """

    exit_code: int
    run_us: int
    cpu_us: int = 0
    peak_bytes: int = 0
    result: bytes | None = None


@record
class Output:
    """A part of what a unit wrote.

    Attributes:
        data: The bytes from the offset asked for, as many as there are and were asked for.
        next_offset: Where to go on reading.
        size: Bytes that the unit has written so far.
    """

    data: bytes
    next_offset: int
    size: int


@record
class Usage:
    """What an executor is doing now, and what it did.

    Attributes:
        running: Units that run, suspended ones included.
        suspended: Units that are suspended.
        held: What the units that run asked for.
        started, ended: Units since it was opened.
        cpu_us: Processor time of the units that have ended.
    """

    running: int
    suspended: int
    held: Resources
    started: int
    ended: int
    cpu_us: int


def nothing() -> None:
    """Do nothing: for callers that need not know when a unit has started."""


class Executor(Protocol):
    """Runs units, any number at a time; every unit is a matter of its own (row N34).

    All methods but :meth:`run` return at once and are called from the thread that runs trio.
    """

    @property
    def features(self) -> frozenset[str]:
        """The verbs of :data:`FEATURES` that this executor has."""
        ...

    def open(self) -> None:
        """Get ready; call it once, before anything else.

        Raises:
            RuntimeError: It was opened before.
            OSError: What it needs on this machine is not to be had.
        """
        ...

    def close(self) -> None:
        """Kill at once whatever runs and start nothing more; a second call does nothing (row N31)."""
        ...

    async def run(self, unit: UnitToRun, started: Callable[[], None] = nothing) -> UnitEnd:
        """Run one unit and return how it ended; whatever is wrong with the unit is in the answer, not an exception.

        Args:
            unit: What to run; its key must not be running (row N35).
            started: Called once, as soon as it runs; never called if it cannot be started.

        Raises:
            RuntimeError: The executor is not open, or a unit of this key runs already.
            trio.Cancelled: The task was cancelled; the unit was killed and nothing of it is left.
        """
        ...

    def kill(self, key: UnitKey, grace_us: int = KILL_GRACE_US) -> bool:
        """Ask a unit to end, and end it by force after a grace; its ``run`` then returns (row G13).

        It finds a unit from the first step of its ``run`` on, before anybody else's turn; so no kill is lost between.

        Args:
            key: Which.
            grace_us: How long it may take to end by itself; 0 = by force at once. An earlier kill with less is kept.

        Returns:
            Whether it was running; False says that it has ended or never started.

        Raises:
            NotFeatured: The executor cannot.
        """
        ...

    def suspend(self, key: UnitKey) -> bool:
        """Stop a unit's clock and work until :meth:`resume`; return whether it was running (row G14).

        Raises:
            NotFeatured: The executor cannot.
        """
        ...

    def resume(self, key: UnitKey) -> bool:
        """Let a suspended unit go on; return whether it was suspended.

        Raises:
            NotFeatured: The executor cannot.
        """
        ...

    def usage(self) -> Usage:
        """Return what it is doing now."""
        ...

    def read(self, job_id: int, index: int, attempt: int | None, stream: str, offset: int, limit_bytes: int) -> Output:
        """Return a part of what a unit wrote, while it runs or after; nothing at all if nothing is kept of it.

        Args:
            job_id, index: Which unit.
            attempt: Which try, or None for the newest.
            stream: ``STDOUT`` or ``STDERR``.
            offset: First byte, from 0; negative counts from the end.
            limit_bytes: At most so many bytes.

        Raises:
            NotFeatured: The executor keeps no output.
        """
        ...

    def forget(self, job_id: int) -> None:
        """Delete the output of a job; nothing happens if there is none.

        Raises:
            NotFeatured: The executor keeps no output.
        """
        ...
