"""The tree of domains: where one may be, what it takes, and when it may go; and loans in random trees (P11)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.codec import encode_events
from meted.core.commands import (
    CancelJobs,
    ChangeDomain,
    CreateDomain,
    DeleteJob,
    DeliverRecords,
    DomainRecord,
    OfferLoan,
    RecallLoan,
    RemoveDomain,
)
from meted.core.decide.entitlements import check_open_leaf
from meted.core.domains.state import TOP
from meted.core.errors import Reason, Refused
from meted.core.events import DomainCreated
from meted.core.falling import clock_within
from meted.core.invariants import check
from meted.core.limits import DOMAIN_DEPTH_MAX, LOAN_BACKOFF_MAX_US, SHARE_MAX
from meted.core.record import replaced
from meted.core.reducers import fold
from meted.core.resources import Resources
from meted.core.schema import decode_events, decode_state
from meted.core.state import State
from meted.core.state_bytes import encode_state

from ..packing import pack
from .helper import SECOND, World, examples
from .lending import LendingWorld, flat, milli

RESOURCES = ("share", "cpu", "mem", "gpu")


def test_a_domain_knows_its_place() -> None:
    world = LendingWorld()
    top = world.make("a", 3)
    inner = world.make("b", 5, parent="a")
    leaf = world.make("c", 7, parent="b")
    other = world.make("d", 2, parent="b")
    assert world.domains.path(leaf) == (inner, top)
    assert world.domains.path(top) == ()
    assert [world.domains.phi(parent) for parent in (TOP, top, inner, leaf)] == [3, 5, 9, 0]
    assert (world.find_domain("b").children, world.find_domain("b").children_share) == (2, 9)
    world.do(ChangeDomain(0, "c", 70))
    assert world.domains.phi(inner) == 72
    world.do(RemoveDomain(0, "d"))
    assert world.domains.phi(inner) == 70
    assert other not in world.domains.domains
    assert world.do(CreateDomain(0, "c", 70, parent="b")) == ()
    world.refused(CreateDomain(0, "c", 70), Reason.NAME_TAKEN)
    world.refused(CreateDomain(0, "c", 70, parent="a"), Reason.NAME_TAKEN)


@pytest.mark.parametrize("name", ["treasury", "escrow", "job 7", "job 12345678901234567890"])
def test_no_new_domain_is_called_like_an_account_of_the_pool(name: str) -> None:
    world = LendingWorld()
    said = world.refused(CreateDomain(0, name), Reason.NAME_TAKEN).sentence
    assert said == (
        f"{name!r} is an account of the pool in statements of credit, so no domain can be called so; take another name."
    )
    (refused,) = world.do(DeliverRecords(0, 1, (DomainRecord(name, 1),), False))
    assert (refused.name, refused.reason, refused.sentence) == (name, Reason.NAME_TAKEN, said)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["Treasury", "treasury 2", "escrow/lab", "job", "job lot", "job 7 b"])
def test_names_that_are_only_like_one_are_free(name: str) -> None:
    LendingWorld().make(name)


def test_a_domain_of_an_older_log_keeps_its_name() -> None:
    """It was made before the name was refused: the log folds, and the domain can still be changed and removed."""
    world = LendingWorld()
    world.make("lab")
    (made,) = [event for event in world.log if isinstance(event, DomainCreated)]
    older = World(state=fold(State(), [replaced(made, name="treasury")]))
    older.do(DeliverRecords(0, 1, (DomainRecord("treasury", 1, share=3),), False))
    assert older.do(CreateDomain(0, "treasury", 3)) == ()
    older.do(ChangeDomain(0, "treasury", 4))
    older.do(RemoveDomain(0, "treasury"))
    older.refused(CreateDomain(0, "treasury"), Reason.NAME_TAKEN)


def test_the_tree_is_so_deep_and_no_deeper() -> None:
    world = LendingWorld()
    world.make("1")
    for level in range(2, DOMAIN_DEPTH_MAX + 1):
        world.make(str(level), parent=str(level - 1))
    world.refused(CreateDomain(0, "too deep", parent=str(DOMAIN_DEPTH_MAX)), Reason.TOO_DEEP)
    world.make("fits", parent=str(DOMAIN_DEPTH_MAX - 1))


BAD: list[tuple[Any, Reason]] = [
    (CreateDomain(0, "x", parent="x"), Reason.UNKNOWN_DOMAIN),
    (CreateDomain(0, "x", parent="nowhere"), Reason.UNKNOWN_DOMAIN),
    (CreateDomain(0, "x", parent=None), Reason.BAD_TYPE),  # type: ignore[arg-type]
    (CreateDomain(0, "x", floor_share=0), Reason.OUT_OF_RANGE),
    (CreateDomain(0, "x", floor_share=SHARE_MAX + 1), Reason.OUT_OF_RANGE),
    (CreateDomain(0, "x", floor_share=True), Reason.BAD_TYPE),
    (CreateDomain(0, "x", guarantee=None), Reason.BAD_TYPE),  # type: ignore[arg-type]
    (CreateDomain(0, "x", guarantee=milli(-1)), Reason.OUT_OF_RANGE),
    (CreateDomain(0, "x", floor=Resources(1.5)), Reason.BAD_TYPE),  # type: ignore[arg-type]
    (ChangeDomain(0, "a", 0), Reason.OUT_OF_RANGE),
    (ChangeDomain(0, "a", 5, floor_share=-1), Reason.OUT_OF_RANGE),
    (ChangeDomain(0, "a", 5, guarantee=milli(-1)), Reason.OUT_OF_RANGE),
    (RemoveDomain(0, "a"), Reason.DOMAIN_IN_USE),
    (RemoveDomain(0, "a1"), Reason.DOMAIN_IN_USE),
    (RemoveDomain(0, "b"), Reason.DOMAIN_IN_USE),
    (RemoveDomain(0, "busy"), Reason.DOMAIN_IN_USE),
    (CreateDomain(0, "x", parent="busy"), Reason.DOMAIN_IN_USE),
]


@pytest.mark.parametrize(("command", "reason"), BAD)
def test_what_cannot_be_is_refused_and_nothing_is_changed(command: Any, reason: Reason) -> None:
    world = flat("a", "b", "busy", guarantee=milli(10))
    world.make("a1", parent="a", guarantee=milli(10))
    world.lend("a1", "b", 5, "cpu")
    world.submit("busy")
    world.refused(command, reason)


def test_only_open_leaves_take_jobs() -> None:
    world = flat("a", "b")
    world.make("a1", parent="a")
    check_open_leaf(world.state, world.find_domain("a1"))
    check_open_leaf(world.state, world.find_domain("b"))
    with pytest.raises(Refused) as caught:
        check_open_leaf(world.state, world.find_domain("a"))
    assert caught.value.reason is Reason.DOMAIN_HAS_CHILDREN


def test_a_domain_whose_jobs_have_ended_may_be_divided() -> None:
    world = flat("a")
    job_id = world.submit("a")
    world.refused(CreateDomain(0, "a1", parent="a"), Reason.DOMAIN_IN_USE)
    world.do(CancelJobs(0, (job_id,)))
    world.make("a1", parent="a")
    world.do(RemoveDomain(0, "a1"))
    world.refused(RemoveDomain(0, "a"), Reason.DOMAIN_IN_USE)
    world.do(DeleteJob(0, job_id))
    world.do(RemoveDomain(0, "a"))


def test_the_clock_of_the_top_level_is_that_of_the_pool() -> None:
    world = flat("a")
    a = world.make("a1", parent="a")
    world.lease(world.worker(), world.submit("b"))
    assert clock_within(world.state.jobs, TOP) == world.state.jobs.clock > 0
    assert clock_within(world.state.jobs, a) == 0


def test_what_was_logged_before_there_was_a_tree_is_at_the_top_level() -> None:
    cap = {"cpu_milli": 1, "mem_bytes": 2, "generic": ()}
    old = (
        ("domain_created", 1, {"at_us": 1, "domain_id": 1, "name": "a", "share": 5, "cap": None}),
        ("domain_changed", 1, {"at_us": 2, "domain_id": 1, "share": 7, "cap": cap}),
    )
    state = fold(State(), decode_events(pack(list(old))))
    check(state)
    domain = state.domains.domains[state.domains.by_name["a"]]
    assert (domain.parent, domain.share, domain.effective_share, domain.floor_share) == (TOP, 7, 7, 1)
    assert domain.cap == Resources(1, 2)


# P11, with trees, loans, recalls and base changes at random


def amounts(most: int) -> st.SearchStrategy[Resources]:
    """Draw a guarantee."""
    return st.builds(
        lambda cpu, mem, gpu: Resources(cpu, mem, (("gpu", gpu),) if gpu else ()),
        st.integers(0, most),
        st.integers(0, most),
        st.integers(0, most),
    )


def a_tree(data: st.DataObject, most: int = 8) -> tuple[LendingWorld, list[str]]:
    """Draw a world of some domains anywhere below each other, with accounts and tags for the leaves."""
    world = LendingWorld()
    names: list[str] = []
    for number in range(data.draw(st.integers(2, most))):
        parent = data.draw(st.sampled_from(["", "", *names]))
        if parent and len(world.domains.path(world.domains.by_name[parent])) + 2 > DOMAIN_DEPTH_MAX:
            parent = ""
        names.append(f"d{number}")
        world.make(
            names[-1],
            data.draw(st.integers(1, 40)),
            parent=parent,
            guarantee=data.draw(amounts(40)),
            floor_share=data.draw(st.integers(1, 10)),
            floor=data.draw(amounts(10)),
        )
    worker = world.worker(100)
    for name in names:
        if not world.find_domain(name).children and data.draw(st.booleans()):
            job_id = world.submit(name, 9, time_request_us=data.draw(st.integers(1, 10 * SECOND)))
            world.lease(worker, job_id, data.draw(st.integers(1, 3)))
    return world, names


def offer(data: st.DataObject, world: LendingWorld, names: list[str]) -> OfferLoan:
    """Draw a loan, which may be refused."""
    return OfferLoan(
        world.now_us,
        data.draw(st.sampled_from(names)),
        data.draw(st.sampled_from(names)),
        data.draw(st.sampled_from(RESOURCES)),
        data.draw(st.integers(1, 20)),
        data.draw(st.sampled_from([None, None, world.now_us + SECOND])),
        data.draw(st.sampled_from([None, None, world.now_us + 3 * SECOND])),
        data.draw(st.sampled_from([0, 0, 2 * SECOND])),
    )


@examples(60)
@given(st.data())
def test_p11_sums_and_floors_hold_whatever_happens(data: st.DataObject) -> None:
    """Rows N05 and N06 of any tree: what is lent is conserved, and no floor is touched."""
    with LendingWorld():
        world, names = a_tree(data)
        for _ in range(data.draw(st.integers(0, 25))):
            world.tick(data.draw(st.sampled_from([0, SECOND, 100 * SECOND])))
            what = data.draw(st.integers(0, 9))
            try:
                if what < 5:
                    world.do(offer(data, world, names))
                elif what < 7 and world.domains.loans:
                    world.recall(data.draw(st.sampled_from(sorted(world.domains.loans))))
                elif what < 8:
                    world.run_timers()
                else:
                    share, floor_share = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 20))
                    guarantee, floor = data.draw(amounts(40)), data.draw(amounts(10))
                    name = data.draw(st.sampled_from(names))
                    world.do(ChangeDomain(world.now_us, name, share, None, guarantee, floor_share, floor))
            except Refused as refusal:
                assert refusal.sentence.endswith(".")
            check(world.state)
        assert decode_state(encode_state(world.state)) == world.state
        assert fold(State(), decode_events(encode_events(world.log))) == world.state
        for loan_id in sorted(world.domains.loans):
            world.recall(loan_id)
        world.tick(2 * SECOND)
        world.run_timers()
        assert not world.domains.loans
        for domain in world.domains.domains.values():
            assert (domain.effective_share, domain.effective_guarantee) == (domain.share, domain.guarantee)


@examples(60)
@given(st.data())
def test_p11_recall_after_grant_is_identity_in_any_order(data: st.DataObject) -> None:
    with LendingWorld():
        world, names = a_tree(data)
        seen, accounts = world.seen(), world.state.jobs.accounts
        made = []
        for _ in range(data.draw(st.integers(1, 12))):
            try:
                made.append(world.do(offer(data, world, names))[0])
            except Refused:
                continue
        for loan_id in data.draw(st.permutations(sorted(world.domains.loans))):
            world.recall(loan_id)
        world.tick(2 * SECOND)
        world.run_timers()
        assert world.seen() == seen
        assert world.state.jobs.accounts == accounts
        assert all(domain.remainder == 0 for domain in world.domains.domains.values())


@examples(60)
@given(st.data())
def test_p11_the_order_of_lenders_changes_nothing(data: st.DataObject) -> None:
    """Where the guarantees of sub-domains are within that of their parent, and no sub-domain lends beside it."""
    shape = [(data.draw(st.integers(1, 40)), data.draw(amounts(40)), data.draw(st.integers(1, 10))) for _ in range(4)]
    names = ["a", "b", "c", "d"]
    inner = [f"{name}{number}" for name in names for number in range(2)]
    lists = {
        name: [
            (data.draw(st.sampled_from(inner)), data.draw(st.sampled_from(RESOURCES)), data.draw(st.integers(0, 20)))
            for _ in range(data.draw(st.integers(0, 4)))
        ]
        for name in inner
    }
    found = []
    for order in (inner, data.draw(st.permutations(inner))):
        with LendingWorld() as world:
            for name, (share, guarantee, floor_share) in zip(names, shape, strict=True):
                world.make(name, share, guarantee=guarantee.times(2))
                for number in range(2):
                    world.make(f"{name}{number}", share, parent=name, guarantee=guarantee, floor_share=floor_share)
            refused = {name: world.set_loans(name, *lists[name]) for name in order}
            found.append((world.seen(), refused))
    assert found[0] == found[1]


def test_a_loan_change_touches_no_other_loan_or_domain() -> None:
    world = flat("a", "b", "c", share=10**6, floor_share=1)
    others = [world.lend("c", "b", 1) for _ in range(50)]
    before = {loan_id: world.domains.loans[loan_id] for loan_id in others}
    c = world.find_domain("c")
    loan_id = world.lend("a", "b", 5)
    world.do(RecallLoan(0, loan_id))
    assert all(world.domains.loans[loan_id] is loan for loan_id, loan in before.items())
    assert world.find_domain("c") is c
    world.tick(LOAN_BACKOFF_MAX_US)
    world.lend("a", "b", 5)
