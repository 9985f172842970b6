"""Wide units against an endless stream of narrow ones, under the default policy: one worker is emptied for them."""

from __future__ import annotations

import pytest

from meted.core.commands import ChangeDomain, SetRules
from meted.core.events import ReservationEnded, WorkerReserved
from meted.core.ids import JobId
from meted.core.resources import Resources

from .helper import MS, SECOND, cpus
from .playing import Play

NARROW = ("a", "b", "c")


def stream(play: Play, seconds: int, took_us: int, estimate_us: int | None = None) -> None:
    """Keep three domains backlogged with 1-cpu units, staggered so that no worker is ever empty by itself."""
    until_us = play.world.now_us + seconds * SECOND
    while play.world.now_us < until_us:
        feed(play, took_us, estimate_us)
        play.run_pass()
        assert sum(worker.reserved_for is not None for worker in play.world.state.workers.workers.values()) <= 1
        play.advance(until_us)


def feed(play: Play, took_us: int, estimate_us: int | None = None) -> None:
    """Let more units wait in each domain than a pass can serve."""
    for at, name in enumerate(NARROW):
        domain_id = play.world.state.domains.by_name.get(name)
        account = None if domain_id is None else play.world.state.jobs.accounts.get(domain_id)
        while account is None or account.backlog < 3:
            play.submit(1, took_us + 170 * MS * at, estimate_us, name, count=10)
            account = play.world.account(name)


