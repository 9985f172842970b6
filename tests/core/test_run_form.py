"""A run of units costs its domain what its units cost one by one, however it is split, returned or finished.

One by one they may be served from other tiers: a run is of the entitlement if its first unit is. So where the two are
compared, all of it is of one tier.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import FinishUnits, ReturnUnits
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import TIME_MAX_US
from meted.core.record import replaced
from meted.core.spans import runs_of, total
from meted.core.tags import ENTITLED

from .helper import MS, SECOND, World, cpus

shares = st.integers(1, 10**9)
times = st.integers(0, 10 * SECOND)
Fate = tuple[bool, int]  # finished (or returned), and the time it took


def prepared(
    share: int, others: int, estimate_us: int, count: int, cpu: int, *, is_owed: bool = True
) -> tuple[World, WorkerId, JobId]:
    """Return a world in which another domain has a lease already, so that there is a clock.

    A domain that is owed something is owed more than any run here is worth; else it is far ahead of the clock.
    """
    world = World()
    world.domain("other", others)
    world.domain("d", share)
    worker = world.worker(100)
    job = world.submit("d", count, time_request_us=estimate_us, request=cpus(cpu))
    large = world.submit("other" if is_owed else "d", time_request_us=TIME_MAX_US, request=cpus(90))
    world.lease(worker, large)
    return world, worker, job


def report(world: World, worker: WorkerId, lease: LeaseId, units: list[int], fate: Fate) -> None:
    """Finish or return units of a lease."""
    finished, took_us = fate
    spans = runs_of(sorted(units))
    if finished:
        world.do(FinishUnits(0, worker, lease, spans, (took_us,) * total(spans)))
    else:
        world.do(ReturnUnits(0, worker, lease, spans))


@given(
    st.data(),
    shares,
    shares,
    st.integers(1, 100 * MS),
    st.integers(1, 3),
    st.lists(st.tuples(st.booleans(), times), min_size=1, max_size=30),
    st.booleans(),
)
def test_a_run_ends_like_its_units(
    data: st.DataObject, share: int, others: int, estimate_us: int, cpu: int, fates: list[Fate], is_owed: bool
) -> None:
    """S and usage are equal bit by bit, and V; so is everything else but the leases' ids and the last run's length.

    The lead is what the last run was charged, and that is one of many units or of one.
    """
    count = len(fates)
    runs, worker, job = prepared(share, others, estimate_us, count, cpu, is_owed=is_owed)
    units, _, _ = prepared(share, others, estimate_us, count, cpu, is_owed=is_owed)
    begin = runs.account().tag, runs.state.jobs.clock - runs.state.jobs.debt
    with runs, units:
        lease = runs.lease(worker, job, count)
        singles = [units.lease(worker, job) for _ in range(count)]
        assert {bool(lease.charged & ENTITLED) for one in (runs, units) for lease in one.leases()[1:]} == {is_owed}
        assert runs.account().tag == units.account().tag
        assert runs.state.jobs.clock == units.state.jobs.clock
        order = data.draw(st.permutations(range(count)))
        while order:
            size = data.draw(st.integers(1, len(order)))
            part, order = order[:size], order[size:]
            for fate in sorted({fates[index] for index in part}):
                same = [index for index in part if fates[index] == fate]
                report(runs, worker, lease, same, fate)
                for index in same:
                    report(units, worker, singles[index], [index], fate)
        assert replaced(runs.account(), lead=0) == replaced(units.account(), lead=0)
        assert clock(runs) == clock(units)
        assert runs.job(job).succeeded == units.job(job).succeeded
        assert runs.job(job).requeued == units.job(job).requeued
        if not is_owed and not any(finished for finished, _ in fates):
            assert (runs.account().tag, clock(runs)) == begin


def clock(world: World) -> int:
    """Return V: all service so far over all shares."""
    return world.state.jobs.clock - world.state.jobs.debt


@given(shares, shares, st.integers(1, 100 * SECOND), st.integers(1, 1024), st.booleans())
def test_a_return_refunds_exactly(share: int, others: int, estimate_us: int, count: int, is_owed: bool) -> None:
    world, worker, job = prepared(share, others, estimate_us, count + 1, 1, is_owed=is_owed)
    with world:
        account, at = world.account(), clock(world)
        lease = world.lease(worker, job, count)
        assert (world.account().tag > account.tag) == is_owed
        assert world.account().usage > account.usage
        world.give_back(lease)
        assert (replaced(world.account(), lead=account.lead), clock(world)) == (account, at)
        assert world.job(job).pending_count == count + 1


@given(shares, shares, st.integers(1, 100 * SECOND), st.integers(1, 1024))
def test_a_return_of_all_that_waited_refunds_exactly(share: int, others: int, estimate_us: int, count: int) -> None:
    """Who has nothing else waiting, and was served at once, stands where it stood, but for what V was rounded up."""
    with World() as world:
        world.domain("other", others)
        world.domain("d", share)
        worker = world.worker(100)
        world.lease(worker, world.submit("other", time_request_us=10**6 * SECOND))
        job = world.submit("d", count, time_request_us=estimate_us)
        account, at = world.account(), clock(world)
        lease = world.lease(worker, job, count)
        assert world.account().tag > account.tag
        world.give_back(lease)
        assert (replaced(world.account(), lead=account.lead), clock(world)) == (account, at)


def test_a_return_banks_no_idle_time() -> None:
    """A domain of which all units were out stands at V when one comes back to wait, less what that one had cost it."""
    with World() as world:
        world.domain("other")
        world.domain("d")
        worker = world.worker(100)
        lease = world.lease(worker, world.submit("d", 1, time_request_us=SECOND))
        world.lease(worker, world.submit("other", 1, time_request_us=1000 * SECOND))
        at, before = clock(world), world.account().tag
        assert before < at
        world.give_back(lease)
        assert at - before < clock(world) < at
        assert world.account().tag == clock(world) - before


def test_a_run_is_of_the_tier_of_its_first_unit() -> None:
    with World() as world:
        for name in ("a", "other"):
            world.domain(name, 1)
        worker, job = world.worker(10), world.submit("a", 12, time_request_us=10 * MS)
        account = world.account("a")
        world.lease(worker, job, 10)
        run = world.leases()[0]
        assert run.charged & ENTITLED
        assert world.account("a").tag - account.tag == 10 * -(-(run.size * 1000 << 20) // 750)
        world.lease(worker, job, 2)
        assert not world.leases()[1].charged & ENTITLED
        assert world.account("a").usage == 12 * run.size


@given(shares, shares, st.integers(1, 100 * SECOND), st.integers(1, 100 * SECOND))
def test_a_unit_costs_what_it_took_whatever_was_estimated(share: int, others: int, one_us: int, other_us: int) -> None:
    took_us = 3 * SECOND
    ends = []
    for estimate_us in (one_us, other_us):
        world, worker, job = prepared(share, others, estimate_us, 1, 2)
        with world:
            world.finish(world.lease(worker, job), run_us=took_us)
            ends.append((world.account().tag, clock(world)))
    assert ends[0] == ends[1]
