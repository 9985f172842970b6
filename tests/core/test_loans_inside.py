"""A loan in a tree: only whom it concerns is ranked anew, and the index is what it would be if built of the state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from meted.core.commands import ChangeDomain
from meted.core.ids import DomainId
from meted.core.limits import LINES_RANKED_MAX
from meted.core.policy.clock import ClockIndex
from meted.core.policy.leaves import Leaf
from meted.core.policy.lines import PendingShape
from meted.core.policy.meted import MetedIndex

from .helper import SECOND, World, cpus
from .lending import LendingWorld, milli

DEEP = ("top", "mid", "low")


@contextmanager
def ranked_anew() -> Iterator[list[DomainId]]:
    """Note which domains are ranked, those that have jobs and those that others are in."""
    noted: list[DomainId] = []
    rank_leaf, rank_group = ClockIndex._rank_leaf, ClockIndex._rank_group

    def noting_leaf(index: ClockIndex, leaf: Leaf) -> None:
        noted.append(leaf.domain_id)
        rank_leaf(index, leaf)

    def noting_group(index: ClockIndex, domain_id: DomainId, moved: list[PendingShape] | None = None) -> None:
        noted.append(domain_id)
        rank_group(index, domain_id, moved)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClockIndex, "_rank_leaf", noting_leaf)
        patch.setattr(ClockIndex, "_rank_group", noting_group)
        yield noted


def busy(groups: int, members: int) -> LendingWorld:
    """Return a world of domains inside others, all of which wait while a machine is full."""
    world = LendingWorld()
    for group in range(groups):
        world.make(f"g{group}", 2 + group, guarantee=milli(1000))
        for member in range(members):
            world.make(f"g{group}.{member}", 2 + member, parent=f"g{group}", guarantee=milli(1000))
    world.worker(2)
    for group in range(groups):
        for member in range(members):
            world.submit(f"g{group}.{member}", 5, time_request_us=SECOND)
    world.run_pass()
    return world


@pytest.mark.parametrize(
    ("lender", "borrower", "resource", "concerned"),
    [
        ("g1.2", "g1.5", "share", {"g1", "g1.2", "g1.5"}),
        ("g1", "g3", "share", {"g1", "g3"}),
        ("g1.2", "g3.5", "cpu", {"g1", "g1.2", "g3", "g3.5"}),
        ("g1", "g3.5", "cpu", {"g1", "g3", "g3.5"}),
    ],
)
def test_only_whom_a_loan_concerns_is_ranked_anew(
    lender: str, borrower: str, resource: str, concerned: set[str]
) -> None:
    """So a loan costs O(depth log n), however many are inside the same others."""
    world = busy(5, 12)
    ids = {world.state.domains.by_name[name] for name in concerned}
    with ranked_anew() as noted:
        loan_id = world.lend(lender, borrower, 1, resource)
        world.run_pass()
        assert set(noted) == ids
        assert len(noted) == len(ids)
        noted.clear()
        world.recall(loan_id)
        world.run_pass()
    assert set(noted) == ids
    world.check()


def with_many_requests(name: str) -> World:
    """Return a world with a domain deep inside others that waits with very many different requests."""
    world = LendingWorld()
    for at, who in enumerate(DEEP):
        world.make(who, parent=DEEP[at - 1] if at else "")
    world.make("other", guarantee=milli(2000))
    world.worker(cpus(2, 10_000))
    for number in range(3 * LINES_RANKED_MAX):
        world.submit(name, 2, request=cpus(1, 1 + number), time_request_us=SECOND)
    world.run_pass()
    return world


def lines_ranked(world: World) -> int:
    """Return by how many of its lines the only domain that waits is ranked."""
    index = world.engine.index
    assert isinstance(index, MetedIndex)
    index.begin_pass()
    index._refresh_keys()
    (leaf,) = index._leaves.values()
    return len(list(leaf.ranked_lines()))


@pytest.mark.parametrize("guaranteed", DEEP)
def test_a_guarantee_above_has_all_lines_ranked_until_it_is_gone(guaranteed: str) -> None:
    world = with_many_requests("low")
    few = lines_ranked(world)
    assert few <= 2 * LINES_RANKED_MAX
    for guarantee, lines in ((milli(1000), 3 * LINES_RANKED_MAX), (milli(2000), 3 * LINES_RANKED_MAX), (milli(0), few)):
        world.do(ChangeDomain(world.now_us, guaranteed, 1, guarantee=guarantee))
        assert lines_ranked(world) == lines
        world.check()


def test_a_borrowed_guarantee_has_all_lines_ranked_while_it_lasts() -> None:
    world = with_many_requests("low")
    few = lines_ranked(world)
    assert isinstance(world, LendingWorld)
    loan_id = world.lend("other", "low", 1000, "cpu")
    assert lines_ranked(world) == 3 * LINES_RANKED_MAX
    world.check()
    world.recall(loan_id)
    assert lines_ranked(world) == few
    world.check()
