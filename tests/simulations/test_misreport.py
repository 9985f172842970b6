"""What one user says in place of the truth changes its own jobs, as it says, and no others."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.limits import TIME_MAX_US
from meted.core.record import replaced
from meted.simulations.errors import TraceError
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.misreport import FACTOR_MAX, PARTS_MAX, Misreport, misreported, parse_said

LIAR = 2


@st.composite
def jobs(draw: st.DrawFn) -> list[TraceJob]:
    """Draw jobs of three users."""
    runs = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 10**12), st.integers(0, 10**12)), max_size=20))
    return [
        TraceJob(at, user, at, run, min(run + more, TIME_MAX_US), 1 + at % 4)
        for at, (user, run, more) in enumerate(runs)
    ]


@given(jobs(), st.sampled_from(["x3", "x0.25", "x1000000", "split2", "split1000"]), st.booleans())
def test_others_say_what_they_said(truth: list[TraceJob], says: str, cut: bool) -> None:
    told = list(misreported(truth, Misreport(LIAR, says), cut))
    assert [job for job in told if job.user != LIAR] == [job for job in truth if job.user != LIAR]
    assert all(0 < job.run_us <= job.estimate_us <= TIME_MAX_US for job in told)


@given(jobs(), st.integers(2, PARTS_MAX))
def test_a_split_job_is_as_much_work_at_the_same_time(truth: list[TraceJob], parts: int) -> None:
    for job in truth:
        told = list(misreported([job], Misreport(job.user, f"split{parts}"), False))
        assert len(told) == min(parts, job.run_us)
        assert sum(part.run_us for part in told) == job.run_us
        assert max(part.run_us for part in told) - min(part.run_us for part in told) <= 1
        assert sum(part.estimate_us for part in told) >= job.estimate_us
        assert {replaced(part, run_us=1, estimate_us=1) for part in told} == {replaced(job, run_us=1, estimate_us=1)}


@given(jobs(), st.decimals("0.001", 1_000, places=6))
def test_what_is_asked_for_is_multiplied_and_a_run_beyond_it_extends_it_or_is_cut(
    truth: list[TraceJob], factor: Decimal
) -> None:
    for job in truth:
        asked = max(1, min(int(job.estimate_us * Fraction(factor)), TIME_MAX_US))
        (extended,), (cut,) = (misreported([job], Misreport(job.user, f"x{factor}"), cut) for cut in (False, True))
        assert extended == replaced(job, estimate_us=max(asked, job.run_us))
        assert cut == replaced(job, estimate_us=asked, run_us=min(asked, job.run_us))


@pytest.mark.parametrize(
    "text", ["", "3", "x", "x0", "x-1", "x1e3", "x9999999", "split", "split0", "split1", "split1001"]
)
def test_what_nobody_can_say(text: str) -> None:
    with pytest.raises(TraceError, match="is nothing that a user can say; give x3"):
        parse_said(text)


def test_what_somebody_can_say() -> None:
    assert parse_said(f"x{FACTOR_MAX}") == (Fraction(FACTOR_MAX), 1)
    assert parse_said("x0.000001") == (Fraction(1, FACTOR_MAX), 1)
    assert parse_said(f"split{PARTS_MAX}") == (Fraction(1), PARTS_MAX)
