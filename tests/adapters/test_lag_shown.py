"""The lag that is shown of a domain is never more than the bound that is shown beside it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.domain_views import domain_view, domain_views
from meted.adapters.lag_bound import LagBound
from meted.core.commands import CreateDomain, SetRules
from meted.core.resources import Resources

from ..core.helper import MS, SECOND, examples
from ..core.playing import Play
from ..core.test_any_pool import EXCHANGED, given_to, pools

PARENTS = {"a": "", "b": "", "c": "", "a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "b21": "b2", "b22": "b2"}
LEAVES = ("c", "a1", "a2", "a3", "b1", "b21", "b22")
LENGTHS = (2 * MS, SECOND, 2 * SECOND, 5 * SECOND, 40 * SECOND)
ROUNDING_US = 2
"""Of a lag and of a bound, in cpu-microseconds."""

shares = st.lists(st.sampled_from((1, 2, 3, 5, 10, 50)), min_size=len(PARENTS), max_size=len(PARENTS))
busy = st.lists(
    st.tuples(
        st.sampled_from(LEAVES), st.sampled_from(LENGTHS), st.integers(1, 6), st.integers(-2, 2), st.integers(0, 2)
    ),
    min_size=15,
    max_size=50,
)


def check(play: Play) -> None:
    """Hold what is shown of every domain against its bound."""
    state = play.world.state
    for view in domain_views(state, state.domains.domains.values(), play.world.now_us, LagBound()):
        assert view["lag_cpu_us"] <= view["lag_bound_cpu_us"] + ROUNDING_US, view["domain"]


@examples(40)
@given(st.data(), shares, st.sampled_from((1, 2, 8)), st.sampled_from((100, 500, 750, 1000)), busy)
def test_no_lag_is_beyond_its_bound(
    data: st.DataObject, drawn: list[int], slots: int, alpha: int, done: list[tuple[str, int, int, int, int]]
) -> None:
    """At any instant, in a tree and whatever the pool does; also while what is larger than all before waits."""
    with given_to(data.draw(pools)):
        play = Play("meted", slots)
        world = play.world
        world.do(SetRules(0, alpha, pool=EXCHANGED))
        for (name, parent), share in zip(PARENTS.items(), drawn, strict=True):
            world.do(CreateDomain(0, name, share, parent=parent))
        for name, unit_us, count, priority, gap in done:
            job_id = world.submit(name, count, time_request_us=unit_us, priority=priority)
            play.took_us[job_id] = unit_us
            for _ in range(gap):
                play.run_pass()
                check(play)
                play.advance()
                check(play)
        while play.ends:
            play.run_pass()
            check(play)
            play.advance()
        world.check()


def test_the_bound_is_the_largest_run_that_was_leased_or_waited() -> None:
    play, bound = Play("meted", 1), LagBound()
    play.submit(1, 40 * MS, domain="a", count=5)
    state = play.world.state
    (found,) = state.domains.domains.values()
    assert domain_view(state, found, 0, bound)["lag_bound_cpu_us"] == 80 * MS, "two of them are a run"
    play.run_out()
    play.submit(1, 10 * MS, domain="a", count=5)
    assert domain_view(play.world.state, found, 0, bound)["lag_bound_cpu_us"] == 80 * MS
    waiting = play.submit(1, 3 * SECOND, domain="a")
    assert domain_view(play.world.state, found, 0, bound)["lag_bound_cpu_us"] == 3 * SECOND
    play.world.cancel(waiting)
    assert domain_view(play.world.state, found, 0, bound)["lag_bound_cpu_us"] == 3 * SECOND, "it was there"


def test_what_waits_counts_by_the_run_that_it_is_then_leased_in() -> None:
    for unit_us in (10, 30 * MS, SECOND):
        play = Play("meted", 1)
        play.submit(1, unit_us, domain="a", count=100_000)
        largest = LagBound().of(play.world.state)
        play.run_pass()
        assert largest == play.world.state.jobs.largest_size > 0


@examples(40)
@given(st.lists(st.tuples(st.sampled_from(LENGTHS), st.integers(1, 5), st.integers(0, 3)), max_size=12))
def test_each_job_is_looked_at_once_and_all_again_where_the_pool_is_another(
    done: list[tuple[int, int, int]],
) -> None:
    play, bound, largest = Play("meted", 2), LagBound(), 0
    for unit_us, count, does in done:
        play.submit(Resources(1000, 1 << 30), unit_us, domain="a", count=count)
        if does == 1:
            play.world.worker(Resources(1000, 4 << 30))
        elif does == 2:
            play.run_pass()
            play.advance()
        largest = max(largest, LagBound().of(play.world.state))
        assert bound.of(play.world.state) == largest


def test_who_waits_with_the_largest_run_of_all_may_be_owed_many_of_the_largest_leases() -> None:
    """Ten others are served once each before it: it is owed 8 s by then, and the largest lease was one of 1 s."""
    play = Play("meted", 1)
    play.world.do(SetRules(0, alpha_milli=1000))
    big = play.world.domain("big", 50)
    for number in range(10):
        play.world.domain(f"d{number}", 1)
        play.submit(1, SECOND, domain=f"d{number}", count=50)
    waiting, seen_us = play.submit(1, 100 * SECOND, domain="big"), 0
    while waiting not in play.starts:
        state = play.world.state
        seen_us = max(seen_us, domain_view(state, state.domains.domains[big], 0, LagBound())["lag_cpu_us"])
        check(play)
        play.run_pass()
        play.advance()
    assert 8 * SECOND < seen_us < 100 * SECOND
