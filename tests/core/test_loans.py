"""Loans: the worked numbers (requirements 2d, A17), recall and notice, time, lists, and refusals (rows N05-N16)."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core import limits
from meted.core.commands import (
    ChangeDomain,
    DeliverRecords,
    DomainRecord,
    EndLoan,
    LoanTerms,
    OfferLoan,
    RecallLoan,
    SetLoans,
    StartLoan,
)
from meted.core.effects import TellLoan
from meted.core.errors import Reason
from meted.core.events import (
    AccountReweighted,
    LoanBackedOff,
    LoanEnded,
    LoanMade,
    LoanRecalled,
    LoanRefused,
    LoanStarted,
)
from meted.core.ids import LoanId
from meted.core.limits import (
    LOAN_BACKOFF_FORGET_US,
    LOAN_BACKOFF_MAX_US,
    LOAN_BACKOFF_US,
    SECOND_US,
    TIME_MAX_US,
)
from meted.core.resources import Resources

from .helper import SECOND
from .lending import LendingWorld, flat, milli

HOUR = 3600 * SECOND


# The worked numbers


def test_2d_1_all_of_a_guarantee_may_be_lent_where_the_floor_is_zero() -> None:
    """Row N05."""
    world = LendingWorld()
    world.make("sirius", guarantee=milli(200))
    world.make("eisentest")
    world.lend("sirius", "eisentest", 200, "cpu")
    assert world.guaranteed("sirius", "eisentest") == [0, 200]


def test_2d_2_and_a17_the_floor_is_kept() -> None:
    """Row N06."""
    world = flat("a", "b")
    refusal = world.refused(OfferLoan(0, "a", "b", "share", 17), Reason.BELOW_FLOOR)
    assert "its floor (a share of 16)" in refusal.sentence
    assert world.shares("a", "b") == [32, 32]
    world.lend("a", "b", 16)
    assert world.shares("a", "b") == [16, 48]


def test_2d_3_entries_are_judged_in_order_and_the_middle_one_is_refused() -> None:
    """Rows N05 and N13."""
    world = flat("a", "b", "c", "d")
    assert world.set_loans("a", ("b", "share", 10), ("c", "share", 10), ("d", "share", 6)) == ["below_floor"]
    assert world.shares("a", "b", "c", "d") == [16, 42, 32, 38]
    assert world.set_loans("b", ("c", "share", 10), ("c", "share", 6)) == []


def test_a17_the_second_ten_of_a_list_is_refused() -> None:
    world = flat("a", "b")
    assert world.set_loans("a", ("b", "share", 10), ("b", "share", 10)) == ["below_floor"]
    assert world.shares("a", "b") == [22, 42]


def test_2d_4_one_of_one_is_refused_and_nothing_of_one_is_no_loan() -> None:
    """Row N12: an amount of 0 is no mistake and does nothing."""
    world = flat("a", "b", share=1, floor_share=1)
    assert world.set_loans("a", ("b", "share", 1)) == ["below_floor"]
    before = world.state
    assert world.set_loans("a", ("b", "share", 0)) == []
    assert world.state is before


def test_2d_5_the_most_that_a_floor_leaves() -> None:
    """Row N06."""
    world = LendingWorld()
    world.make("a", guarantee=milli(10**9), floor=milli(8))
    world.make("b")
    world.refused(OfferLoan(0, "a", "b", "cpu", 999_999_993), Reason.BELOW_FLOOR)
    world.lend("a", "b", 999_999_992, "cpu")
    assert world.guaranteed("a", "b") == [8, 999_999_992]


def test_2d_6_what_is_borrowed_cannot_be_lent_again() -> None:
    """Row N09."""
    world = LendingWorld()
    world.make("a", guarantee=milli(100))
    world.make("b")
    world.make("c")
    world.lend("a", "b", 100, "cpu")
    world.refused(OfferLoan(0, "b", "c", "cpu", 50), Reason.OVER_CAPACITY)
    assert world.guaranteed("a", "b", "c") == [0, 100, 0]


def test_a17_a_borrower_lends_no_more_than_its_own() -> None:
    """Row N09."""
    world = flat("a", "b", "c")
    world.lend("a", "b", 16)
    assert world.shares("b") == [48]
    world.refused(OfferLoan(0, "b", "c", "share", 17), Reason.BELOW_FLOOR)
    world.lend("b", "c", 16)
    assert world.shares("a", "b", "c") == [16, 32, 48]


def test_2d_7_two_that_lend_each_other_the_same_have_what_they_had() -> None:
    world = flat("a", "b")
    world.lend("a", "b", 10)
    world.lend("b", "a", 10)
    assert world.shares("a", "b") == [32, 32]
    assert len(world.domains.loans) == 2


def test_2d_8_a_loan_to_oneself_is_refused_and_uses_nothing_up() -> None:
    world = flat("a", "b")
    assert world.set_loans("a", ("a", "share", 16), ("b", "share", 16)) == ["self_loan"]
    assert world.shares("a", "b") == [16, 48]


def test_2d_9_a_base_below_its_floor_lends_nothing_not_even_nothing() -> None:
    world = flat("a", "b", share=10)
    assert world.set_loans("a", ("b", "share", 0)) == ["below_floor"]
    world.refused(OfferLoan(0, "a", "b", "share", 1), Reason.BELOW_FLOOR)
    assert world.shares("a", "b") == [10, 10]


def test_2d_10_loans_survive_a_newer_record_and_an_equal_one_changes_nothing() -> None:
    """Row N01."""
    world = LendingWorld()
    both = (DomainRecord("a", 5, share=32, floor_share=16), DomainRecord("b", 5, share=32))
    world.do(DeliverRecords(0, 5, both, full=True))
    world.lend("a", "b", 10)
    before = world.state
    assert world.do(DeliverRecords(0, 5, both, full=False)) == ()
    assert world.state is before
    world.do(DeliverRecords(0, 6, (DomainRecord("a", 6, share=40, floor_share=16),), full=False))
    assert world.shares("a", "b") == [30, 42]


def test_a17_a_smaller_base_revokes_the_newest_loans_until_it_fits() -> None:
    world = flat("a", "b", "c")
    first, second, third = world.lend("a", "b", 4), world.lend("a", "c", 6), world.lend("a", "b", 6)
    events = world.do(ChangeDomain(0, "a", 20, floor_share=16))
    ended = [(event.loan_id, event.reason) for event in events if isinstance(event, LoanEnded)]
    assert ended == [(third, "base_shrunk"), (second, "base_shrunk")]
    assert list(world.domains.loans) == [first]
    assert world.shares("a", "b", "c") == [16, 36, 32]
    world.do(ChangeDomain(0, "a", 20, floor_share=17))
    assert world.shares("a", "b", "c") == [20, 32, 32]


def test_a_smaller_guarantee_revokes_what_it_does_not_cover_and_nothing_else() -> None:
    world = LendingWorld()
    world.make("a", 10, guarantee=Resources(1000, 500, (("gpu", 2000),)))
    world.make("b")
    kept = [world.lend("a", "b", 1000, "gpu"), world.lend("a", "b", 3), world.lend("a", "b", 300, "mem")]
    world.lend("a", "b", 800, "cpu")
    world.do(ChangeDomain(0, "a", 10, guarantee=Resources(700, 300, (("gpu", 1000),))))
    assert sorted(world.domains.loans) == kept
    assert world.find_domain("b").effective_guarantee == Resources(0, 300, (("gpu", 1000),))


# Recall, notice, time


def test_recall_is_immediate_and_twice_is_nothing() -> None:
    world = flat("a", "b")
    before = world.seen()
    loan_id = world.lend("a", "b", 16)
    events = world.recall(loan_id)
    assert next(event for event in events if isinstance(event, LoanEnded)).reason == "recalled"
    assert world.seen() == before
    assert world.recall(loan_id) == ()
    world.refused(RecallLoan(0, LoanId(loan_id + 1)), Reason.UNKNOWN_LOAN)


def test_a_loan_with_notice_ends_when_the_notice_is_over() -> None:
    world = flat("a", "b")
    loan_id = world.lend("a", "b", 16, notice_us=60 * SECOND)
    world.tick(SECOND)
    events = world.recall(loan_id)
    assert events[0] == LoanRecalled(SECOND, loan_id, world.find_domain("a").domain_id, 2, 61 * SECOND)  # type: ignore[arg-type]
    assert world.recall(loan_id) == ()
    assert world.shares("a", "b") == [16, 48]
    assert world.engine.next_due_us() == 61 * SECOND
    world.tick(60 * SECOND - 1)
    assert world.run_timers() == 0
    world.tick(1)
    assert world.run_timers() == 1
    assert world.shares("a", "b") == [32, 32]
    assert world.log[-1].at_us == 61 * SECOND


@pytest.mark.parametrize(
    ("notice_s", "expiry_s", "recalled", "ended_s", "reason"),
    [
        (60, None, True, 70, "recalled"),
        (60, 71, True, 70, "recalled"),
        (60, 70, True, 70, "expired"),  # its term has come, whether or not it was recalled
        (60, 69, True, 69, "expired"),
        (0, 69, True, 10, "recalled"),
        (60, 69, False, 69, "expired"),
    ],
)
def test_a_loan_that_ends_says_whether_its_term_or_a_recall_ended_it(
    notice_s: int, expiry_s: int | None, recalled: bool, ended_s: int, reason: str
) -> None:
    world = flat("a", "b")
    expiry_us = None if expiry_s is None else expiry_s * SECOND
    loan_id = world.lend("a", "b", 16, notice_us=notice_s * SECOND, expiry_us=expiry_us)
    world.tick(10 * SECOND)
    if recalled:
        world.recall(loan_id)
    world.now_us = ended_s * SECOND
    world.run_timers()
    ended = [(event.at_us, event.reason) for event in world.log if isinstance(event, LoanEnded)]
    assert ended == [(ended_s * SECOND, reason)]


def test_a_notice_ends_with_the_term_at_the_latest() -> None:
    world = flat("a", "b")
    loan_id = world.lend("a", "b", 16, notice_us=HOUR, expiry_us=60 * SECOND)
    world.recall(loan_id)
    assert world.domains.loans[loan_id].ends_us == 60 * SECOND
    world.tick(60 * SECOND)
    assert world.run_timers() == 1
    assert [event.reason for event in world.log if isinstance(event, LoanEnded)] == ["expired"]


def test_n15_after_an_hour_the_base_is_back() -> None:
    """Row N15."""
    world = flat("a", "b")
    world.lend("a", "b", 16, expiry_us=HOUR)
    world.tick(HOUR - 1)
    world.run_timers()
    assert world.shares("a", "b") == [16, 48]
    world.tick(1)
    assert world.run_timers() == 1
    assert world.shares("a", "b") == [32, 32]
    assert world.engine.next_due_us() is None


def test_a_loan_that_starts_later_is_set_aside_until_then() -> None:
    world = flat("a", "b", "c")
    loan_id = world.lend("a", "b", 16, start_us=HOUR, expiry_us=2 * HOUR)
    assert world.shares("a", "b") == [32, 32]
    world.refused(OfferLoan(0, "a", "c", "share", 1), Reason.BELOW_FLOOR)
    world.refused(StartLoan(HOUR - 1, loan_id), Reason.NOT_DUE)
    world.refused(EndLoan(2 * HOUR - 1, loan_id), Reason.NOT_DUE)
    world.tick(HOUR)
    assert world.run_timers() == 1
    assert world.shares("a", "b") == [16, 48]
    assert world.do(StartLoan(world.now_us, loan_id)) == ()
    world.tick(HOUR)
    world.run_timers()
    assert world.shares("a", "b") == [32, 32]
    assert world.do(EndLoan(world.now_us, loan_id)) == ()


def test_a_late_look_at_the_timers_starts_and_ends_a_loan_in_order() -> None:
    world = flat("a", "b")
    world.lend("a", "b", 16, start_us=HOUR, expiry_us=2 * HOUR)
    world.tick(5 * HOUR)
    assert world.run_timers() == 2
    assert [type(event) for event in world.log[-2:]] == [LoanStarted, LoanEnded]
    assert world.shares("a", "b") == [32, 32]


def test_a_loan_that_has_not_started_is_recalled_without_a_wait() -> None:
    world = flat("a", "b")
    loan_id = world.lend("a", "b", 16, start_us=HOUR, notice_us=HOUR)
    world.recall(loan_id)
    assert not world.domains.loans
    world.lend("a", "b", 16)


def test_timers_are_the_same_after_a_restart() -> None:
    world = flat("a", "b", "c")
    world.lend("a", "b", 5, start_us=HOUR, expiry_us=3 * HOUR)
    world.recall(world.lend("a", "c", 5, notice_us=2 * HOUR))
    twin = LendingWorld(state=world.state)
    for one in (world, twin):
        one.tick(2 * HOUR)
        assert one.run_timers() == 2
    assert twin.state == world.state
    assert world.engine.next_due_us() == twin.engine.next_due_us() == 3 * HOUR


# Back-off


def test_recalls_in_a_row_wait_twice_as_long_each_time() -> None:
    world = flat("a", "b", "c")
    wait_us = LOAN_BACKOFF_US
    for _ in range(14):
        world.recall(world.lend("a", "b", 1))
        refusal = world.refused(OfferLoan(world.now_us, "a", "b", "share", 1), Reason.BACK_OFF)
        assert f" {wait_us // SECOND_US} s from now." in refusal.sentence
        world.tick(wait_us - 1)
        world.refused(OfferLoan(world.now_us, "a", "b", "share", 1), Reason.BACK_OFF)
        world.tick(1)
        wait_us = min(2 * wait_us, LOAN_BACKOFF_MAX_US)
    assert wait_us == LOAN_BACKOFF_MAX_US
    world.lend("a", "c", 1)


def test_a_quiet_day_is_forgiven() -> None:
    world = flat("a", "b")
    world.recall(world.lend("a", "b", 1))
    world.tick(LOAN_BACKOFF_US + LOAN_BACKOFF_FORGET_US)
    events = world.recall(world.lend("a", "b", 1))
    assert isinstance(events[-1], LoanBackedOff)
    assert events[-1].recalls == 1
    world.tick(10 * LOAN_BACKOFF_FORGET_US)
    world.make("c", 32)
    world.recall(world.lend("a", "c", 1))
    assert set(world.find_domain("a").recalls) == {(world.find_domain("c").domain_id, "share")}


def test_so_many_recalls_are_remembered_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meted.core.limits.LOAN_BACKOFFS_MAX", 2)
    world = flat("a", "b", "c", "d")
    for name in "bcd":
        world.recall(world.lend("a", name, 1))
        world.tick(1)
    known = {world.domains.domains[borrower].name for borrower, _ in world.find_domain("a").recalls}
    assert known == {"c", "d"}
    world.lend("a", "b", 1)


def test_a_notice_beyond_all_time_ends_with_it() -> None:
    world = flat("a", "b")
    world.tick(SECOND)
    loan_id = world.lend("a", "b", 1, notice_us=TIME_MAX_US)
    world.recall(loan_id)
    assert world.domains.loans[loan_id].ends_us == TIME_MAX_US


def test_other_resources_borrowers_and_lenders_do_not_wait() -> None:
    world = flat("a", "b", "c", guarantee=milli(100))
    world.recall(world.lend("a", "b", 1))
    world.lend("a", "b", 1, "cpu")
    world.lend("a", "c", 1)
    world.lend("b", "a", 1)


def test_a_list_that_takes_away_counts_as_a_recall_and_one_that_does_not_does_not() -> None:
    world = flat("a", "b", "c")
    world.set_loans("a", ("b", "share", 10))
    world.set_loans("a", ("b", "share", 12))
    assert world.set_loans("a", ("b", "share", 12), ("c", "share", 1)) == []
    assert world.set_loans("a", ("b", "share", 4)) == []
    assert world.set_loans("a", ("b", "share", 3)) == []
    assert world.set_loans("a", ("b", "share", 5), ("c", "share", 1)) == ["back_off", "back_off"]
    assert world.shares("a", "b", "c") == [32, 32, 32]


# Lists


def test_a_loan_that_is_in_both_lists_goes_on() -> None:
    """Row N10."""
    world = flat("a", "b", "c")
    world.set_loans("a", ("b", "share", 5), ("c", "share", 5))
    kept = next(one.loan_id for one in world.domains.loans.values() if one.borrower == world.domains.by_name["b"])
    world.tick(SECOND)
    world.set_loans("a", ("c", "share", 6), ("b", "share", 5))
    assert kept in world.domains.loans
    assert world.domains.loans[kept].made_us == 0
    assert world.shares("a", "b", "c") == [21, 37, 38]
    before = world.state
    assert world.set_loans("a", ("c", "share", 6), ("b", "share", 5)) == []
    assert world.state is before


def test_order_holds_for_what_goes_on_as_well() -> None:
    world = flat("a", "b", "c")
    world.set_loans("a", ("b", "share", 10))
    assert world.set_loans("a", ("c", "share", 16), ("b", "share", 10)) == ["below_floor"]
    assert world.shares("a", "b", "c") == [16, 32, 48]


def test_an_empty_list_ends_all() -> None:
    """Row N10."""
    world = flat("a", "b", "c")
    world.set_loans("a", ("b", "share", 5), ("c", "share", 5))
    events = world.do(SetLoans(0, "a", ()))
    assert [event.reason for event in events if isinstance(event, LoanEnded)] == ["replaced", "replaced"]
    assert world.shares("a", "b", "c") == [32, 32, 32]


def test_a_loan_with_notice_counts_until_its_notice_is_over_though_a_list_drops_it() -> None:
    world = flat("a", "b", "c")
    loan_id = world.lend("a", "b", 16, notice_us=SECOND)
    assert world.set_loans("a", ("c", "share", 1)) == ["below_floor"]
    assert world.domains.loans[loan_id].ends_us == SECOND
    world.tick(SECOND)
    world.run_timers()
    assert world.set_loans("a", ("c", "share", 1)) == []


def test_a_loan_with_notice_goes_on_if_the_list_has_it() -> None:
    world = flat("a", "b", "c")
    world.lend("a", "b", 10, notice_us=SECOND)
    entry = ("b", "share", 10, None, None, SECOND)
    assert world.set_loans("a", ("c", "share", 7), entry) == ["below_floor"]
    assert world.shares("a", "b", "c") == [22, 42, 32]


def test_a_recalled_loan_is_no_answer_to_a_list_that_asks_for_the_same() -> None:
    world = flat("a", "b")
    entry = ("b", "share", 5, None, None, HOUR)
    world.set_loans("a", entry)
    (first,) = world.domains.loans
    world.recall(first)
    assert world.set_loans("a", entry) == ["back_off"]
    world.tick(LOAN_BACKOFF_US)
    assert world.set_loans("a", entry) == []
    assert [loan.ends_us for _, loan in sorted(world.domains.loans.items())] == [HOUR, None]


def test_what_is_kept_of_a_list_counts_against_what_may_be_lent_while_there_is_a_wait() -> None:
    world = flat("a", "b")
    world.lend("a", "b", 4, notice_us=HOUR)
    world.recall(world.lend("a", "b", 2))
    assert world.set_loans("a", ("b", "share", 4, None, None, HOUR), ("b", "share", 2)) == ["back_off"]


def test_loans_that_run_out_their_notice_count_among_those_that_a_lender_has_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = flat("a", "b", "c", "d")
    world.lend("a", "b", 1, notice_us=HOUR)
    monkeypatch.setattr(limits, "LOANS_MAX", 2)
    assert world.set_loans("a", ("c", "share", 1), ("d", "share", 1)) == ["too_many"]
    assert len(world.domains.loans) == 2


entries = st.tuples(
    st.sampled_from("bc"),
    st.sampled_from(("share", "cpu")),
    st.integers(0, 7),
    st.just(None),
    st.sampled_from((None, None, 20 * HOUR)),
    st.sampled_from((0, 0, SECOND, HOUR)),
)
moves = st.one_of(
    st.lists(entries, max_size=4),
    st.integers(0, 9),  # recall one of the loans there are
    st.sampled_from((SECOND, LOAN_BACKOFF_US, HOUR)).map(float),  # wait
)


@given(st.lists(moves, max_size=12))
def test_a_list_is_what_is_lent_but_for_what_was_refused_and_waits_are_kept(
    steps: list[list[tuple[str, str, int, None, int | None, int]] | int | float],
) -> None:
    """N10 and N13: the loans that go on are the entries that were not refused; recalls are not evaded by a list."""
    world = flat("a", "b", "c", guarantee=milli(20))
    names = {world.domains.by_name[name]: name for name in "bc"}

    def lent() -> list[tuple[str, str, int, int | None, int]]:
        loans = (one for one in world.domains.loans.values() if one.ends_us is None)
        return sorted(
            ((names[it.borrower], it.resource, it.amount, it.expiry_us, it.notice_us) for it in loans), key=repr
        )

    for step in steps:
        if isinstance(step, int):
            open_ids = sorted(world.domains.loans)
            if open_ids:
                world.recall(open_ids[step % len(open_ids)])
            continue
        if isinstance(step, float):
            world.tick(int(step))
            world.run_timers()
            continue
        before, recalls = lent(), world.find_domain("a").recalls
        events = world.do(SetLoans(world.now_us, "a", tuple(LoanTerms(*entry) for entry in step)))
        asked = Counter((*entry[:3], *entry[4:]) for entry in step if entry[2])
        refused = Counter(
            (event.borrower, event.resource, event.amount) for event in events if isinstance(event, LoanRefused)
        )
        after = lent()
        assert not Counter(after) - asked
        assert Counter(one[:3] for one in (asked - Counter(after)).elements()) == +Counter(
            {key: count for key, count in refused.items() if key[2]}
        )
        for (borrower, resource), wait in recalls.items():
            if world.now_us < wait.until_us:
                mine = names[borrower], resource
                had, has = (sum(one[2] for one in loans if one[:2] == mine) for loans in (before, after))
                assert has <= had
    world.check()


def test_each_entry_that_is_not_taken_has_its_reason_and_the_others_are() -> None:
    """Row N13."""
    world = flat("a", "b", "c", guarantee=milli(10))
    world.make("inner", 32, parent="c")
    world.tick(HOUR)
    reasons = world.set_loans(
        "a",
        ("nobody", "share", 1),
        ("a", "share", 1),
        ("inner", "share", 1),
        ("b", "disk", 1),
        ("b", "share", 1, None, HOUR),
        ("b", "share", 1, 3 * HOUR, 2 * HOUR),
        ("b", "cpu", 11),
        ("b", "share", 17),
        ("inner", "cpu", 10),
        ("b", "share", 16),
    )
    assert reasons == [
        "unknown_domain",
        "self_loan",
        "not_siblings",
        "unknown_resource",
        "out_of_range",
        "out_of_range",
        "over_capacity",
        "below_floor",
    ]
    assert world.shares("a", "b") == [16, 48]
    assert world.guaranteed("a", "inner", "c") == [0, 10, 20]


# Guarantees across the tree


def test_a_guarantee_moves_at_every_domain_that_it_leaves_or_enters() -> None:
    world = LendingWorld()
    for name, parent, amount in (
        ("physics", "", 100),
        ("optics", "physics", 60),
        ("laser", "optics", 50),
        ("plasma", "physics", 40),
        ("biology", "", 100),
        ("botany", "biology", 10),
    ):
        world.make(name, parent=parent, guarantee=milli(amount))
    before = world.seen()
    out = world.lend("laser", "botany", 30, "cpu")
    assert world.guaranteed("laser", "optics", "physics", "plasma", "biology", "botany") == [20, 30, 70, 40, 130, 40]
    inside = world.lend("laser", "plasma", 20, "cpu")
    assert world.guaranteed("laser", "optics", "physics", "plasma", "biology", "botany") == [0, 10, 70, 60, 130, 40]
    world.recall(out)
    world.recall(inside)
    assert world.seen() == before


def test_what_leaves_a_subtree_is_covered_by_the_guarantee_of_the_whole() -> None:
    world = LendingWorld()
    world.make("physics", guarantee=milli(50), floor=milli(10))
    world.make("optics", parent="physics", guarantee=milli(60))
    world.make("plasma", parent="physics")
    world.make("biology")
    world.refused(OfferLoan(0, "optics", "biology", "cpu", 41), Reason.BELOW_FLOOR)
    world.refused(OfferLoan(0, "optics", "biology", "cpu", 51), Reason.OVER_CAPACITY)
    loan_id = world.lend("optics", "biology", 40, "cpu")
    world.refused(OfferLoan(0, "physics", "biology", "cpu", 1), Reason.BELOW_FLOOR)
    world.lend("optics", "plasma", 20, "cpu")
    events = world.do(ChangeDomain(0, "physics", 1, guarantee=milli(49), floor=milli(10)))
    assert [event.loan_id for event in events if isinstance(event, LoanEnded)] == [loan_id]
    assert world.guaranteed("physics", "optics", "plasma", "biology") == [49, 40, 20, 0]


def test_what_is_borrowed_does_not_cover_what_sub_domains_lend() -> None:
    """So whatever is recalled, nobody is guaranteed less than nothing."""
    world = LendingWorld()
    world.make("a", guarantee=milli(10))
    world.make("a1", parent="a", guarantee=milli(50))
    world.make("b", guarantee=milli(40))
    world.make("c")
    loan_id = world.lend("b", "a", 40, "cpu")
    world.refused(OfferLoan(0, "a1", "c", "cpu", 11), Reason.OVER_CAPACITY)
    world.lend("a1", "c", 10, "cpu")
    world.recall(loan_id)
    assert world.guaranteed("a", "a1", "b", "c") == [0, 40, 40, 10]


# What is told, and what is owed


def test_n14_both_parties_are_told() -> None:
    """Rows N13 and N14."""
    world = flat("a", "b")
    world.commit()
    a, b = world.domains.by_name["a"], world.domains.by_name["b"]
    first = world.lend("a", "b", 5)
    assert world.commit() == (TellLoan(first, a, b, "started", ""),)
    second = world.lend("a", "b", 5, start_us=SECOND, notice_us=SECOND)
    assert world.commit() == ()
    world.recall(first)
    assert world.commit() == (TellLoan(first, a, b, "ended", "recalled"),)
    world.tick(SECOND)
    world.run_timers()
    world.recall(second)
    assert world.commit() == (TellLoan(second, a, b, "started", ""), TellLoan(second, a, b, "recalled", ""))
    world.set_loans("a", ("nobody", "share", 1), ("b", "share", 99))
    assert world.commit() == (
        TellLoan(None, a, None, "refused", "unknown_domain"),
        TellLoan(None, a, b, "refused", "over_capacity"),
    )


def test_p10_a_loan_and_its_recall_restore_every_tag_exactly() -> None:
    world = flat("a", "b", share=32, floor_share=1)
    worker = world.worker(9)
    for name, units in (("a", 1), ("b", 3), ("a", 2)):
        world.lease(worker, world.submit(name, 9, time_request_us=7 * SECOND + 1), units)
    before = world.state.jobs.accounts
    for amount in (31, 1, 7, 16, 30):
        loan_id = world.lend("a", "b", amount)
        world.recall(loan_id)
        assert world.state.jobs.accounts == before
        assert (world.find_domain("a").remainder, world.find_domain("b").remainder) == (0, 0)
        world.tick(10 * LOAN_BACKOFF_FORGET_US)
    first, second = world.lend("a", "b", 13), world.lend("b", "a", 29)
    assert world.state.jobs.accounts != before
    world.recall(first)
    world.recall(second)
    assert world.state.jobs.accounts == before


def test_p10_a_loan_leaves_what_all_are_owed_and_the_clock() -> None:
    world = flat("a", "b", share=32, floor_share=1)
    worker = world.worker(9)
    for name, units in (("a", 1), ("b", 3), ("a", 2)):
        world.lease(worker, world.submit(name, 9, time_request_us=7 * SECOND + 1), units)

    def owed(name: str) -> int:
        domain = world.find_domain(name)
        lag = world.state.jobs.clock - world.account(name).tag
        return domain.effective_share * lag + domain.remainder

    before, clock = (owed("a"), owed("b")), world.state.jobs.clock
    made, started, *moved = world.do(OfferLoan(0, "a", "b", "share", 13))
    assert (owed("a"), owed("b")) == before
    assert world.state.jobs.clock == clock
    assert (type(made), type(started)) == (LoanMade, LoanStarted)
    assert sum(isinstance(event, AccountReweighted) for event in moved) == 2
