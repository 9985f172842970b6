"""For whom a worker is emptied: who was passed over in a pass, judged to the last unit of its clock and its pool."""

from __future__ import annotations

from collections.abc import Sequence

from meted.core.domains.state import TOP
from meted.core.falling import entitled_charge
from meted.core.ids import DomainId, JobId
from meted.core.policy.meted import Meted, MetedIndex
from meted.core.policy.pool_key import decay_key
from meted.core.policy.ranks import BY_ENTITLEMENT, BY_GUARANTEE, BY_POOL, Order
from meted.core.record import replaced
from meted.core.service import clock_charge
from meted.core.usage import amount_at, step_of

from .helper import SECOND, World, cpus

TAG = 1 << 60
UNIT = 4000 * SECOND
"""The size of the wide unit."""


class Judged:
    """Two domains; of ``wide`` one unit waits that fits nowhere, and V, tags and what was served instead are given."""

    def __init__(self) -> None:
        self.world = World()
        self.wide, self.other = self.world.domain("wide"), self.world.domain("other")
        self.world.worker(4)
        self.job_id = self.world.submit("wide", request=cpus(4), time_request_us=SECOND)
        state = self.world.state
        share, self.alpha_milli = state.domains.domains[self.wide].effective_share, state.rules.alpha_milli
        self.deadline = TAG + entitled_charge(UNIT, share, self.alpha_milli)
        self.own = clock_charge(UNIT, state.domains.total_share)

    def index(self, clock: int, debt: int = 0, usage: int = 0) -> MetedIndex:
        """Return the index of a state in which V is ``clock``, though once it was ``debt`` further."""
        state = self.world.state
        account = replaced(state.jobs.accounts[self.wide], tag=TAG, usage=usage)
        accounts = state.jobs.accounts.set(self.wide, account)
        jobs = replaced(state.jobs, accounts=accounts, clock=clock + debt, debt=debt)
        index = Meted().index(replaced(state, jobs=jobs))
        assert isinstance(index, MetedIndex)
        index._refresh_keys()
        return index

    def is_overdue(self, index: MetedIndex, served: Sequence[Order], full_since: int = 0) -> bool:
        """Whether the wide unit is, having been passed over by these since so many of them were served."""
        (shape,) = index._shapes.values()
        index._full[shape], shape.full_since = None, full_since
        index.served[:] = [(order, order[3]) for order in served]
        found = [(domain_id, job_id) for _, domain_id, job_id in index._passed_over()]
        assert found in ([], [(self.wide, self.job_id)])
        return bool(found)

    def first(self, index: MetedIndex) -> Order:
        """Return the place of the wide unit."""
        (shape,) = index._shapes.values()
        return shape.ranks[TOP].order_of(self.wide, index.reach(TOP))

    def later(self, by: int = 1, tag: int = 0) -> Order:
        """Return the place of the other domain, owed service with a deadline so much later."""
        return BY_ENTITLEMENT, self.deadline + by, tag, self.other


def test_by_entitlement_v_has_to_pass_the_deadline_by_more_than_a_unit() -> None:
    """V is where it has fallen to, not where it once was."""
    judged = Judged()
    for debt in (0, 3 * judged.own):
        due = judged.deadline + judged.own
        assert not judged.is_overdue(judged.index(due, debt), [judged.later()])
        assert judged.is_overdue(judged.index(due + 1, debt), [judged.later()])


def test_the_tag_of_another_who_was_owed_counts_as_v_does() -> None:
    judged = Judged()
    index, due = judged.index(TAG, 1), judged.deadline + judged.own
    assert not judged.is_overdue(index, [judged.later(due, due)])
    assert judged.is_overdue(index, [judged.later(due, due + 1)])
    assert judged.is_overdue(index, [judged.later(due, due + 1), judged.later(due + 1)])
    guaranteed = BY_GUARANTEE, due, due + 1, judged.other
    assert not judged.is_overdue(index, [guaranteed, judged.later()]), "what a guarantee covers moves no clock"


def test_whoever_was_before_it_has_not_passed_it_over() -> None:
    judged = Judged()
    index = judged.index(judged.deadline + 9 * judged.own)
    first = judged.first(index)
    assert first == (BY_ENTITLEMENT, judged.deadline, TAG, judged.wide)
    assert not judged.is_overdue(index, [])
    assert not judged.is_overdue(index, [judged.later(-1)])
    assert not judged.is_overdue(index, [first]), "it was served itself, with other work"
    assert judged.is_overdue(index, [judged.later(-1), judged.later(), judged.later(-2)])


def test_only_what_was_served_since_it_fitted_nowhere_counts() -> None:
    judged = Judged()
    index = judged.index(judged.deadline + 9 * judged.own)
    served = [judged.later(), judged.later(-1)]
    assert judged.is_overdue(index, served, 0)
    assert not judged.is_overdue(index, served, 1)


def pool_key(judged: Judged, index: MetedIndex, units: int) -> int:
    """Return the pool key that the wide domain would have with so many units more used."""
    state = index.state
    account = state.jobs.accounts[judged.wide]
    used = amount_at(UNIT, 0, step_of(index.now_us, state.rules.half_life_us))
    share = state.domains.domains[judged.wide].effective_share
    job = state.jobs.jobs[JobId(judged.job_id)]
    return decay_key(state, DomainId(judged.wide), replaced(account, usage=account.usage + units * used), share, job)


def test_by_the_pool_it_would_still_be_first_had_it_used_two_units_more() -> None:
    judged = Judged()
    index = judged.index(TAG - 1, usage=UNIT)
    assert judged.first(index)[0] == BY_POOL
    two = pool_key(judged, index, 2)
    assert pool_key(judged, index, 0) < pool_key(judged, index, 1) < two
    assert not judged.is_overdue(index, [(BY_POOL, two, 0, judged.other)])
    assert judged.is_overdue(index, [(BY_POOL, two + 1, 0, judged.other)])
    due = judged.deadline + judged.own + 1
    assert not judged.is_overdue(index, [judged.later(due, due), (BY_POOL, two, 0, judged.other)]), "it is not owed"


def test_whoever_is_owed_is_judged_by_the_pool_only_where_v_has_fallen() -> None:
    judged = Judged()
    from_pool = BY_POOL, pool_key(judged, judged.index(TAG), 2) + 1, 0, judged.other
    assert not judged.is_overdue(judged.index(TAG), [from_pool])
    assert judged.is_overdue(judged.index(TAG, 1), [from_pool])
    assert not judged.is_overdue(judged.index(TAG, 1), [judged.later()]), "a deadline is no place in the pool"
