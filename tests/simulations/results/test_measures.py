"""Each measure of fairness against its definition worked out the long way, for jobs of any shape and any schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.results.distribution import EXACT_MAX, Distribution
from meted.simulations.results.envy import EnvyMeter
from meted.simulations.results.lag import LagMeter
from meted.simulations.results.levels import BINS_MAX, Levels
from meted.simulations.results.misreport import Delay
from meted.simulations.results.partition import PartitionMeter
from meted.simulations.results.service import ServiceMeter
from meted.simulations.results.starvation import StarvationMeter
from meted.simulations.traces.job import TraceJob

from ..driving import END, START, SUBMIT, Happening, happenings, make_trace, schedule

S = 1_000_000
ALPHAS = st.sampled_from([250, 750, 1_000])


class Scheduled:
    """Jobs of up to five users, how they were scheduled, and what happened in which order."""

    def __init__(self, jobs: Sequence[TraceJob], starts: Sequence[int], procs: int, shares: dict[int, int]) -> None:
        self.jobs = jobs
        self.starts = starts
        self.procs = procs
        self.shares = shares
        self.registered = sum(shares.values())
        self.events = list(happenings(jobs, starts))
        self.largest = max(self.area(index) for index in range(len(jobs)))

    def area(self, index: int) -> int:
        return self.jobs[index].run_us * self.jobs[index].procs

    def of(self, user: int) -> list[int]:
        """Return the places of a user's jobs, in the order of submission."""
        return [index for index, job in enumerate(self.jobs) if job.user == user]

    def largest_of(self, user: int) -> int:
        return max(map(self.area, self.of(user)))


@st.composite
def scheduled(draw: st.DrawFn) -> tuple[list[TraceJob], int, str, list[int]]:
    number = st.tuples(st.integers(1, 5), st.integers(0, 40), st.integers(1, 20), st.integers(0, 10), st.integers(1, 8))
    fields = draw(st.lists(number, min_size=1, max_size=25))
    jobs = [
        TraceJob(place, user, submit * S, run * S, (run + more) * S, width)
        for place, (user, submit, run, more, width) in enumerate(fields, 1)
    ]
    procs = draw(st.sampled_from([8, 9, 30]))
    policy = draw(st.sampled_from(["fcfs", "easy", "easy-sjbf"]))
    return jobs, procs, policy, draw(st.lists(st.integers(1, 6), min_size=5, max_size=5))


def run(tmp_path_factory: pytest.TempPathFactory, made: tuple[list[TraceJob], int, str, list[int]]) -> Scheduled:
    jobs, procs, policy, weights = made
    trace = make_trace(tmp_path_factory.getbasetemp(), jobs, procs)
    return Scheduled(*schedule(trace, policy), procs, {user: weights[user - 1] for user in trace.users})


@given(made=scheduled(), alpha=ALPHAS)
def test_lag(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[list[TraceJob], int, str, list[int]], alpha: int
) -> None:
    case = run(tmp_path_factory, made)
    meter = LagMeter(len(case.shares), case.shares, alpha)
    for _, kind, index in case.events:
        if kind == SUBMIT:
            meter.submitted(case.jobs[index].user)
        elif kind == START:
            meter.started(case.jobs[index].user, case.area(index))
    lags, promised = _lags(case, Fraction(1)), _lags(case, Fraction(alpha, 1_000))
    assert meter.leads() == {user: lead / case.largest for user, lead in _leads(case).items()}
    assert meter.lags() == {user: lag / case.largest for user, lag in lags.items()}
    for user, share in case.shares.items():
        part, own = Fraction(alpha * share, 1_000 * case.registered), case.largest_of(user)
        bound = 2 * own + (case.largest - own) * part
        assert meter.bounds()[user] == bound / case.largest
        assert meter.of_bounds()[user] == promised[user] / bound


def _lags(case: Scheduled, alpha: Fraction) -> dict[int, Fraction]:
    """Return the largest lag of each user after any event, in processor-microseconds."""
    largest = dict.fromkeys(case.shares, Fraction(0))
    for place in range(len(case.events) + 1):
        past = case.events[:place]
        for user, share in case.shares.items():
            since = _waits_since(case, past, user)
            if since is not None:
                started = [index for _, kind, index in past[since:] if kind == START]
                own = sum(case.area(index) for index in started if case.jobs[index].user == user)
                owed = alpha * share * sum(map(case.area, started)) / case.registered
                largest[user] = max(largest[user], owed - own)
    return largest


def _leads(case: Scheduled) -> dict[int, Fraction]:
    """Return the largest lead of each user after any of its starts, in processor-microseconds."""
    largest = dict.fromkeys(case.shares, Fraction(0))
    for place, (_, kind, index) in enumerate(case.events):
        user = case.jobs[index].user
        if kind == START:
            since = _waits_since(case, case.events[:place], user)
            started = [index for _, kind, index in case.events[since : place + 1] if kind == START]
            own = sum(case.area(index) for index in started if case.jobs[index].user == user)
            owed = Fraction(case.shares[user] * sum(map(case.area, started)), case.registered)
            largest[user] = max(largest[user], own - owed)
    return largest


