"""A domain that waits with very many different requests: only some are ranked, and the order is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import ChangeDomain
from meted.core.ids import DomainId
from meted.core.limits import LINES_RANKED_MAX
from meted.core.policy import clock
from meted.core.policy.leaves import Leaf
from meted.core.policy.ranks import Key, Order
from meted.core.policy.turns import TurnIndex
from meted.core.resources import Resources

from .helper import SECOND, World, cpus, examples
from .test_machine import SETTINGS, MetedMachine

MEM = 10
"""Memory of a worker: so many different requests of a cpu can be told apart."""


@contextmanager
def ranked_at_most(most: int) -> Iterator[None]:
    """Rank so many lines of a domain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "LINES_RANKED_MAX", most)
        yield


@contextmanager
def puts_off() -> Iterator[list[DomainId]]:
    """Note which domains are put off."""
    noted: list[DomainId] = []
    put_off = TurnIndex._put_off

    def noting(index: TurnIndex, leaf: Leaf, order: Order, later: Key, at: int) -> None:
        noted.append(leaf.domain_id)
        put_off(index, leaf, order, later, at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TurnIndex, "_put_off", noting)
        yield noted


class FewRankedMachine(MetedMachine):
    """The default policy, as if two different requests were very many: no room is left unused, index == rebuild."""

    def __init__(self) -> None:
        super().__init__()
        self.patched = ranked_at_most(1)
        self.patched.__enter__()

    def teardown(self) -> None:
        """Check all invariants at the end."""
        try:
            super().teardown()
        finally:
            self.patched.__exit__(None, None, None)


TestFewRanked = FewRankedMachine.TestCase
TestFewRanked.settings = SETTINGS

jobs = st.tuples(
    st.integers(0, 2),  # domain
    st.integers(0, 1),  # user
    st.integers(1, 3),  # cpus
    st.integers(0, MEM),  # memory
    st.integers(1, 3),  # units
    st.sampled_from((None, SECOND, 3 * SECOND)),  # time requested
    st.integers(-1, 2),  # priority
)
steps = st.lists(st.tuples(st.lists(jobs, max_size=4), st.integers(0, 5)), min_size=1, max_size=12)


def play(
    most: int, workers: list[tuple[int, int]], plan: list[tuple[list[tuple[Any, ...]], int]]
) -> list[list[tuple[int, int, int, int]]]:
    """Submit, dispatch and finish as drawn; return what each pass leased.

    Up to the first that kept a worker free, as for whom may depend on who is ranked, and before the first that put off
    a domain, as that holds for all of its lines that are ranked until the next pass.
    """
    with ranked_at_most(most), puts_off() as put_off, World() as world:
        for number in range(3):
            world.domain(f"d{number}", share=1 + number)
        for amounts in workers:
            world.worker(cpus(*amounts))
        found: list[list[tuple[int, int, int, int]]] = []
        for submitted, finished in plan:
            world.tick(SECOND)
            for domain, user, wide, mem, units, time_us, priority in submitted:
                world.submit(
                    f"d{domain}",
                    units,
                    user=f"u{user}",
                    request=cpus(wide, mem),
                    time_request_us=time_us,
                    priority=priority,
                )
            for lease in world.leases()[:finished]:
                world.finish(lease.lease_id, run_us=2 * SECOND)
            leased = world.run_pass()
            if put_off:
                break
            found.append([(lease.job_id, lease.first, lease.count, lease.worker_id) for lease in leased])
            if any(worker.reserved_for is not None for worker in world.state.workers.workers.values()):
                break
        return found


@examples(200)
@given(st.lists(st.tuples(st.integers(3, 6), st.integers(MEM, 3 * MEM)), min_size=1, max_size=3), steps)
def test_the_order_is_the_same_however_few_are_ranked(
    workers: list[tuple[int, int]], plan: list[tuple[list[tuple[Any, ...]], int]]
) -> None:
    everything = play(10**6, workers, plan)
    for most in (1, 2):
        some = play(most, workers, plan)
        steps = min(len(some), len(everything))
        assert some[:steps] == everything[:steps]