def bound_us(play: Play, job_id: JobId, cpu_total: int, longest_us: int) -> int:
    """Return by when a wide unit should have started: its clock wait, one more of its size, and a drain.

    It is overdue once V has passed its deadline by one unit of its size: (Phi l / g + l) / m; then its worker empties.
    Rounds of narrow work that is in flight add a longest unit each time.
    """
    terms = play.world.job(job_id).terms
    shares = play.world.state.domains
    share = shares.domains[terms.domain_id].share
    assert terms.time_request_us is not None
    size = terms.request.cpu_milli // 1000 * terms.time_request_us
    return (size * shares.total_share // share + size) // cpu_total + 4 * longest_us


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("took_us", [SECOND, 40 * MS], ids=["seconds", "runs"])
def test_a_whole_machine_unit_starts_within_its_bound(workers: int, took_us: int) -> None:
    play = Play("meted", *[4] * workers)
    stream(play, 10, took_us)
    wide = play.submit(4, 5 * SECOND, domain="wide")
    submitted_us = play.world.now_us
    bound = bound_us(play, wide, 4 * workers, 2 * SECOND)
    stream(play, 2 * bound // SECOND, took_us)
    assert wide in play.starts, "it starved"
    assert play.starts[wide][0] - submitted_us <= bound
    reservations = [event for event in play.world.log if isinstance(event, WorkerReserved)]
    assert [event.job_id for event in reservations] == [wide] * len(reservations)
    assert len(reservations) == sum(isinstance(event, ReservationEnded) for event in play.world.log)
    play.world.check()


@pytest.mark.parametrize("alpha_milli", [1000, 750])
def test_a_stream_of_wide_units_gets_its_share(alpha_milli: int) -> None:
    """A domain with half the shares and whole-machine units only has nearly alpha times half, drains included.

    The pool does not wait for what fits nowhere, so narrow work has most of it.
    """
    play = Play("meted", 4)
    play.world.do(SetRules(0, alpha_milli))
    play.world.domain("wide", 3000)
    for _ in range(40):
        play.submit(4, 2 * SECOND, domain="wide")
    stream(play, 160, SECOND)
    wide = [job_id for job_id, job in play.world.state.jobs.jobs.items() if job.terms.request == cpus(4)]
    service = sum(job_id in play.starts for job_id in wide) * 4 * 2
    assert service >= 0.45 * 160 * 4 * alpha_milli // 1000, f"the wide domain had {service} of {160 * 4} cpu-seconds"


@pytest.mark.parametrize(
    "request_",
    [cpus(4, 100), cpus(1, 100), cpus(1, gpu=2), cpus(0, 90, gpu=1)],
    ids=["all", "mem", "gpus", "mem and gpu"],
)
def test_every_resource_can_be_the_scarce_one(request_: Resources) -> None:
    """The stream holds a gpu and memory on every worker at all times."""
    play = Play("meted", cpus(4, 100, gpu=2), cpus(4, 100, gpu=2))
    for at in range(4):
        play.submit(cpus(1, 30, gpu=1), (3 + at) * SECOND, domain="g", count=500)
    play.run_to(5 * SECOND)
    wide = play.submit(request_, 4 * SECOND, domain="wide")
    play.run_to(120 * SECOND)
    assert wide in play.starts, "it starved"
    play.world.check()


@pytest.mark.parametrize("user", ["a", "b"])
def test_a_whole_machine_unit_is_not_starved_by_its_own_domain(user: str) -> None:
    """The clock of domains sees nothing of it: those of the users and of a user's jobs say that it is overdue."""
    play = Play("meted", 4)
    world, narrow = play.world, dict[int, JobId]()

    def go_on(seconds: int) -> None:
        until_us = world.now_us + seconds * SECOND
        while world.now_us < until_us:
            for at in range(3):  # of very different lengths, so that no worker is ever empty by itself
                if at not in narrow or not world.job(narrow[at]).is_backlogged:
                    narrow[at] = play.submit(1, SECOND + 370 * MS * at, domain="d", user="a", count=50)
            play.run_pass()
            play.advance(until_us)

    go_on(10)
    wide = play.submit(4, 5 * SECOND, domain="d", user=user)
    go_on(60)
    assert wide in play.starts, "it starved"
    play.world.check()


def test_no_worker_is_emptied_for_what_a_cap_keeps_back() -> None:
    play = Play("meted", 4)
    play.world.domain("wide", 3000, cap=cpus(3))
    stream(play, 5, SECOND)
    play.submit(4, 5 * SECOND, domain="wide")
    stream(play, 60, SECOND)
    assert not [event for event in play.world.log if isinstance(event, WorkerReserved)]


def test_no_lease_takes_a_domain_over_its_cap_though_a_worker_was_emptied_for_it() -> None:
    """The cap came while the worker was being emptied; once it is gone the unit starts."""
    play = Play("meted", 4)
    stream(play, 10, SECOND)
    wide = play.submit(4, 5 * SECOND, domain="wide")
    while not any(worker.reserved_for for worker in play.world.state.workers.workers.values()):
        stream(play, 1, SECOND)
        assert play.world.now_us < 300 * SECOND, "no worker was reserved"
    play.world.do(ChangeDomain(play.world.now_us, "wide", 1000, cap=cpus(3)))
    play.run_to(play.world.now_us + 5 * SECOND)
    assert not play.ends, "the worker is empty"
    assert wide not in play.starts
    play.world.do(ChangeDomain(play.world.now_us, "wide", 1000))
    play.run_pass()
    assert wide in play.starts


def test_shorter_work_backfills_up_to_the_shadow() -> None:
    """While a worker empties, work that ends in time still goes there, and work that does not stays away."""
    play = Play("meted", 4)
    long = [play.submit(1, 60 * SECOND, domain="a") for _ in range(3)]
    play.run_pass()
    wide = play.submit(4, SECOND, domain="wide")
    play.world.tick(0)
    while not any(worker.reserved_for for worker in play.world.state.workers.workers.values()):
        play.submit(1, SECOND, domain="b")
        play.run_pass()
        assert play.advance(play.world.now_us + 10 * SECOND)
        assert play.world.now_us < 55 * SECOND, "no worker was reserved"
    play.run_to(play.world.now_us + SECOND)
    timely = play.submit(1, SECOND, domain="b")
    tardy = play.submit(1, 100 * SECOND, domain="c")
    play.run_pass()
    assert timely in play.starts
    assert tardy not in play.starts
    play.run_out()
    assert play.starts[wide][0] == 60 * SECOND
    assert all(job_id in play.finishes for job_id in long)


def test_overrunning_estimates_delay_but_do_not_starve() -> None:
    play = Play("meted", 4)
    stream(play, 10, 2 * SECOND, estimate_us=200 * MS)
    wide = play.submit(4, 5 * SECOND, domain="wide")
    stream(play, 120, 2 * SECOND, estimate_us=200 * MS)
    assert wide in play.starts, "it starved"


def test_a_reservation_ends_with_its_job() -> None:
    play = Play("meted", 4)
    stream(play, 10, SECOND)
    wide = play.submit(4, 5 * SECOND, domain="wide")
    while not any(worker.reserved_for for worker in play.world.state.workers.workers.values()):
        stream(play, 1, SECOND)
        assert play.world.now_us < 300 * SECOND, "no worker was reserved"
    play.world.cancel(wide)
    play.run_pass()
    assert not any(worker.reserved_for for worker in play.world.state.workers.workers.values())
    stream(play, 5, SECOND)
