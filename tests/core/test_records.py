"""Records of domains: the newest wins, full updates close, records expire, bad ones harm nobody (rows N01-N04, N08)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CreateDomain, DeleteJob, DeliverRecords, DomainRecord, ExpireDomain, OfferLoan
from meted.core.decide.entitlements import check_open_leaf
from meted.core.domains.state import TOP
from meted.core.errors import Reason, Refused
from meted.core.events import DomainClosed, DomainRemoved, Event, LoanEnded, RecordRefused, RecordsConfirmed
from meted.core.limits import CLOSED_CHECK_US, RECORD_REFUSALS_MAX
from meted.core.record import replaced

from .helper import SECOND, examples
from .lending import LendingWorld, milli


def deliver(world: LendingWorld, stamp_us: int, *records: Any, full: bool = False) -> tuple[Event, ...]:
    """Deliver records."""
    return world.do(DeliverRecords(world.now_us, stamp_us, records, full))


def refusals(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    """Return names and reasons of the records that were refused."""
    return [(event.name, event.reason) for event in events if isinstance(event, RecordRefused)]


def given_domains() -> LendingWorld:
    """Return a world of three recorded domains and one made by hand, after a full update of stamp 10."""
    world = LendingWorld()
    world.make("hand", 32)
    records = [DomainRecord(name, 10, share=32, floor_share=16, guarantee=milli(100)) for name in "abc"]
    deliver(world, 10, *records, full=True)
    return world


@pytest.mark.parametrize(("stamp_us", "share"), [(5, 32), (9, 32), (10, 32), (11, 40)])
def test_n01_the_newest_wins(stamp_us: int, share: int) -> None:
    """Row N01."""
    world = given_domains()
    deliver(world, stamp_us, DomainRecord("a", stamp_us, share=40))
    assert world.find_domain("a").share == share
    assert world.find_domain("a").stamp_us == (11 if share == 40 else 10)


def test_n32_a_record_that_says_nothing_new_does_nothing_but_count_as_newer() -> None:
    """Row N32."""
    world = given_domains()
    same = [DomainRecord(name, 20, share=32, floor_share=16, guarantee=milli(100)) for name in "ba"]
    ids = tuple(sorted(world.find_domain(name).domain_id for name in "ab"))
    before = {name: world.find_domain(name) for name in "ab"}
    assert deliver(world, 20, *same) == (RecordsConfirmed(0, 20, ids),)
    assert {name: replaced(world.find_domain(name), stamp_us=10) for name in "ab"} == before
    assert deliver(world, 20, *same) == ()
    assert deliver(world, 20, DomainRecord("a", 19, share=1)) == (), "it is older than what was confirmed"
    deliver(world, 20, full=True)
    assert set(world.domains.by_name) == {"hand", "a", "b"}


def test_n32_of_one_name_in_a_delivery_the_newest_wins() -> None:
    """Row N32."""
    world = given_domains()
    same = DomainRecord("a", 20, share=32, floor_share=16, guarantee=milli(100))
    deliver(world, 30, same, DomainRecord("a", 15, share=1), DomainRecord("b", 15, share=2), replaced(same, name="b"))
    assert (world.find_domain("a").share, world.find_domain("a").stamp_us) == (32, 20)
    assert (world.find_domain("b").share, world.find_domain("b").stamp_us) == (32, 20)
    deliver(world, 30, replaced(same, stamp_us=21), DomainRecord("a", 22, share=7))
    assert (world.find_domain("a").share, world.find_domain("a").stamp_us) == (7, 22)


def test_n01_what_is_older_than_the_last_full_update_is_stale_though_unknown() -> None:
    """Row N01."""
    world = given_domains()
    assert deliver(world, 9, DomainRecord("new", 9)) == ()
    deliver(world, 9, DomainRecord("new", 10))
    assert world.find_domain("new").stamp_us == 10


def test_n02_what_is_absent_from_a_full_update_goes_and_a_partial_one_keeps_it() -> None:
    """Row N02."""
    world = given_domains()
    deliver(world, 11, DomainRecord("a", 11))
    assert set(world.domains.by_name) == {"hand", "a", "b", "c"}
    events = deliver(world, 11, DomainRecord("b", 11), full=True)
    assert set(world.domains.by_name) == {"hand", "a", "b"}
    assert [type(event) for event in events[-2:]] == [DomainClosed, DomainRemoved]
    assert world.domains.min_stamp_us == 11


def test_an_older_full_update_closes_nobody_and_moves_nothing_back() -> None:
    world = given_domains()
    assert deliver(world, 9, full=True) == ()
    assert world.domains.min_stamp_us == 10


def test_n03_a_record_that_expires_closes_its_domain_at_that_time() -> None:
    """Rows N03 and N04: with no new data, too; one that names no end never expires."""
    world = LendingWorld()
    deliver(world, 1, DomainRecord("a", 1, expires_us=5 * SECOND), DomainRecord("b", 1))
    world.refused(ExpireDomain(0, "a"), Reason.NOT_DUE)
    world.refused(ExpireDomain(0, "b"), Reason.NOT_DUE)
    world.tick(5 * SECOND - 1)
    assert world.run_timers() == 0
    world.tick(1)
    assert world.run_timers() == 1
    assert set(world.domains.by_name) == {"b"}


def test_what_is_left_out_of_a_record_has_its_default_whatever_it_was_before() -> None:
    """Row N08; what is there and no number is refused with its reason, and no default is taken for it (see below)."""
    world = LendingWorld()
    deliver(world, 1, DomainRecord("a", 1, share=32, cap=milli(9), guarantee=milli(5), floor_share=16, floor=milli(3)))
    deliver(world, 2, DomainRecord("a", 2))
    world.do(CreateDomain(0, "plain"))
    a, plain = (world.find_domain(name) for name in ("a", "plain"))
    assert (a.share, a.cap, a.guarantee, a.floor_share, a.floor) == (1, None, milli(0), 1, milli(0))
    assert (plain.share, plain.cap, plain.guarantee, plain.floor_share, plain.floor) == (1, None, milli(0), 1, milli(0))


def test_a_newer_record_puts_its_end_off() -> None:
    world = LendingWorld()
    deliver(world, 1, DomainRecord("a", 1, expires_us=5))
    deliver(world, 2, DomainRecord("a", 2, expires_us=9))
    world.tick(8)
    assert world.run_timers() == 0
    world.tick(1)
    assert world.run_timers() == 1
    assert not world.domains.by_name


def test_a_record_that_has_expired_makes_no_domain_and_closes_one() -> None:
    world = LendingWorld()
    world.tick(10)
    deliver(world, 1, DomainRecord("a", 1))
    assert refusals(deliver(world, 2, DomainRecord("b", 2, expires_us=10))) == [("b", "out_of_range")]
    deliver(world, 2, DomainRecord("a", 2, expires_us=10))
    assert not world.domains.by_name


def test_a_closed_domain_keeps_what_it_has_takes_nothing_new_and_goes_when_empty() -> None:
    world = given_domains()
    job_id = world.submit("a", 2)
    world.lend("a", "b", 5)
    world.lend("a", "b", 50, "cpu")
    world.lend("c", "a", 50, "cpu")
    events = deliver(world, 11, *(DomainRecord(name, 11, share=32, guarantee=milli(100)) for name in "bc"), full=True)
    assert {event.reason for event in events if isinstance(event, LoanEnded)} == {"closed"}
    domain = world.find_domain("a")
    assert (domain.closed, domain.effective_share) == ("absent", 32)
    assert world.guaranteed("a", "b", "c") == [0, 100, 100]
    with pytest.raises(Refused) as caught:
        check_open_leaf(world.state, domain)
    assert caught.value.reason is Reason.DOMAIN_CLOSED
    world.refused(OfferLoan(0, "a", "b", "share", 1), Reason.DOMAIN_CLOSED)
    world.refused(OfferLoan(0, "b", "a", "share", 1), Reason.DOMAIN_CLOSED)
    world.refused(CreateDomain(0, "x", parent="a"), Reason.DOMAIN_CLOSED)
    world.worker(2)
    for lease in world.run_pass():
        world.finish(lease.lease_id)
    assert world.job(job_id).outcome == "succeeded"
    world.tick(CLOSED_CHECK_US)
    world.run_timers()
    assert "a" in world.domains.by_name
    world.do(DeleteJob(world.now_us, job_id))
    twin = LendingWorld(state=world.state)
    world.tick(CLOSED_CHECK_US)
    twin.tick(CLOSED_CHECK_US)
    assert world.run_timers() == twin.run_timers() == 1
    assert world.state == twin.state
    assert "a" not in world.domains.by_name


def test_a_newer_record_opens_a_closed_domain_again() -> None:
    world = given_domains()
    world.submit("a")
    deliver(world, 11, full=True)
    assert world.guaranteed("a") == [0]
    deliver(world, 11, DomainRecord("a", 11, share=7, guarantee=milli(30)))
    assert world.find_domain("a").closed is None
    assert (world.shares("a"), world.guaranteed("a")) == ([7], [30])
    check_open_leaf(world.state, world.find_domain("a"))


def test_parents_may_come_after_their_children() -> None:
    world = LendingWorld()
    records = (
        DomainRecord("leaf", 1, parent="inner"),
        DomainRecord("inner", 1, parent="top"),
        DomainRecord("top", 1),
        DomainRecord("alone", 1),
    )
    assert refusals(deliver(world, 1, *records, full=True)) == []
    names = [world.domains.domains[one].name for one in world.domains.path(world.domains.by_name["leaf"])]
    assert names == ["inner", "top"]
    deliver(world, 2, full=True)
    assert not world.domains.domains


def test_a_closed_parent_closes_those_below_it_to_new_jobs() -> None:
    world = LendingWorld()
    deliver(world, 1, DomainRecord("top", 1), DomainRecord("leaf", 1, parent="top"))
    deliver(world, 2, DomainRecord("leaf", 2, parent="top"), full=True)
    assert world.find_domain("leaf").closed is None
    with pytest.raises(Refused, match="'top' is closed"):
        check_open_leaf(world.state, world.find_domain("leaf"))


def test_what_sub_domains_of_a_closed_one_have_lent_to_others_ends_with_its_guarantee() -> None:
    """Its own guarantee covered that loan, and counts no more; a loan between two inside it goes on."""
    world = LendingWorld()
    top = DomainRecord("top", 1, guarantee=milli(20))
    inside = [DomainRecord(name, 1, parent="top", guarantee=milli(20)) for name in ("leaf", "beside")]
    deliver(world, 1, top, *inside, DomainRecord("other", 1))
    world.lend("leaf", "other", 8, "cpu")
    goes_on = world.lend("leaf", "beside", 5, "cpu")
    again = [replaced(record, stamp_us=2) for record in (*inside, DomainRecord("other", 1))]
    events = deliver(world, 2, *again, full=True)
    assert [event.reason for event in events if isinstance(event, LoanEnded)] == ["closed"]
    assert list(world.domains.loans) == [goes_on]
    assert world.guaranteed("top", "leaf", "beside", "other") == [0, 15, 25, 0]
    world.refused(OfferLoan(0, "leaf", "other", "cpu", 1), Reason.OVER_CAPACITY)


def test_cycles_and_other_parents_are_refused() -> None:
    world = given_domains()
    events = deliver(world, 11, DomainRecord("x", 11, parent="y"), DomainRecord("y", 11, parent="x"))
    assert sorted(refusals(events)) == [("x", "unknown_domain"), ("y", "unknown_domain")]
    assert refusals(deliver(world, 11, DomainRecord("z", 11, parent="z"))) == [("z", "unknown_domain")]
    events = deliver(world, 11, DomainRecord("a", 11, parent="b"), DomainRecord("b", 11, parent="a"))
    assert sorted(refusals(events)) == [("a", "parent_fixed"), ("b", "parent_fixed")]
    assert world.find_domain("a").parent == TOP


BAD_RECORDS: list[tuple[object, str]] = [
    (None, "bad_type"),
    ("a", "bad_type"),
    (DomainRecord("", 11), "bad_text"),
    (DomainRecord(5, 11), "bad_type"),  # type: ignore[arg-type]
    (DomainRecord("x", 0), "out_of_range"),
    (DomainRecord("x", True), "bad_type"),
    (DomainRecord("x", math.nan), "bad_type"),  # type: ignore[arg-type]
    (DomainRecord("x", 11, share=0), "out_of_range"),
    (DomainRecord("x", 11, share="abc"), "bad_type"),  # type: ignore[arg-type]
    (DomainRecord("x", 11, guarantee=milli(-1)), "out_of_range"),
    (DomainRecord("x", 11, cap=5), "bad_type"),  # type: ignore[arg-type]
    (DomainRecord("x", 11, floor_share=0), "out_of_range"),
    (DomainRecord("x", 11, floor=None), "bad_type"),  # type: ignore[arg-type]
    (DomainRecord("x", 11, expires_us=-1), "out_of_range"),
    (DomainRecord("x", 11, parent=None), "bad_type"),  # type: ignore[arg-type]
    (DomainRecord("x", 11, parent="nowhere"), "unknown_domain"),
]


@pytest.mark.parametrize(("record", "reason"), BAD_RECORDS)
def test_a_bad_record_is_told_and_the_others_are_taken(record: object, reason: str) -> None:
    """Row N08: a bad value is no default but a refusal that is told."""
    world = given_domains()
    events = deliver(world, 11, record, DomainRecord("good", 11))
    (refused,) = refusals(events)
    assert refused[1] == reason
    assert "x" not in world.domains.by_name
    assert "good" in world.domains.by_name


def test_refusals_are_told_up_to_a_number_and_then_counted() -> None:
    world = LendingWorld()
    bad = [DomainRecord(f"x{number}", 1, share=0) for number in range(RECORD_REFUSALS_MAX + 7)]
    told = refusals(deliver(world, 1, *bad))
    assert len(told) == RECORD_REFUSALS_MAX + 1
    assert told[-1] == ("", "too_many")
    assert isinstance(world.log[-1], RecordRefused)
    assert world.log[-1].sentence.startswith("7 more")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (DeliverRecords(0, 0, (), False), Reason.OUT_OF_RANGE),
        (DeliverRecords(0, "1", (), False), Reason.BAD_TYPE),  # type: ignore[arg-type]
        (DeliverRecords(0, 1, [], False), Reason.BAD_TYPE),  # type: ignore[arg-type]
        (DeliverRecords(0, 1, (), 1), Reason.BAD_TYPE),  # type: ignore[arg-type]
        (DeliverRecords(0, 1, (None,) * 100_001, False), Reason.TOO_MANY),  # type: ignore[arg-type]
        (ExpireDomain(0, "nowhere"), Reason.UNKNOWN_DOMAIN),
        (ExpireDomain(0, "hand"), Reason.NOT_DUE),
    ],
)
def test_what_is_no_delivery_is_refused(command: DeliverRecords | ExpireDomain, reason: Reason) -> None:
    given_domains().refused(command, reason)


records = st.builds(
    DomainRecord,
    st.sampled_from("abcdef"),
    st.integers(0, 6),
    st.sampled_from(["", "", "a", "b", "c"]),
    st.integers(0, 30),
    st.integers(0, 30).map(milli),
    expires_us=st.none() | st.integers(0, 100),
)


@examples(60)
@given(st.data())
def test_any_deliveries_with_loans_and_jobs_keep_all_in_order(data: st.DataObject) -> None:
    with LendingWorld() as world:
        for _ in range(data.draw(st.integers(1, 8))):
            world.tick(data.draw(st.integers(0, 40)))
            drawn = data.draw(st.lists(records, max_size=6))
            deliver(world, data.draw(st.integers(1, 6)), *drawn, full=data.draw(st.booleans()))
            world.run_timers()
            for lender in sorted(world.domains.by_name):
                if data.draw(st.booleans()):
                    borrower, resource = (
                        data.draw(st.sampled_from("abcdef")),
                        data.draw(st.sampled_from(["share", "cpu"])),
                    )
                    world.set_loans(lender, (borrower, resource, data.draw(st.integers(0, 9))))
            for name, domain_id in sorted(world.domains.by_name.items()):
                domain = world.domains.domains[domain_id]
                line_up = (domain, *(world.domains.domains[above] for above in world.domains.path(domain_id)))
                is_open = all(one.closed is None for one in line_up)
                if not domain.children and is_open and data.draw(st.booleans()):
                    world.submit(name)
            world.check()
        twin = LendingWorld(state=world.state)  # after a restart all falls due at the same time
        for gap_us in (1, 5, 20, 100, CLOSED_CHECK_US):
            for one in (world, twin):
                one.tick(gap_us)
                one.run_timers()
            assert twin.state == world.state
