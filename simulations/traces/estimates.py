"""What users say how long their jobs run, put in the place of what the trace says.

``recorded`` leaves field 9 of the trace. ``exact`` is the run time. ``xF`` is F times the run time. ``random:F`` is
drawn evenly between the run time and F times the run time, each job by itself: the model of Mu'alem and Feitelson
("Utilization, Predictability, Workloads, and User Runtime Estimates in Scheduling the IBM SP2 with Backfilling", IEEE
TPDS 12(6), 2001), whose f is F - 1. A recorded run that is longer than its estimate is dealt with first, by
``overrun``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from random import Random
from typing import Final, Literal

import attrs

from meted.core.limits import TIME_MAX_US
from meted.core.record import replaced

from ..errors import TraceError
from .job import TraceJob

FACTOR_MAX: Final = 1_000_000
"""The largest F."""

_FACTOR_DEFAULT: Final = Fraction(2)
_STEPS: Final = 2**53  # what is drawn is an exact multiple of its inverse
_GIVEN: Final = re.compile(r"(?:x|random:)(\d{1,7}(?:\.\d{1,9})?)")


@attrs.frozen
class Estimates:
    """How estimates come about: ``kind``, and F where there is one."""

    kind: Literal["recorded", "exact", "factor", "random"]
    factor: Fraction = Fraction(1)


def parse_estimates(text: str) -> Estimates:
    """Return what ``recorded``, ``exact``, ``xF``, ``random`` (F is 2) or ``random:F`` means.

    Raises:
        TraceError: It is none of these, or F is not from 1 to ``FACTOR_MAX``.
    """
    if text == "recorded":
        return Estimates("recorded")
    if text == "exact":
        return Estimates("exact")
    if text == "random":
        return Estimates("random", _FACTOR_DEFAULT)
    found = _GIVEN.fullmatch(text)
    factor = Fraction(0) if found is None else Fraction(found[1])
    if not 1 <= factor <= FACTOR_MAX:
        raise TraceError(
            f"--estimates is {text[:40]}; give recorded, exact, a factor such as x2.5, or random:5 (between 1 and 5 "
            f"times the run time); factors are from 1 to {FACTOR_MAX:,}."
        )
    return Estimates("factor" if text.startswith("x") else "random", factor)


def with_estimates(jobs: Iterable[TraceJob], estimates: Estimates, seed: int = 0) -> Iterator[TraceJob]:
    """Yield the jobs with other estimates, never below their run times.

    Args:
        jobs: The jobs; what is drawn depends on their order and on nothing else of them.
        estimates: Where estimates come from.
        seed: Of what is drawn. The same seed draws the same on every machine.
    """
    if estimates.kind == "recorded":
        yield from jobs
        return
    numerator, denominator = estimates.factor.numerator, estimates.factor.denominator
    draw = Random(seed).random if estimates.kind == "random" else None
    for job in jobs:
        run_us = job.run_us
        estimate_us = run_us * numerator // denominator
        if draw is not None:
            estimate_us = run_us + ((estimate_us - run_us) * int(draw() * _STEPS) // _STEPS)
        yield replaced(job, estimate_us=max(run_us, min(estimate_us, TIME_MAX_US)))
