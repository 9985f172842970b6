"""How often workers change from one job to another (row P24)."""

from __future__ import annotations

from meted.adapters.server.switches import Switches
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.state import State

ONE, TWO = WorkerId(1), WorkerId(2)
A, B = JobId(1), JobId(2)


def given(switches: Switches, *leases: tuple[WorkerId, JobId], first: int = 1) -> None:
    for number, (worker_id, job_id) in enumerate(leases, first):
        switches.given(LeaseId(number), worker_id, job_id)


def test_the_first_job_of_a_worker_is_no_change() -> None:
    switches = Switches(State())
    given(switches, (ONE, A), (ONE, A), (TWO, B))
    assert (switches.of(ONE), switches.of(TWO)) == (0, 0)


def test_what_a_worker_holds_is_loaded_and_so_is_the_last() -> None:
    switches = Switches(State())
    given(switches, (ONE, A), (ONE, B), (ONE, A), (ONE, B))
    assert switches.of(ONE) == 1, "both are there"
    switches.ended([LeaseId(number) for number in (1, 2, 3, 4)])
    given(switches, (ONE, B), first=5)
    assert switches.of(ONE) == 1, "it was the last"
    given(switches, (ONE, A), first=6)
    assert switches.of(ONE) == 2
    switches.ended([LeaseId(99)])
    switches.forget(ONE)
    assert switches.of(ONE) == 0