def _waits_since(case: Scheduled, past: Sequence[Happening], user: int) -> int | None:
    """Return the place of the event with which a user began to wait; None if it does not wait."""
    waiting, since = 0, None
    for place, (_, kind, index) in enumerate(past):
        if case.jobs[index].user == user and kind != END:
            waiting += 1 if kind == SUBMIT else -1
            since = None if not waiting else place if since is None else since
    return since


@given(made=scheduled())
def test_envy(tmp_path_factory: pytest.TempPathFactory, made: tuple[list[TraceJob], int, str, list[int]]) -> None:
    case = run(tmp_path_factory, made)
    meter = EnvyMeter(case.shares)
    for _, kind, index in case.events:
        if kind == SUBMIT:
            meter.submitted(case.jobs[index].user, case.area(index))
        elif kind == START:
            meter.started(case.jobs[index].user, case.area(index))
    assert meter.envies() == {user: _envy(case, user) / case.largest for user in case.shares}


def _envy(case: Scheduled, user: int) -> Fraction:
    largest = Fraction(0)
    for place in range(len(case.events) + 1):
        past = case.events[:place]
        since = _waits_since(case, past, user)
        if since is None:
            continue
        got: dict[int, int] = defaultdict(int)
        for _, kind, index in past[since:]:
            got[case.jobs[index].user] += case.area(index) if kind == START else 0
        started = {index for _, kind, index in past if kind == START}
        submitted = {index for _, kind, index in past if kind == SUBMIT}
        waits = sum(case.area(index) for index in submitted - started if case.jobs[index].user == user)
        for other, share in case.shares.items():
            if other != user:
                ahead = Fraction(got[other] * case.shares[user], share) - got[user]
                largest = max(largest, min(ahead, Fraction(waits)))
    return largest


@given(made=scheduled())
def test_sharing(tmp_path_factory: pytest.TempPathFactory, made: tuple[list[TraceJob], int, str, list[int]]) -> None:
    case = run(tmp_path_factory, made)
    meter = PartitionMeter(case.procs, len(case.shares), case.shares)
    for at_us, kind, index in case.events:
        job = case.jobs[index]
        if kind == SUBMIT:
            meter.submitted(job.user, index, at_us, job.run_us, job.procs)
        elif kind == START:
            meter.started(job.user, index, at_us - job.submit_us + job.run_us)
    for user, share in case.shares.items():
        speed = Fraction(case.procs * share, case.registered)
        done = Fraction(0)
        alone: list[Fraction] = []
        shared: list[int] = []
        for index in case.of(user):
            job = case.jobs[index]
            done = max(done, Fraction(job.submit_us)) + case.area(index) / speed
            alone.append(max(Fraction(job.run_us), done - job.submit_us))
            shared.append(case.starts[index] + job.run_us - job.submit_us)
        rhos = [together / apart for together, apart in zip(shared, alone, strict=True)]
        mean, largest = meter.rhos()[user]
        # Each time alone is rounded up to a microsecond, of a second at least.
        assert abs(mean - sum(rhos, Fraction(0)) / len(rhos)) <= sum(rhos, Fraction(0)) / len(rhos) / S
        assert abs(largest - max(rhos)) <= max(rhos) / S
        deficit = max(Fraction(0), sum(shared) - sum(alone, Fraction(0))) / len(alone) / S
        assert abs(meter.deficits_s()[user] - deficit) <= Fraction(1, S)


@given(made=scheduled(), alpha=ALPHAS)
def test_starvation(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[list[TraceJob], int, str, list[int]], alpha: int
) -> None:
    case = run(tmp_path_factory, made)
    meter = StarvationMeter(case.procs, len(case.shares), case.shares, alpha)
    for at_us, kind, index in case.events:
        job = case.jobs[index]
        if kind == SUBMIT:
            meter.submitted(job.user, index, at_us)
        elif kind == START:
            meter.started(job.user, index, at_us, job.run_us, case.area(index))
    longest = max(job.run_us for job in case.jobs)
    for user, share in case.shares.items():
        waits, before = [0], 0
        for index in case.of(user):
            # It is the head from when all that came before it have started, if it has not itself started by then.
            head_us = max(before, case.jobs[index].submit_us)
            waits.append(case.starts[index] - head_us)
            before = max(before, case.starts[index])
        tail = Fraction(2 * case.registered * case.largest_of(user) * 1_000, alpha * share) + case.largest
        bound = longest + tail / case.procs
        assert meter.head_waits_us()[user] == max(waits)
        assert meter.bounds_us()[user] == bound
        assert meter.starvations()[user] == max(waits) / bound


