"""Shortest first: over the whole queue, or only behind a head that keeps its reservation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import ChangePriority
from meted.core.explain import explain
from meted.core.ids import JobId
from meted.core.policy.easy_sjbf import EasySjbf

from .helper import SECOND, World, cpus, examples
from .playing import Play


def served_in_turn(world: World) -> list[JobId]:
    """Return the jobs of a pool of one cpu in the order in which they are leased."""
    served = []
    while made := world.run_pass():
        served += [lease.job_id for lease in made]
        world.finish(made[0].lease_id)
    return served


def test_the_shortest_goes_first_and_who_names_no_time_last() -> None:
    world = World("sjf")
    world.worker(1)
    unknown = world.submit()
    long, short, equal = (world.submit(time_request_us=seconds * SECOND) for seconds in (9, 2, 2))
    assert served_in_turn(world) == [short, equal, long, unknown]


def test_priority_goes_before_time() -> None:
    world = World("sjf")
    world.worker(1)
    short = world.submit(time_request_us=SECOND)
    long = world.submit(time_request_us=9 * SECOND, priority=1)
    longest = world.submit(time_request_us=99 * SECOND)
    world.do(ChangePriority(0, longest, 2))
    assert served_in_turn(world) == [longest, long, short]


def test_a_head_that_waits_loses_its_place_to_a_shorter_one() -> None:
    """And nothing is started past a head that does not fit."""
    play = Play("sjf", 4)
    play.submit(3, 10 * SECOND)
    play.run_pass()
    wide = play.submit(4, 5 * SECOND)
    behind = play.submit(1, 6 * SECOND)
    play.run_pass()
    assert behind not in play.starts
    play.run_to(2 * SECOND)
    shorter = play.submit(1, SECOND)
    play.run_pass()
    assert play.starts[shorter][0] == 2 * SECOND
    play.run_out()
    assert (play.starts[wide][0], play.starts[behind][0]) == (10 * SECOND, 15 * SECOND)


def test_behind_the_head_the_shortest_is_backfilled_first() -> None:
    """The same queue under three policies; one processor is free until the head is due."""
    started = {}
    for policy in ("easy", "easy-sjbf", "easy-sjf"):
        play = Play(policy, 4)
        play.submit(3, 10 * SECOND)
        play.run_pass()
        head = play.submit(4, 20 * SECOND)
        first, second = play.submit(1, 9 * SECOND), play.submit(1, 4 * SECOND)
        play.run_out()
        started[policy] = [play.starts[job_id][0] // SECOND for job_id in (head, first, second)]
    assert started == {"easy": [10, 0, 30], "easy-sjbf": [10, 30, 0], "easy-sjf": [13, 4, 0]}


def test_the_depth_counts_the_shortest() -> None:
    for depth, expected in ((1, False), (2, True), (None, True)):
        play = Play(EasySjbf(depth), 4)
        play.submit(3, 10 * SECOND)
        play.submit(4, SECOND)
        longer = play.submit(1, 9 * SECOND)
        play.submit(2, 8 * SECOND)
        play.run_pass()
        assert (longer in play.starts) == expected


jobs = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(1, 20), st.integers(0, 20)), min_size=2, max_size=25
)


@examples(60)
@given(jobs)
def test_a_head_by_submission_starts_by_its_first_promise(drawn: list[tuple[int, int, int, int]]) -> None:
    """P17, where estimates are upper bounds: whoever is tried first behind the head, the head is not delayed."""
    play = Play("easy-sjbf", 8)
    promised: dict[JobId, int] = {}
    waiting: list[JobId] = []

    def look() -> None:
        play.run_pass()
        waiting[:] = [job_id for job_id in waiting if job_id not in play.starts]
        if waiting:
            promised.setdefault(waiting[0], shadow_us(play, waiting[0]))

    for gap, width, length, slack in drawn:
        until_us = play.world.now_us + gap * SECOND
        while play.world.now_us < until_us:
            play.advance(until_us)
            look()
        waiting.append(play.submit(width, length * SECOND, (length + slack) * SECOND))
        look()
    while play.advance():
        look()
    assert len(play.finishes) == len(drawn)
    assert not {job_id for job_id, at_us in promised.items() if play.starts[job_id][0] > at_us}


def shadow_us(play: Play, job_id: JobId) -> int:
    """Return by when a job that does not fit should fit, by nothing but the estimated ends of what runs."""
    state = play.world.state
    free = 8_000 - sum(state.jobs.jobs[lease.job_id].terms.request.cpu_milli for lease in state.jobs.leases.values())
    for lease in sorted(state.jobs.leases.values(), key=lambda lease: lease.ends_us):
        free += state.jobs.jobs[lease.job_id].terms.request.cpu_milli
        if free >= state.jobs.jobs[job_id].terms.request.cpu_milli:
            return lease.ends_us
    raise AssertionError("an empty machine holds every job")


def said(world: World, job_id: JobId) -> str:
    """Return why a job waits."""
    (part,) = explain(world.state, world.engine.index, job_id, world.now_us)
    return part.sentence


def test_who_is_ahead_is_said_with_the_rule() -> None:
    world = World("sjf")
    world.worker(1)
    world.submit(time_request_us=50 * SECOND)
    world.run_pass()
    long = world.submit(time_request_us=30 * SECOND)
    short = world.submit(time_request_us=20 * SECOND)
    assert "It is first in the queue." in said(world, short)
    assert (
        f"1 job is ahead of it in the queue (by priority, then by the time asked for, shortest first), job {short}"
        in (said(world, long))
    )


def test_who_is_tried_before_it_is_said() -> None:
    world = World("easy-sjbf")
    world.worker(2)
    world.submit(time_request_us=50 * SECOND)
    world.run_pass()
    head = world.submit(request=cpus(2), time_request_us=30 * SECOND)
    world.submit(request=cpus(7), time_request_us=SECOND)  # fits no worker, so it is ahead of nobody
    long = world.submit(time_request_us=70 * SECOND)
    longer = world.submit(time_request_us=80 * SECOND)
    world.run_pass()
    assert "shortest" not in said(world, head)
    assert "and that is this one" in said(world, long)
    assert "1 job that asks for less time goes before it" in said(world, longer)
    assert f"could delay job {head}, for which room is kept" in said(world, longer)
