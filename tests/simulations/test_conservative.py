"""Conservative backfilling: what it promises, and what it does beyond one machine and good estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.ids import JobId
from meted.core.policy.rivals.conservative import Conservative, ConservativeIndex
from meted.core.policy.rivals.profile import Layout, Profile
from meted.core.resources import NOTHING, Resources
from meted.simulations.errors import SimulationError
from meted.simulations.event_orders import EventOrder
from meted.simulations.replay import Replay
from meted.simulations.traces.job import TraceJob

from ..core.helper import cpus
from ..core.playing import Play
from .driving import make_trace

S = 1_000_000

rows = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 5), st.integers(0, 5), st.integers(1, 8)), min_size=2, max_size=25
)


def whole_plan() -> Conservative:
    """Return the policy as it is simulated: everybody has a place, and what is late is so at once."""
    return Conservative(depth=None, slack_us=0)


class Watch:
    """Notes every place that was given, job by job in the order of time, and every start."""

    def __init__(self, folder: Path, jobs: list[TraceJob], event_order: EventOrder) -> None:
        self.starts: dict[int, int] = {}
        self.places: dict[JobId, list[int]] = {}
        self.replay = Replay(
            make_trace(folder, jobs, 8),
            whole_plan(),
            event_order,
            outcome=lambda job, at_us: self.starts.update({job.job_id: at_us}),
        )
        run_pass = self.replay.engine.run_pass

        def look(at_us: int, decisions_max: int) -> int:
            made = run_pass(at_us, decisions_max)
            index = self.replay.engine.index
            assert isinstance(index, ConservativeIndex)
            for job_id, place in index.places.items():
                self.places.setdefault(job_id, []).append(place.start_us)
                assert place.start_us > at_us or self.replay.engine.more
            assert all(job_id in index.places for job_id in index.shape_of) or self.replay.engine.more
            return made

        self.replay.engine.run_pass = look  # type: ignore[assignment,method-assign]
        assert self.replay.run()


@pytest.mark.parametrize("event_order", ["instant", "pyss"])
@given(drawn=rows)
def test_a_place_never_becomes_later_and_is_kept(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, int, int, int]], event_order: EventOrder
) -> None:
    """P17: no start after the place that was given at submission; every compression is monotone; nobody is without."""
    jobs = [
        TraceJob(n, 1, submit * S, run * S, (run + more) * S, procs)
        for n, (submit, run, more, procs) in enumerate(sorted(drawn), 1)
    ]
    watch = Watch(tmp_path_factory.mktemp("random"), jobs, event_order)
    assert len(watch.starts) == len(jobs)
    for job_id, places in watch.places.items():
        assert places == sorted(places, reverse=True)
        assert watch.starts[job_id] <= places[-1]


def test_an_order_in_which_it_could_not_keep_its_promise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="choose another --event-order"):
        Replay(make_trace(tmp_path, [TraceJob(1, 1, 0, S, S, 1)], 8), whole_plan(), "cqsim")


def test_a_place_in_the_middle_is_given_where_it_delays_nobody(tmp_path: Path) -> None:
    """A third job would delay the second by a second, a fourth just does not."""
    jobs = [TraceJob(1, 1, 0, 10 * S, 10 * S, 6), TraceJob(2, 1, S, S, S, 8)]
    jobs += [TraceJob(3, 1, 2 * S, 9 * S, 9 * S, 2), TraceJob(4, 1, 2 * S, 8 * S, 8 * S, 2)]
    watch = Watch(tmp_path, jobs, "instant")
    assert watch.starts == {1: 0, 2: 10 * S, 3: 11 * S, 4: 2 * S}


@pytest.mark.parametrize("event_order", ["instant", "pyss"])
def test_an_early_end_moves_everybody_forward(tmp_path: Path, event_order: EventOrder) -> None:
    jobs = [TraceJob(1, 1, 0, 3 * S, 100 * S, 6), TraceJob(2, 1, S, S, 2 * S, 8), TraceJob(3, 1, S, S, S, 3)]
    watch = Watch(tmp_path, jobs, event_order)
    assert watch.places[JobId(2)][0] == 100 * S
    assert watch.places[JobId(3)][0] == 102 * S
    assert watch.starts == {1: 0, 2: 3 * S, 3: 4 * S}


amounts = st.builds(
    lambda cpu, mem, gpu: Resources(cpu, mem, (("gpu", gpu),) if gpu else ()),
    *(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2)),
)
WHOLE = Resources(10, 2**53, (("gpu", 4),))


@given(st.lists(st.tuples(amounts, st.integers(0, 20), st.integers(1, 9)), max_size=12), amounts, st.integers(1, 9))
def test_a_profile_equals_counting(drawn: list[tuple[Resources, int, int]], wanted: Resources, length_us: int) -> None:
    """Several resources: what is taken fits, the earliest place is the first that counting finds, giving undoes."""
    layout = Layout([WHOLE])
    whole, need = layout.pack(WHOLE), layout.pack(wanted)
    assert whole is not None
    assert need is not None
    profile = Profile(whole, layout.guards, 0)
    taken: list[tuple[Resources, int, int]] = []

    def fits(amount: Resources, start_us: int, end_us: int) -> bool:
        return all(
            amount.plus(sum_of(held for held, begin, end in taken if begin <= at < end)).fits(WHOLE)
            for at in range(start_us, end_us)
        )

    def starts(amount: Resources, needs_us: int, at_us: int) -> bool:
        return fits(amount, at_us, at_us + needs_us)

    for amount, from_us, last_us in drawn:
        packed = layout.pack(amount)
        assert packed is not None
        start_us = profile.earliest(packed, last_us, from_us)
        assert start_us == first(partial(starts, amount, last_us), from_us)
        profile.take(packed, start_us, start_us + last_us)
        taken.append((amount, start_us, start_us + last_us))
    assert profile.earliest(need, length_us, 0) == first(partial(starts, wanted, length_us), 0)
    for amount, start_us, end_us in taken:
        packed = layout.pack(amount)
        assert packed is not None
        profile.give(packed, start_us, end_us)
    assert (profile.times, profile.frees) == ([0], [whole | layout.guards])


def sum_of(parts: Iterable[Resources]) -> Resources:
    """Return the sum of amounts."""
    total = NOTHING
    for part in parts:
        total = total.plus(part)
    return total


def first(is_so: Callable[[int], bool], from_us: int) -> int:
    """Return the first time from ``from_us`` on at which something is so."""
    at_us = from_us
    while not is_so(at_us):
        at_us += 1
    return at_us


def test_on_several_workers_the_earliest_place_counts() -> None:
    play = Play(whole_plan(), 4, 4)
    play.submit(4, 10 * S)
    play.submit(3, 6 * S)
    wide, narrow = play.submit(4, 5 * S), play.submit(1, 6 * S)
    late = play.submit(1, 7 * S)
    play.run_out()
    assert [play.starts[job_id] for job_id in (wide, narrow, late)] == [(6 * S, 2), (0, 2), (10 * S, 1)]


def test_the_next_unit_of_an_array_has_a_place() -> None:
    """Two of five units start, and the place of the third comes before whoever is submitted later."""
    play = Play(whole_plan(), 2)
    array = play.submit(1, 10 * S, count=5)
    assert len(play.run_pass()) == 2
    wide = play.submit(2, 5 * S)
    play.run_out()
    assert play.starts[wide][0] == 20 * S
    assert play.finishes[array] == 35 * S


def test_what_overruns_is_taken_to_need_as_long_again() -> None:
    """The second would start at 10 s; a third, of 9 s, passes it by as the first is then expected to run to 20 s."""
    play = Play(whole_plan(), 4)
    play.submit(3, 15 * S, estimate_us=10 * S)
    play.run_pass()
    second = play.submit(4, S)
    play.run_pass()
    play.run_to(10 * S)
    third = play.submit(1, 9 * S)
    play.run_pass()
    assert second not in play.starts
    assert play.starts[third][0] == 10 * S
    play.run_out()
    assert play.starts[second][0] == 19 * S


def test_who_is_at_a_cap_has_no_place_and_stops_nobody() -> None:
    play = Play(whole_plan(), 4)
    play.world.domain("capped", cap=cpus(1))
    running = play.submit(1, 10 * S, domain="capped")
    waiting = play.submit(1, 10 * S, domain="capped")
    wide = play.submit(3, 30 * S)
    play.run_pass()
    assert set(play.starts) == {running, wide}
    assert "It has no place in the plan yet." in play.world.engine.index.ahead_of(waiting)
    play.run_out()
    assert play.starts[waiting][0] == 10 * S


def test_who_waits_is_told_of_its_place() -> None:
    play = Play(whole_plan(), 4)
    play.submit(3, 10 * S)
    first, second = play.submit(4, 5 * S), play.submit(4, 5 * S)
    play.run_pass()
    said = play.world.engine.index.ahead_of
    assert said(first) == (
        "It has a place on worker 1 in 10 s, and starts then at the latest if nothing runs longer than estimated. "
        "It is first in the queue."
    )
    assert "in 15 s" in said(second)
    assert f"1 job is ahead of it in the queue (by priority, then submission), job {first} first." in said(second)
    assert play.world.engine.index.next_wake_us() == 10 * S


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.booleans()
        ),
        max_size=15,
    )
)
def test_everything_runs_whatever_the_estimates(drawn: list[tuple[int, int, int, int, int, bool]]) -> None:
    """Arrays, two workers, estimates too long and too short, and a domain with a cap: nobody waits for ever."""
    play = Play(whole_plan(), 4, 3)
    play.world.domain("capped", cap=cpus(4))
    for gap, width, length, estimate, count, is_capped in drawn:
        play.run_to(play.world.now_us + gap * S)
        domain = "capped" if is_capped else "d"
        play.submit(width, length * S, estimate * S, domain, count)
        play.run_pass()
    play.run_out()
    assert len(play.finishes) == len(drawn)
    assert not play.world.leases()
    play.world.check()
