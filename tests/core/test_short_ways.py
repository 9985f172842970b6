"""What most do has a short way, and what comes of it is what comes of it by the long one.

A command that says no more than most do is checked at once; a fee is folded with its lease, and its rounding looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import Command, LeaseUnits, SubmitJob
from meted.core.credit.fees import _WEYL, HOUR_SIZE, unit_fee_mc
from meted.core.decide import decide, leases, submission
from meted.core.errors import Refused
from meted.core.events import Event
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import (
    CPU_MILLI_MAX,
    JOB_UNITS_MAX,
    LOSSES_DEFAULT,
    LOSSES_MAX,
    MEM_BYTES_MAX,
    NAME_BYTES_MAX,
    PRIORITY_MAX,
    RETRIES_MAX,
    RUN_UNITS_MAX,
    TIME_MAX_US,
)
from meted.core.reducers import FEES, evolve, evolve_paid
from meted.core.resources import Resources
from meted.core.state import State

from .helper import World, examples
from .test_nice import DOINGS, HOUR, Market, act

KINDS: tuple[object, ...] = (True, False, None, 1.0, 0.0, "", "1", b"", (), [], {})


def around(*numbers: int) -> list[object]:
    """Return numbers at some edges and beside them, and what is no number."""
    return [*(number + by for number in numbers for by in (-1, 0, 1)), *KINDS]


TEXTS: list[object] = ["ann", "\0", "a\0", "\ud800", "é", *KINDS]
TEXTS += [letter * (NAME_BYTES_MAX + by) for letter in "aé" for by in (-1, 0, 1)]
GENERIC: list[object] = [(("gpu", 1000),), (("gpu", 0),), (("gpu", 1), ("gpu", 2)), (("cpu", 1),), *KINDS]
REQUESTS: list[object] = [
    *(Resources(cpu_milli) for cpu_milli in around(0, CPU_MILLI_MAX)),  # type: ignore[arg-type]
    *(Resources(1000, mem_bytes) for mem_bytes in around(0, MEM_BYTES_MAX)),  # type: ignore[arg-type]
    *(Resources(1000, 0, generic) for generic in GENERIC),  # type: ignore[arg-type]
    *KINDS,
]
SUBMITTED: Mapping[str, Sequence[object]] = {
    "count": around(0, 1, JOB_UNITS_MAX),
    "user": TEXTS,
    "name": TEXTS,
    "request": REQUESTS,
    "time_request_us": around(0, 1, TIME_MAX_US),
    "time_limit_us": around(0, 1, TIME_MAX_US),
    "priority": around(0, -PRIORITY_MAX, PRIORITY_MAX),
    "retries": around(0, RETRIES_MAX),
    "backoff_us": around(0, TIME_MAX_US),
    "max_failures": around(0, JOB_UNITS_MAX),
    "max_losses": around(0, LOSSES_DEFAULT, LOSSES_MAX),
    "tags": [(), (("a", "b"),), (("a", "b"), ("a", "c")), (("", ""),), ("ab",), None, []],
    "hold": KINDS,
    "begin_us": around(0, TIME_MAX_US),
}
LEASED: Mapping[str, Sequence[object]] = {
    "worker_id": around(0, 1, TIME_MAX_US),
    "count": around(0, 1, RUN_UNITS_MAX),
    "covered": around(0, leases._COVERED_MAX),
    "behind": around(0, TIME_MAX_US),
}


def two_of(fields: Mapping[str, Sequence[object]]) -> st.SearchStrategy[dict[str, object]]:
    """Return two fields with values: what is left out is as usual."""
    values = [st.tuples(st.just(name), st.sampled_from(edges)) for name, edges in fields.items()]
    return st.lists(st.one_of(values), min_size=2, max_size=2).map(dict)


def outcome(state: State, command: Command) -> tuple[Event, ...] | str:
    """Return the events of a command, or why it is refused."""
    try:
        return decide(state, command)
    except Refused as refusal:
        return f"{refusal.reason}: {refusal}"


def submitted_both_ways(world: World, said: Mapping[str, Any]) -> None:
    command = SubmitJob(**{"at_us": 0, "domain": "d", "user": "ann", "time_request_us": 5, **said})
    found = outcome(world.state, command)
    with patch.object(submission, "_is_plain", lambda _: False):
        assert outcome(world.state, command) == found, said


def leased_both_ways(world: World, said: Mapping[str, Any]) -> None:
    command = LeaseUnits(**{"at_us": 0, "worker_id": WorkerId(1), "job_id": JobId(1), "count": 1, **said})
    found = outcome(world.state, command)
    with patch.object(leases, "_is_plain", lambda _: False):
        assert outcome(world.state, command) == found, said


def test_at_every_edge_a_submission_passes_as_by_each_check(world: World) -> None:
    world.domain("d")
    for name, values in SUBMITTED.items():
        for value in values:
            submitted_both_ways(world, {name: value})


@examples(100)
@given(two_of(SUBMITTED))
def test_a_submission_passes_as_by_each_check(said: dict[str, object]) -> None:
    with World() as world:
        world.domain("d")
        submitted_both_ways(world, said)


def test_at_every_edge_a_lease_passes_as_by_each_check(world: World) -> None:
    world.worker()
    world.submit(count=5)
    for name, values in LEASED.items():
        for value in values:
            leased_both_ways(world, {name: value})


def test_what_most_say_is_checked_at_once() -> None:
    assert submission._is_plain(SubmitJob(0, "d", user="ann", request=Resources(1000), time_request_us=5))
    assert leases._is_plain(LeaseUnits(0, WorkerId(1), JobId(1), 1))


@given(
    st.integers(0, 10),
    st.integers(0, 10**9),
    st.one_of(
        st.integers(0, 10**18), st.builds(lambda hours, by: abs(hours * HOUR_SIZE + by), *[st.integers(-2, 2)] * 2)
    ),
    st.integers(1, 2**50),
)
@examples(500)
def test_a_fee_is_its_price_rounded_by_the_lease(points: int, price_mc: int, size: int, lease_id: int) -> None:
    fraction = Fraction(lease_id * _WEYL % 2**64, 2**64)
    fee_mc = unit_fee_mc(points, price_mc, size, LeaseId(lease_id))
    assert fee_mc == floor(Fraction(points * price_mc * size, HOUR_SIZE) + fraction)


@given(DOINGS)
@examples(40)
def test_a_fee_is_folded_with_its_lease_as_after_it(doings: list[tuple[str, str, int]]) -> None:
    with Market(slots=2, income="funded") as market:
        for name in "abc":
            market.make(name)
            market.grant(name, 20_000)
        market.nice(market.submit("a", 3), 1, 10)
        market.play(market.now_us + 10 * HOUR)
        for verb, name, number in doings:
            act(market, verb, name, number)
        state, found = State(), 0
        for event, following in pairwise(market.log):
            after = evolve(state, event)
            if type(following) in FEES:
                found += 1
                assert evolve_paid(state, event, following) == evolve(after, following)
            state = after
        assert found
        assert evolve(state, market.log[-1]) == market.state
