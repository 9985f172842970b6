"""Cases in which the entitlement clock once went wrong, kept as they were found."""

from __future__ import annotations

from fractions import Fraction
from heapq import heappop, heappush

import pytest

from meted.core.commands import ChangeDomain, EndReservation, RejoinWorker, ReserveWorker
from meted.core.effects import KeepLeases
from meted.core.errors import Reason
from meted.core.ids import JobId, LeaseId
from meted.core.resources import Resources
from meted.core.state import Lease

from .helper import SECOND, World, cpus

NO_CPU = Resources(cpu_milli=1)


class Farm(World):
    """A world in which leased units really take a while and end in order."""

    def __init__(self) -> None:
        super().__init__("meted")
        self.took_us: dict[JobId, int] = {}
        self.ends: list[tuple[int, LeaseId]] = []

    def plan(self, domain: str, count: int, took_us: int, says_us: int | None = None, cpu: int = 1) -> JobId:
        """Submit units that take ``took_us`` each and say so, or say something else."""
        job_id = self.submit(domain, count, time_request_us=says_us or took_us, request=cpus(cpu))
        self.took_us[job_id] = took_us
        return job_id

    def dispatch(self) -> list[Lease]:
        """Run passes until nothing more is leased, and return the leases."""
        made: list[Lease] = []
        while True:
            new = self.run_pass()
            for lease in new:
                heappush(self.ends, (self.now_us + lease.count * self.took_us[lease.job_id], lease.lease_id))
            made += new
            if not self.engine.more:
                return made

    def advance(self) -> None:
        """Go to when the next leases end, and report them."""
        self.now_us = self.ends[0][0]
        while self.ends and self.ends[0][0] <= self.now_us:
            lease_id = heappop(self.ends)[1]
            self.finish(lease_id, run_us=self.took_us[self.state.jobs.leases[lease_id].job_id])

    def domain_of(self, lease: Lease) -> str:
        """Return the name of the domain of a lease."""
        return self.state.domains.domains[self.job(lease.job_id).terms.domain_id].name


def test_short_work_of_another_shape_makes_long_work_no_more_urgent() -> None:
    farm = Farm()
    farm.worker(cpus(1, 10))
    farm.domain("i", 50)
    farm.plan("i", 1000, 10 * SECOND)
    for number in range(12):
        name = f"j{number}"
        farm.domain(name, 1)
        farm.plan(name, 1000, 40 * SECOND)
        short = farm.submit(name, 1000, time_request_us=SECOND, request=cpus(1, 5))
        farm.took_us[short] = SECOND
    served = mine = 0
    for _ in range(300):
        for lease in farm.dispatch():
            took_s = farm.took_us[lease.job_id] // SECOND
            served += took_s
            mine += took_s if farm.domain_of(lease) == "i" else 0
            assert Fraction(50, 62) * served - mine < 40  # P3: less than the largest unit, in cpu-seconds
        farm.advance()


def test_a_domain_that_could_not_be_served_shuts_out_nobody_when_it_returns() -> None:
    farm = Farm()
    farm.worker(1)
    for name in "abx":
        farm.domain(name, 1, cap=NO_CPU if name == "x" else None)
        farm.plan(name, 5000, SECOND)
    for _ in range(500):
        farm.dispatch()
        farm.advance()
    farm.do(ChangeDomain(farm.now_us, "x", 1, None))
    order = ""
    for _ in range(40):
        order += "".join(farm.domain_of(lease) for lease in farm.dispatch())
        farm.advance()
    assert "xxxxxx" not in order
    assert min(order.count(name) for name in "abx") >= 10


@pytest.mark.parametrize("giant", [False, True])
def test_a_long_request_once_does_not_stop_draining_for_ever(giant: bool) -> None:
    farm = Farm()
    for _ in range(2):
        farm.worker(4)
    farm.domain("g")
    if giant:
        farm.plan("g", 1, SECOND, says_us=30 * 86_400 * SECOND, cpu=4)
        farm.dispatch()
        farm.advance()
    for number in range(4):
        farm.plan(f"a{number}", 10**6, (7 + number) * SECOND)
    for _ in range(8):
        farm.dispatch()
        farm.advance()
    wide, submitted_us = farm.plan("b", 1, 10 * SECOND, cpu=4), farm.now_us
    while not any(lease.job_id == wide for lease in farm.dispatch()):
        farm.advance()
        assert farm.now_us - submitted_us < 120 * SECOND


def test_nobody_is_drained_for_where_all_units_are_alike() -> None:
    farm = Farm()
    farm.worker(3)
    for number, took_s in enumerate((1, 7, 40)):
        farm.plan(f"d{number}", 1000, took_s * SECOND)
    for _ in range(300):
        farm.dispatch()
        assert all(worker.reserved_for is None for worker in farm.state.workers.workers.values())
        farm.advance()


def test_the_results_of_one_report_are_bounded_together() -> None:
    world = World()
    worker = world.worker()
    lease_id = world.lease(worker, world.submit(count=5), 5)
    body = bytes(16 * 2**20)
    report = world.report(lease_id, results=tuple((index, body) for index in range(5)))
    world.refused(report, Reason.TOO_LARGE)
    world.finish(lease_id, results=tuple((index, body) for index in range(4)))


def test_one_worker_is_reserved_at_a_time() -> None:
    world = World()
    first, second = world.worker(), world.worker()
    job_id = world.submit()
    world.do(ReserveWorker(world.now_us, first, job_id, SECOND))
    world.refused(ReserveWorker(world.now_us, second, job_id, SECOND), Reason.WORKER_UNAVAILABLE)
    world.cancel(job_id)
    world.do(EndReservation(world.now_us, first))


def test_a_worker_that_was_not_missed_is_told_what_it_holds() -> None:
    world = World()
    worker = world.worker()
    lease_id = world.lease(worker, world.submit())
    world.commit()
    world.do(RejoinWorker(world.now_us, worker, ((lease_id, ((0, 1),)),)))
    assert world.commit() == (KeepLeases(worker, (lease_id,)),)