def test_what_fits_is_found_behind_any_number_that_does_not() -> None:
    world = World()
    world.worker(cpus(4, 100))
    for number in range(10 * LINES_RANKED_MAX):
        world.submit(request=cpus(1, 101 + number))
    job = world.submit(request=cpus(1, 50))
    assert [lease.job_id for lease in world.run_pass()] == [job]


def test_what_fits_is_found_though_what_was_ranked_is_full_within_the_pass() -> None:
    """Each of the first wants nearly all of the memory, so that one fills it; the last wants none."""
    world = World()
    world.worker(cpus(2, 100))
    first, *_ = [world.submit(request=cpus(1, 100 - number)) for number in range(3 * LINES_RANKED_MAX)]
    last = world.submit(request=cpus(1))
    assert [lease.job_id for lease in world.run_pass()] == [first, last]


def test_what_fits_is_found_though_what_another_was_given_leaves_no_room_for_what_was_ranked() -> None:
    """As many as are looked at fit when the pass begins, and none of them once the other domain has been served."""
    world = World()
    world.domain("a", 1)
    world.domain("b", 1000)
    world.worker(cpus(2, 100))
    other = world.submit("b", request=cpus(1, 50), time_request_us=SECOND)
    for number in range(LINES_RANKED_MAX):
        world.submit("a", request=cpus(1, 100 - number), time_request_us=SECOND)
    last = world.submit("a", request=cpus(1, 10), time_request_us=SECOND)
    assert [lease.job_id for lease in world.run_pass()] == [other, last]


@pytest.mark.parametrize("guarantee", [cpus(0), cpus(1)])
def test_a_domain_of_which_nothing_fits_does_not_take_up_the_pass(guarantee: Resources) -> None:
    """Whether some of its lines are ranked or, once it has a guarantee, all."""
    world = World()
    world.domain("a", 1000)
    world.domain("b", 1)
    worker = world.worker(cpus(2, 100))
    for number in range(3 * LINES_RANKED_MAX):
        world.submit("a", request=cpus(1, 100 - number), time_request_us=SECOND)
    assert len(world.run_pass()) == 1
    world.lease(worker, world.submit("c", request=cpus(1), time_request_us=SECOND))
    world.do(ChangeDomain(world.now_us, "a", 1000, guarantee=guarantee))
    world.run_pass()
    world.finish(world.leases()[1].lease_id)
    first, *_ = [world.submit("b", request=cpus(1), time_request_us=SECOND) for _ in range(2)]
    assert [lease.job_id for lease in world.run_pass()] == [first]


def test_whoever_waits_is_told_who_is_ahead() -> None:
    world = World()
    world.worker(1)
    blocker = world.submit(time_request_us=SECOND)
    world.run_pass()
    waiting = [world.submit(request=cpus(1, number)) for number in range(4 * LINES_RANKED_MAX)]
    for job in waiting:
        assert world.engine.index.ahead_of(job).endswith(".")
    assert blocker not in waiting


def test_a_cap_is_kept() -> None:
    world = World()
    world.domain("d", cap=cpus(2, 1000))
    world.worker(cpus(8, 10_000))
    for number in range(4 * LINES_RANKED_MAX):
        world.submit(request=cpus(1, 400 + number))
    assert len(world.run_pass()) == 2
    world.do(ChangeDomain(world.now_us, "d", 1000, cap=cpus(3, 2000)))
    assert len(world.run_pass()) == 1


def test_who_is_ranked_no_longer_has_no_place() -> None:
    world = World()
    world.worker(cpus(4, 100))
    for number in range(5 * LINES_RANKED_MAX):
        world.submit(count=3, request=cpus(1, 1 + number), time_request_us=SECOND)
        for lease in world.run_pass()[:1]:
            world.tick(SECOND)
            world.finish(lease.lease_id)
    index = world.engine.index
    assert isinstance(index, TurnIndex)
    index._refresh_keys()
    ranked = [shape for shape, ranks in index._at_top.items() if ranks.keys]
    assert LINES_RANKED_MAX <= len(ranked) <= 2 * LINES_RANKED_MAX
