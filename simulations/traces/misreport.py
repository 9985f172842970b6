"""What one user says in place of the truth: a transform of its jobs, with all others as they are.

``xF`` asks for F times the time. Where that is less than the run takes, ``--overrun`` says what comes of it: ``extend``
takes the job to need what it took, ``cut`` ends it there, and the rest of its work is not done. ``splitK`` makes K jobs
of each, submitted together, each of a Kth of its run time and of what it asks for; so it holds for work that can be
done in any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from meted.core.limits import TIME_MAX_US
from meted.core.record import record, replaced

from ..errors import TraceError
from .job import TraceJob

FACTOR_MAX: Final = 1_000_000
"""The largest F, and the inverse of the smallest."""

PARTS_MAX: Final = 1_000
"""The largest K."""

_SAID: Final = re.compile(r"x(?P<factor>\d{1,7}(?:\.\d{1,9})?)|split(?P<parts>[2-9]|[1-9]\d{1,3})", re.ASCII)


@record
class Misreport:
    """What a user says.

    Attributes:
        user: Its number, as jobs have it.
        says: ``xF`` or ``splitK``.
    """

    user: int
    says: str


def parse_said(text: str) -> tuple[Fraction, int]:
    """Return by what ``xF`` multiplies the time asked for, and into how many parts ``splitK`` splits each job.

    Raises:
        TraceError: It is neither, or F or K is out of bounds.
    """
    found = _SAID.fullmatch(text)
    factor = Fraction((found and found["factor"]) or 1)
    parts = int((found and found["parts"]) or 1)
    if found is None or not Fraction(1, FACTOR_MAX) <= factor <= FACTOR_MAX or parts > PARTS_MAX:
        raise TraceError(
            f"{text[:40]!r} is nothing that a user can say; give x3 to ask for three times the time, x0.5 for half of "
            f"it, or split8 for eight jobs in place of each (at most x{FACTOR_MAX}, and split{PARTS_MAX})."
        )
    return factor, parts


def said_in_words(text: str) -> str:
    """Return what ``xF`` or ``splitK`` means."""
    factor, parts = parse_said(text)
    return f"asks for {float(factor):g} x its time" if parts == 1 else f"splits each job by {parts}"


def misreported(jobs: Iterable[TraceJob], told: Misreport, cut: bool) -> Iterator[TraceJob]:
    """Yield the jobs as they are when one user says something else.

    Args:
        jobs: As they are with the truth.
        told: Who says what.
        cut: Whether a run ends at its estimate; else it makes the estimate longer.
    """
    factor, parts = parse_said(told.says)
    for job in jobs:
        if job.user != told.user:
            yield job
        elif parts == 1:
            estimate_us = max(1, min(int(job.estimate_us * factor), TIME_MAX_US))
            run_us = min(job.run_us, estimate_us) if cut else job.run_us
            yield replaced(job, run_us=run_us, estimate_us=max(run_us, estimate_us))
        else:
            yield from _split(job, parts)


def _split(job: TraceJob, parts: int) -> Iterator[TraceJob]:
    """Yield so many jobs in place of one, or one for each microsecond; their run times sum up to that of the one."""
    parts = min(parts, job.run_us)
    estimate_us = -(-job.estimate_us // parts)
    for part in range(parts):
        run_us = job.run_us * (part + 1) // parts - job.run_us * part // parts
        yield replaced(job, run_us=run_us, estimate_us=max(run_us, estimate_us))