@given(amounts=st.lists(st.integers(0, 10**14), max_size=60), milli=st.integers(1, 1_000))
def test_quantiles_of_few_are_exact(amounts: list[int], milli: int) -> None:
    found = Distribution()
    for amount in amounts:
        found.add(amount)
    ranked = sorted(amounts)
    expected = next((one for rank, one in enumerate(ranked, 1) if rank * 1_000 >= milli * len(ranked)), 0)
    assert found.quantile(milli) == expected
    assert [*found.steps()] == [(one, sum(other <= one for other in ranked)) for one in sorted(set(ranked))]


@given(seed=st.lists(st.integers(0, 10**14), min_size=1, max_size=30), milli=st.integers(1, 1_000))
def test_quantiles_of_many_are_close_and_never_too_small(seed: list[int], milli: int) -> None:
    amounts = [one + shift for shift in range(EXACT_MAX // len(seed) + 1) for one in seed]
    found = Distribution()
    for amount in amounts:
        found.add(amount)
    expected = sorted(amounts)[-(-milli * len(amounts) // 1_000) - 1]
    assert expected <= found.quantile(milli) <= expected + expected // 128 + 1
    assert found.quantile(1_000) == max(amounts) == found.largest
    assert [*found.steps()][-1] == (max(amounts), len(amounts))


def test_a_quantile_is_a_part() -> None:
    for milli in (0, 1_001):
        with pytest.raises(ValueError, match="thousandths"):
            Distribution().quantile(milli)


@given(
    changes=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 9)), min_size=1, max_size=60), last=st.integers(1, 90)
)
def test_levels(changes: list[tuple[int, int]], last: int) -> None:
    closed: list[int] = []
    levels = Levels(1, lambda: closed.append(levels.now_us))
    each: list[int] = []  # the level in each second
    value = 0
    for pause, new in [*changes, (last, 0)]:
        levels.advance(levels.now_us + pause * S)
        each += [value] * pause
        levels.change(0, new - value)
        value = new
    width = levels.width_us // S
    assert levels.now_us == len(each) * S
    parts = [each[place : place + width] for place in range(0, len(each), width)]
    assert len(parts) <= BINS_MAX
    assert len(each) < BINS_MAX or len(parts) >= BINS_MAX // 2
    assert levels.means(0) == [sum(part) / len(part) for part in parts]
    assert levels.largest(0) == [max(part) for part in parts]
    assert levels.ends_us() == [min((place + 1) * width, len(each)) * S for place in range(len(parts))]
    assert closed == sorted(set(closed))


def test_splitting_gains_nothing_in_the_counting() -> None:
    """Work that waits for 10 s and is then done in 20 s, as one job, as two beside, and as two after one another."""
    whole, beside, after = Delay(), Delay(), Delay()
    whole.started(10 * S, 20 * S, 40 * S)
    for _ in range(2):
        beside.started(10 * S, 20 * S, 20 * S)
    for wait_s in (10, 20):
        after.started(wait_s * S, 10 * S, 20 * S)
    assert whole.mean_s() == beside.mean_s() == after.mean_s() == 20
    assert Delay().mean_s() == 0


def test_what_is_owed_goes_by_the_shares_of_each_moment() -> None:
    """Two users of a machine of 8, with 1 and 3 of 4 shares, and 2 and 2 from half time on."""
    service, lag, envy = ServiceMeter(8, 2, {1: 1, 2: 3}), LagMeter(2, {1: 1, 2: 3}), EnvyMeter({1: 1, 2: 3})
    for number in (1, 2):
        for _ in range(2):
            service.submitted(number, 0, 8)
            lag.submitted(number)
            envy.submitted(number, 80)
    meters: tuple[ServiceMeter | LagMeter | EnvyMeter, ...] = (service, lag, envy)
    for meter in meters:
        meter.started(1, 80)
    service.entitled({1: 2, 2: 2}, 10)
    lag.entitled({1: 2, 2: 2})
    envy.entitled({1: 2, 2: 2})
    service.ended(1, 10, 8)
    for meter in meters:
        meter.started(1, 80)
    service.ended(1, 20, 8)
    assert service.owed(1, 20) == 2 * 10 + 4 * 10
    assert service.owed(2, 20) == 6 * 10 + 4 * 10
    for meter in meters:
        meter.started(2, 80)
    # Of the first 80 user 2 was owed three quarters, of the others the half; user 1 took them all.
    assert lag.lags()[2] == service.max_lag_units() == Fraction(60 + 40, 80)
    assert lag.leads()[1] == service.max_lead_units() == Fraction(60 + 40, 80)
    # In the place of user 1 it would have had three times the first 80, and as much as the others.
    assert envy.envies()[2] == Fraction(160, 80)  # but it had no more to run than that
    service.entitled({1: 1, 2: 3}, 20)
    assert service.max_lag_units() == service.max_lead_units() == Fraction(60 + 40, 80)
