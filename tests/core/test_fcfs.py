"""First come, first served: the first that does not fit stops the pass (row G23)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import ChangeDomain

from .helper import SECOND, cpus, examples
from .playing import Play

jobs = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8), st.integers(1, 30)), min_size=1, max_size=25)


@examples(40)
@given(jobs, st.integers(1, 3))
def test_jobs_start_in_the_order_in_which_they_came(drawn: list[tuple[int, int, int]], workers: int) -> None:
    """Row G23: the order of the input is that of the starts."""
    play = Play("fcfs", *[8] * workers)
    ids = []
    for gap, width, length in drawn:
        play.run_to(play.world.now_us + gap * SECOND)
        ids.append(play.submit(width, length * SECOND))
    play.run_out()
    starts = [play.starts[job_id][0] for job_id in ids]
    assert starts == sorted(starts)
    assert len(play.finishes) == len(ids)
    play.world.check()


def test_the_head_stops_all_others() -> None:
    play = Play("fcfs", 4)
    play.submit(3, 10 * SECOND)
    wide = play.submit(2, SECOND)
    narrow = play.submit(1, SECOND)
    play.run_out()
    assert play.starts[wide][0] == play.starts[narrow][0] == 10 * SECOND


def test_priority_goes_before_submission() -> None:
    play = Play("fcfs", 1)
    low = play.world.submit(priority=-1)
    usual = play.world.submit()
    high = play.world.submit(priority=5)
    served = []
    for _ in range(3):
        (lease,) = play.world.run_pass()
        served.append(lease.job_id)
        play.world.finish(lease.lease_id)
    assert served == [high, usual, low]


def test_what_no_worker_could_ever_hold_stops_nobody() -> None:
    play = Play("fcfs", 4)
    giant = play.submit(5, SECOND)
    small = play.submit(1, SECOND)
    play.run_out()
    assert small in play.starts
    assert giant not in play.starts
    play.world.worker(5)
    play.run_pass()
    assert giant in play.starts


def test_a_domain_at_its_cap_stops_nobody() -> None:
    play = Play("fcfs", 4)
    play.world.domain("capped", cap=cpus(1))
    first = play.submit(1, 10 * SECOND, domain="capped")
    second = play.submit(1, 10 * SECOND, domain="capped")
    other = play.submit(1, 10 * SECOND)
    play.run_pass()
    assert set(play.starts) == {first, other}
    play.world.do(ChangeDomain(0, "capped", 1000, cpus(2)))
    play.run_pass()
    assert set(play.starts) == {first, second, other}


def test_the_end_of_a_worker_s_life_frees_the_queue() -> None:
    """The head fits only a worker that will not live long enough any more: from then on it stops nobody."""
    play = Play("fcfs")
    play.world.worker(2, until_us=10 * SECOND)
    play.submit(1, 8 * SECOND)
    head = play.submit(2, 5 * SECOND)
    behind = play.submit(1, SECOND)
    play.run_pass()
    assert behind not in play.starts
    play.world.tick(6 * SECOND)
    play.run_pass()
    assert behind in play.starts
    assert head not in play.starts
