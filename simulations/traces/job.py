"""One job of a workload, as every replay takes it."""

from __future__ import annotations

from typing import Final

from meted.core.record import record

UNKNOWN_USER: Final = -1
"""The user of every job whose record names none: one user like any other."""


@record
class TraceJob:
    """One job to be replayed.

    Attributes:
        job_id: Its number in the trace; not always unique.
        user: The number of its domain, which is that of its user where nothing else is asked for; or ``UNKNOWN_USER``.
        submit_us: When it is submitted, in microseconds from the start of the log.
        run_us: How long it runs, in microseconds, above zero.
        estimate_us: How long it is said to run, in microseconds, at least ``run_us``.
        procs: How many processors it takes.
        member: The number of its user inside the domain, where domains are not users; else ``UNKNOWN_USER``.
    """

    job_id: int
    user: int
    submit_us: int
    run_us: int
    estimate_us: int
    procs: int
    member: int = UNKNOWN_USER
