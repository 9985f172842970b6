"""EASY backfilling: one reservation, for the head, which what starts behind it never delays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meted.core.engine import Engine
from meted.core.estimates import estimate_us
from meted.core.ids import JobId
from meted.core.policy.fcfs import QueueIndex
from meted.core.policy.shadow import earliest
from meted.core.resources import Resources

from .helper import MS, SECOND, World, cpus, examples
from .playing import Play


def ends_s(play: Play, arrivals: list[tuple[int, int, int]]) -> list[int]:
    """Play (arrival, run time = estimate, processors) in seconds, and return when each ended."""
    ids = []
    for arrival, run, procs in arrivals:
        play.run_to(arrival * SECOND)
        ids.append(play.submit(procs, run * SECOND))
        play.run_pass()
    play.run_out()
    return [play.finishes[job_id] // SECOND for job_id in ids]


def test_a_job_backfills_into_the_shadow_and_ends_at_it() -> None:
    """A case from the test suite of pyss, where it is known as easy_bf_input.0; its ends are published with it."""
    assert ends_s(Play("easy", 100), [(0, 100, 70), (1, 100, 80), (2, 100, 90), (50, 250, 20)]) == [100, 200, 400, 300]


def test_fcfs_would_not_have_backfilled() -> None:
    assert ends_s(Play("fcfs", 100), [(0, 100, 70), (1, 100, 80), (2, 100, 90), (50, 250, 20)]) == [100, 200, 300, 550]


def test_what_would_end_a_moment_after_the_shadow_waits() -> None:
    play = Play("easy", 4)
    play.submit(3, 10 * SECOND)
    head = play.submit(4, SECOND)
    late = play.submit(1, 10 * SECOND + 1)
    timely = play.submit(1, 10 * SECOND)
    play.run_pass()
    assert timely in play.starts
    assert late not in play.starts
    play.run_out()
    assert play.starts[head][0] == 10 * SECOND


def test_what_fits_beside_the_head_may_be_as_long_as_it_likes() -> None:
    play = Play("easy", 8)
    play.submit(6, 10 * SECOND)
    head = play.submit(6, SECOND)
    beside = play.submit(2, 1000 * SECOND)
    play.run_pass()
    assert beside in play.starts
    play.run_out()
    assert play.starts[head][0] == 10 * SECOND


def test_several_resources_are_reserved_together() -> None:
    """The head waits for a gpu and for memory; jobs of cpus alone pass it by."""
    play = Play("easy", cpus(4, 100, gpu=1))
    play.submit(cpus(1, 10, gpu=1), 10 * SECOND)
    head = play.submit(cpus(1, 95, gpu=1), SECOND)
    greedy = play.submit(cpus(1, 50), 20 * SECOND)
    modest = play.submit(cpus(1, 5), 20 * SECOND)
    play.run_pass()
    assert modest in play.starts
    assert greedy not in play.starts
    play.run_out()
    assert play.starts[head][0] == 10 * SECOND


def test_an_overrun_lease_counts_as_ending_now() -> None:
    play = Play("easy", 4)
    play.submit(3, 30 * SECOND, estimate_us=10 * SECOND)
    head = play.submit(4, SECOND)
    play.run_to(15 * SECOND)
    other = play.submit(1, 2 * SECOND)
    play.run_pass()
    assert other not in play.starts, "the head may start at any moment"
    play.run_out()
    assert play.starts[head][0] == 30 * SECOND


def test_the_depth_bounds_how_far_a_pass_looks() -> None:
    from meted.core.policy.easy import Easy

    for depth, expected in ((2, False), (3, True), (None, True)):
        play = Play(Easy(depth), 4)
        play.submit(3, 10 * SECOND)
        play.submit(4, SECOND)
        for _ in range(2):
            play.submit(2, SECOND)
        third = play.submit(1, SECOND)
        play.run_pass()
        assert (third in play.starts) == expected


def promise(play: Play) -> tuple[JobId, int] | None:
    """Return the head that waits, and by when it should start by the estimates."""
    index = play.world.engine.policy.index(play.world.state)
    assert isinstance(index, QueueIndex)
    index.wake(play.world.now_us)
    head = index.head()
    if head is None:
        return None
    job = head[0]
    estimated_us = estimate_us(play.world.state.jobs, job)
    shadow = earliest(index.capacity.candidates(), job.terms.request, play.world.now_us, estimated_us)
    return None if shadow is None else (job.job_id, shadow.at_us)


requests = st.builds(
    lambda cpu, mem, gpu: cpus(cpu, mem, gpu=gpu) if gpu else cpus(cpu, mem),
    *(st.integers(1, 8), st.integers(0, 20), st.integers(0, 1)),
)
jobs = st.lists(
    st.tuples(st.integers(0, 10), requests, st.integers(1, 30), st.integers(0, 20)), min_size=2, max_size=25
)


@examples(60)
@given(jobs, st.integers(1, 3))
def test_the_head_starts_by_its_first_promise(drawn: list[tuple[int, Resources, int, int]], workers: int) -> None:
    """P17, where estimates are upper bounds: several workers and resources."""
    play = Play("easy", *[cpus(8, 20, gpu=1)] * workers)
    promised: dict[JobId, int] = {}
    submitted = 0

    def look() -> None:
        play.run_pass()
        made = promise(play)
        if made is not None:
            promised.setdefault(*made)

    for gap, request, length, slack in drawn:
        until_us = play.world.now_us + gap * SECOND
        while play.world.now_us < until_us:
            look()
            play.advance(until_us)
        play.submit(request, length * SECOND, (length + slack) * SECOND)
        submitted += 1
        look()
    while play.advance():
        look()
    assert len(play.finishes) == submitted
    late = {job_id: (at, play.starts[job_id][0]) for job_id, at in promised.items() if play.starts[job_id][0] > at}
    assert not late
    play.world.check()


def test_a_shorter_estimate_is_noticed() -> None:
    """What another unit of its domain took tells that a job would end in time; an index made anew says the same."""
    world = World("easy")
    worker = world.worker(3)
    world.submit("r", time_request_us=SECOND)
    known = world.submit("c", 2, time_request_us=40 * MS)
    world.run_pass()
    world.submit("h", request=cpus(3))
    unknown = world.submit("c")
    assert world.run_pass() == []
    (lease,) = (lease for lease in world.leases() if lease.job_id == known)
    world.finish(lease.lease_id, ((0, 1),), MS)
    twin = Engine(world.engine.policy, world.state)
    twin.run_pass(world.now_us)
    assert [(made.worker_id, made.job_id) for made in world.run_pass()] == [(worker, unknown)]
    assert world.state == twin.state


def test_units_that_back_off_do_not_stop_the_pass() -> None:
    """A backfilled job of which one unit backs off and the other is leased now."""
    world = World("easy")
    world.worker(3)
    job = world.submit("b", 2, time_request_us=SECOND, retries=1, backoff_us=5 * SECOND)
    first, _ = world.run_pass()
    world.finish(first.lease_id, exits=((first.first, 1),))
    world.give_back(world.leases()[0].lease_id)
    hog = world.submit("r", request=cpus(2), time_request_us=10 * SECOND, priority=3)
    world.submit("h", request=cpus(3), time_request_us=SECOND, priority=2)
    assert [lease.job_id for lease in world.run_pass()] == [hog, job]
    assert world.job(job).out == 1
