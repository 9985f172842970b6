"""What the worker's mind is told, and what it answers: stimuli in, instructions out. All of them are plain values.

Every stimulus carries the time at which it came, so that the mind itself reads no clock.
"""

from __future__ import annotations

from meted.core.ids import Span
from meted.core.record import record
from meted.core.resources import Resources
from meted.core.spec import NO_SPEC, Spec

from ..executors.contract import UnitEnd, UnitKey


@record
class LeaseGiven:
    """A lease as the server gave it: a run of consecutive units of one job.

    Attributes:
        lease_id, job_id: Which lease, of which job.
        first, count: Its units: ``count`` indices from ``first``.
        attempt: Which try of these units this is, from 1.
        request: What each of its units may use; they run one after another.
        spec: What to run.
        time_limit_us: How long one unit may run, or None.
        secrets: (name, value) pairs of the environment that are in no spec.
        job_count: Units in the whole job.
        name: The job's name.
        domain: The job's domain.
    """

    lease_id: int
    job_id: int
    first: int
    count: int
    attempt: int
    request: Resources
    spec: Spec = NO_SPEC
    time_limit_us: int | None = None
    secrets: tuple[tuple[str, str], ...] = ()
    job_count: int = 1
    name: str = ""
    domain: str = ""


# ---------------------------------------------------------------------------------------------------------- stimuli


@record
class LeasesCame:
    """The server gave leases, in this order."""

    now_us: int
    leases: tuple[LeaseGiven, ...]


@record
class UnitStarted:
    """The executor says that a unit runs."""

    now_us: int
    key: UnitKey


@record
class UnitEnded:
    """The executor says how a unit ended."""

    now_us: int
    key: UnitKey
    end: UnitEnd


@record
class AskedBack:
    """The server wants back what has not started of these leases."""

    now_us: int
    lease_ids: tuple[int, ...]


@record
class Stopped:
    """The server wants back what has not started of these leases, and what has started killed."""

    now_us: int
    lease_ids: tuple[int, ...]


@record
class Kept:
    """The server says which leases are still this worker's; all others are somebody else's by now."""

    now_us: int
    lease_ids: tuple[int, ...]


@record
class Connected:
    """The server answered ``worker.join`` or ``worker.rejoin``: from now on it can be told things."""

    now_us: int


@record
class Disconnected:
    """The connection is gone, and with it every answer that was still to come."""

    now_us: int


@record
class Disowned:
    """The server does not know this worker any more: whatever it holds runs elsewhere by now."""

    now_us: int


@record
class Reported:
    """The server has durably taken the report of a lease that was under way."""

    now_us: int
    lease_id: int


@record
class GaveBack:
    """The server has durably taken what a lease was giving back."""

    now_us: int
    lease_id: int


@record
class Failed:
    """The server could not take a report (or give-back) now; it is to be said again later."""

    now_us: int
    lease_id: int
    was_report: bool


@record
class Refused:
    """The server will never take what was said of a lease: it has ended or is somebody else's."""

    now_us: int
    lease_id: int


@record
class TimerFired:
    """It is time: see :attr:`.brain.Brain.wake_at_us`."""

    now_us: int


@record
class Drain:
    """Start nothing more, give back what has not started, and leave when the rest has ended."""

    now_us: int


@record
class Quit:
    """As :class:`Drain`, and kill what runs."""

    now_us: int
    grace_us: int


Answer = Reported | GaveBack | Failed | Refused
"""What the server says to a report or give-back."""

Stimulus = (
    LeasesCame
    | UnitStarted
    | UnitEnded
    | AskedBack
    | Stopped
    | Kept
    | Connected
    | Disconnected
    | Disowned
    | Answer
    | TimerFired
    | Drain
    | Quit
)


# ------------------------------------------------------------------------------------------------------ instructions


@record
class StartUnit:
    """Run a unit of a lease."""

    lease: LeaseGiven
    index: int


@record
class KillUnit:
    """End a unit that runs; its end is told as any other. ``grace_us`` None is the executor's own."""

    key: UnitKey
    grace_us: int | None = None


@record
class Report:
    """Tell the server how units of a lease ended (``worker.finish``), and say what it answers.

    Attributes:
        lease_id: Of which lease.
        done: The units, one run of consecutive indices.
        run_us, cpu_us, peak_bytes: What was measured, one number a unit.
        exits: (index, exit code) of those that did not succeed, ascending.
        results: (index, bytes) of those that left something, ascending.
    """

    lease_id: int
    done: Span
    run_us: tuple[int, ...]
    exits: tuple[tuple[int, int], ...]
    cpu_us: tuple[int, ...]
    peak_bytes: tuple[int, ...]
    results: tuple[tuple[int, bytes], ...]


@record
class GiveBack:
    """Give units that have not started back to the server (``worker.give_back``), and say what it answers."""

    lease_id: int
    units: Span


@record
class SendStarted:
    """Tell the server of which leases units run now; it is told once a lease, and needs no answer."""

    lease_ids: tuple[int, ...]


@record
class Leave:
    """All is said and done: tell the server that this worker leaves.

    Attributes:
        struck: (lease, unit runs) of what had started and was killed because the worker had to go.
    """

    struck: tuple[tuple[int, tuple[Span, ...]], ...]


@record
class AskForNoMore:
    """Tell the server that this worker takes nothing more."""


Instruction = StartUnit | KillUnit | Report | GiveBack | SendStarted | AskForNoMore | Leave
