"""The ledger: double entry, grants once a period, holds that resolve once, loans of credit (rows P01, P02, P10)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import (
    ChangeDomain,
    CloseCredit,
    Command,
    GrantCredit,
    HoldCredit,
    LendCredit,
    OpenCredit,
    PostHold,
    RemoveDomain,
    RepayCredit,
    SetCreditRules,
    TimeOutHold,
    TransferCredit,
    VoidHold,
)
from meted.core.credit.accrual import accrual_by
from meted.core.credit.state import ESCROW, TREASURY, CreditAccount, CreditRules
from meted.core.errors import Reason, Refused
from meted.core.events import CreditHeld, CreditLent, CreditMoved, HoldPosted, HoldVoided
from meted.core.ids import AccountId, DomainId, JobId
from meted.core.limits import (
    CREDIT_LOANS_MAX,
    CREDIT_MAX_MC,
    CREDIT_PERIODS_MAX,
    CREDIT_RULES_KEPT_MAX,
    CREDIT_TOTAL_MAX_MC,
)

from .helper import SECOND, examples
from .lending import LendingWorld

HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND


class CreditWorld(LendingWorld):
    """A world in which domains have credit."""

    def credit(self, name: str) -> CreditAccount:
        """Return the account of a domain."""
        ledger = self.state.ledger
        return ledger.accounts[ledger.of_domain[self.state.domains.by_name[name]]]

    def grant(self, name: str, amount_mc: int) -> None:
        """Grant credit."""
        self.do(GrantCredit(self.now_us, name, amount_mc))

    def pay(self, payer: str, payee: str, amount_mc: int) -> None:
        """Transfer credit."""
        self.do(TransferCredit(self.now_us, payer, payee, amount_mc))

    def hold(self, name: str, amount_mc: int, until_us: int | None = None) -> int:
        """Hold credit."""
        event = self.do(HoldCredit(self.now_us, name, amount_mc, until_us))[-1]
        assert isinstance(event, CreditHeld)
        return event.hold_id

    def balances(self, *names: str) -> list[int]:
        """Return balances."""
        return [self.credit(name).balance_mc for name in names]


@pytest.fixture
def world() -> CreditWorld:
    """Two domains, the first of which was granted ten credits."""
    world = CreditWorld()
    world.make("a")
    world.make("b")
    world.grant("a", 10_000)
    return world


def test_a_grant_comes_from_the_treasury(world: CreditWorld) -> None:
    assert world.balances("a") == [10_000]
    assert world.state.ledger.accounts[TREASURY].balance_mc == -10_000
    assert world.state.ledger.accounts[ESCROW].balance_mc == 0
    assert DomainId(2) not in world.state.ledger.of_domain  # nothing was ever sent to the other


def test_a_transfer_debits_one_and_credits_the_other(world: CreditWorld) -> None:
    world.pay("a", "b", 4_000)
    assert world.balances("a", "b") == [6_000, 4_000]
    kinds = [event.kind for event in world.log if isinstance(event, CreditMoved)]
    assert kinds == ["grant", "transfer"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (TransferCredit(0, "a", "b", 10_001), Reason.NOT_ENOUGH_CREDIT),
        (TransferCredit(0, "b", "a", 1), Reason.NO_ACCOUNT),
        (TransferCredit(0, "a", "a", 1), Reason.SELF_TRANSFER),
        (TransferCredit(0, "a", "x", 1), Reason.UNKNOWN_DOMAIN),
        (TransferCredit(0, "a", "b", 0), Reason.OUT_OF_RANGE),
        (TransferCredit(0, "a", "b", -5), Reason.OUT_OF_RANGE),
        (TransferCredit(0, "a", "b", 10**40), Reason.OUT_OF_RANGE),
        (GrantCredit(0, "a", -10_001), Reason.NOT_ENOUGH_CREDIT),
        (HoldCredit(0, "a", 10_001), Reason.NOT_ENOUGH_CREDIT),
        (HoldCredit(5, "a", 1, 5), Reason.OUT_OF_RANGE),
        (PostHold(0, 1, "b", 1), Reason.UNKNOWN_HOLD),
        (VoidHold(0, 1), Reason.UNKNOWN_HOLD),
        (LendCredit(0, "a", "a", 1, DAY), Reason.SELF_LOAN),
        (LendCredit(0, "a", "b", 10_001, DAY), Reason.NOT_ENOUGH_CREDIT),
        (LendCredit(5, "a", "b", 1, 5), Reason.OUT_OF_RANGE),
        (RepayCredit(0, 1), Reason.UNKNOWN_LOAN),
        (CloseCredit(0, "b"), Reason.NO_ACCOUNT),
        (SetCreditRules(0, period_us=1), Reason.OUT_OF_RANGE),
        (SetCreditRules(0, income="lottery"), Reason.OUT_OF_RANGE),
        (SetCreditRules(0, donors="idle"), Reason.OUT_OF_RANGE),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(world: CreditWorld, command: Any, reason: Reason) -> None:
    world.refused(command, reason)


@pytest.mark.parametrize("amount", [True, 1.5, float("nan"), "5", None, b"5"])
def test_an_amount_is_a_whole_number(world: CreditWorld, amount: Any) -> None:
    world.refused(TransferCredit(0, "a", "b", amount), Reason.BAD_TYPE)
    world.refused(GrantCredit(0, "a", amount), Reason.BAD_TYPE)
    world.refused(HoldCredit(0, "a", amount), Reason.BAD_TYPE)


def test_an_unlimited_domain_pays_for_nothing_and_stays_unlimited(world: CreditWorld) -> None:
    """Row P06; it was -1 in PARK, which a charge of one credit too much made of a debt."""
    world.do(OpenCredit(world.now_us, "a", True))
    for _ in range(3):
        world.refused(TransferCredit(0, "a", "b", 1), Reason.NOT_ENOUGH_CREDIT)
    assert world.credit("a").unlimited
    assert world.balances("a") == [10_000]
    world.do(SetCreditRules(world.now_us, grant_mc=100, period_us=DAY, cap_mc=200))
    world.tick(3 * DAY)
    world.do(OpenCredit(world.now_us, "a", False))
    assert world.balances("a") == [10_000], "it needs no grants, and nothing is taken from it"
    world.pay("a", "b", 1)
    assert world.balances("a") == [9_999], "nor later for that time"


def test_what_is_held_counts_towards_the_cap(world: CreditWorld) -> None:
    world.hold("a", 8_000)
    world.do(SetCreditRules(world.now_us, grant_mc=5_000, period_us=DAY, cap_mc=11_000))
    world.tick(DAY)
    world.pay("a", "b", 1)
    assert world.credit("a").free_mc == 3_000 - 1
    assert world.balances("a") == [11_000 - 1]


def test_what_had_accrued_before_a_domain_became_unlimited_is_its_own(world: CreditWorld) -> None:
    world.do(SetCreditRules(world.now_us, grant_mc=100, period_us=DAY))
    world.tick(3 * DAY)
    for unlimited in (True, False):
        world.do(OpenCredit(world.now_us, "a", unlimited))
    assert world.balances("a") == [10_300]


def test_a_hold_is_posted_once(world: CreditWorld) -> None:
    hold_id = world.hold("a", 6_000)
    world.refused(TransferCredit(0, "a", "b", 4_001), Reason.NOT_ENOUGH_CREDIT)
    world.refused(PostHold(0, hold_id, "b", 6_001), Reason.OVER_HOLD)
    world.refused(PostHold(0, hold_id, "a", 1), Reason.SELF_TRANSFER)
    world.do(PostHold(world.now_us, hold_id, "b", 5_000))
    assert world.balances("a", "b") == [5_000, 5_000]
    assert world.credit("a").held_mc == 0
    world.refused(PostHold(0, hold_id, "b", 1), Reason.UNKNOWN_HOLD)
    world.refused(VoidHold(0, hold_id), Reason.UNKNOWN_HOLD)


def test_a_hold_is_voided_by_hand_or_by_time(world: CreditWorld) -> None:
    first, second = world.hold("a", 6_000), world.hold("a", 4_000, until_us=world.now_us + DAY)
    world.do(VoidHold(world.now_us, first))
    assert world.credit("a").free_mc == 6_000
    world.tick(DAY)
    world.refused(PostHold(world.now_us, second, "b", 1), Reason.UNKNOWN_HOLD)
    assert world.run_timers() == 1
    assert world.credit("a").free_mc == 10_000
    world.refused(VoidHold(world.now_us, second), Reason.UNKNOWN_HOLD)


@pytest.mark.parametrize("late_us", [-1, 0, 1, DAY])
def test_a_hold_ends_with_its_time_whether_or_not_the_timers_have_run(world: CreditWorld, late_us: int) -> None:
    """Posted and voided it is before its time alone, so an answer does not depend on when the timers come to run."""
    until_us = world.now_us + DAY
    posted, voided, left = (world.hold("a", 1_000, until_us) for _ in range(3))
    world.tick(DAY + late_us)
    if late_us < 0:
        world.refused(TimeOutHold(world.now_us, left), Reason.NOT_DUE)
    commands: tuple[Command, ...] = PostHold(world.now_us, posted, "b", 400), VoidHold(world.now_us, voided)
    for command in commands:
        if late_us < 0:
            world.do(command)
        else:
            assert "is over" in world.refused(command, Reason.UNKNOWN_HOLD).sentence
    world.tick(DAY)
    world.run_timers()
    for command in (*commands, VoidHold(world.now_us, left), TimeOutHold(world.now_us, left)):
        world.refused(command, Reason.UNKNOWN_HOLD)
    resolved = [
        (it.hold_id, "posted" if isinstance(it, HoldPosted) else it.reason)
        for it in world.log
        if isinstance(it, HoldPosted | HoldVoided)
    ]
    how = ["posted", "voided", "timed_out"] if late_us < 0 else ["timed_out"] * 3
    assert resolved == list(zip((posted, voided, left), how, strict=True))
    assert world.credit("a").held_mc == 0


def test_an_account_of_which_something_is_held_is_not_closed(world: CreditWorld) -> None:
    hold_id = world.hold("a", 1)
    refusal = world.refused(CloseCredit(0, "a"), Reason.ACCOUNT_IN_USE)
    assert "0.001 credits held" in refusal.sentence
    world.refused(RemoveDomain(0, "a"), Reason.ACCOUNT_IN_USE)
    world.do(VoidHold(0, hold_id))
    world.do(CloseCredit(0, "a"))
    assert world.state.ledger.accounts[TREASURY].balance_mc == 0


def test_grants_are_paid_once_a_period(world: CreditWorld) -> None:
    """Row P10."""
    world.do(SetCreditRules(world.now_us, grant_mc=100, period_us=DAY))
    world.tick(DAY)
    world.pay("a", "b", 1)
    assert world.balances("a", "b") == [10_099, 1]
    world.tick(DAY - 1)
    world.pay("a", "b", 1)
    assert world.balances("a", "b") == [10_098, 2]
    world.tick(1)
    world.pay("a", "b", 1)
    assert world.balances("a", "b") == [10_197, 103]


def test_what_has_accrued_can_be_sent_held_lent_and_taken_back(world: CreditWorld) -> None:
    """Whoever judges what an account can pay brings it up to date first."""
    world.do(SetCreditRules(world.now_us, grant_mc=100, period_us=DAY))
    for command in (
        lambda now_us: TransferCredit(now_us, "a", "b", 100),
        lambda now_us: HoldCredit(now_us, "a", 100),
        lambda now_us: LendCredit(now_us, "a", "b", 100, now_us + 900 * DAY),
        lambda now_us: GrantCredit(now_us, "a", -100),
    ):
        world.do(GrantCredit(world.now_us, "a", -world.credit("a").free_mc))
        world.tick(DAY)
        world.do(command(world.now_us))
        assert world.credit("a").free_mc == 0


def test_a_grant_goes_by_the_share_of_its_time(world: CreditWorld) -> None:
    world.do(SetCreditRules(world.now_us, grant_mc=100, period_us=DAY))
    world.tick(3 * DAY)
    world.do(ChangeDomain(world.now_us, "a", 5))
    world.tick(2 * DAY)
    world.pay("a", "b", 1)
    assert world.balances("a") == [10_000 + 3 * 100 + 2 * 500 - 1]


def test_credit_fades_to_a_half_and_stops_at_the_cap(world: CreditWorld) -> None:
    world.do(SetCreditRules(world.now_us, period_us=HOUR, half_life_us=DAY))
    world.tick(DAY)
    world.pay("a", "b", 1)
    assert 4_970 < world.balances("a")[0] <= 4_999  # 24 roundings in favour of the treasury
    world.do(SetCreditRules(world.now_us, grant_mc=100, period_us=HOUR, cap_mc=5_500))
    world.tick(DAY)
    world.pay("a", "b", 1)
    assert world.balances("a") == [5_499]


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 10**9),
    st.none() | st.integers(HOUR, 100 * DAY),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_it_does_not_matter_when_an_account_is_looked_at(
    balance: int, grant: int, cap: int | None, half_life: int | None, first: int, second: int
) -> None:
    rules = CreditRules(grant, HOUR, cap, half_life)

    def looked_at(account: CreditAccount, at_us: int) -> CreditAccount:
        due = accrual_by(rules, account, 1, at_us)
        if due is None:
            return account
        balance_mc = account.balance_mc + due.granted_mc - due.lost_mc
        assert balance_mc >= 0
        return CreditAccount(account.account_id, DomainId(1), JobId(0), balance_mc, settled_us=due.settled_us)

    start = CreditAccount(AccountId(3), DomainId(1), JobId(0), balance)
    once = looked_at(start, (first + second) * HOUR)
    assert looked_at(looked_at(start, first * HOUR + 7), (first + second) * HOUR) == once


def test_of_a_long_time_the_last_periods_count() -> None:
    account = CreditAccount(AccountId(3), DomainId(1), JobId(0), 0)
    for half_life_us in (None, 10**6 * DAY):
        due = accrual_by(CreditRules(1, HOUR, None, half_life_us), account, 1, 3 * CREDIT_PERIODS_MAX * HOUR)
        assert due is not None
        assert (due.granted_mc, due.settled_us) == (CREDIT_PERIODS_MAX, 3 * CREDIT_PERIODS_MAX * HOUR)


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 40 * HOUR),
        st.integers(0, 300),
        st.sampled_from([HOUR, 3 * HOUR, DAY, 7 * HOUR + 5]),
        st.none() | st.integers(0, 2_000),
        st.none() | st.integers(HOUR, 50 * HOUR),
    ),
    min_size=1,
    max_size=6,
)


@given(CHANGES, st.integers(0, 3_000), st.integers(1, 5))
@examples(100)
def test_it_does_not_matter_whether_accounts_are_looked_at_when_the_rules_change(
    changes: list[tuple[int, int, int, int | None, int | None]], balance: int, share: int
) -> None:
    """One world in which an account is used just before each change of the rules, and one in which it is left alone."""
    with CreditWorld() as used, CreditWorld() as left:
        for world in (used, left):
            for name in "ab":
                world.make(name, share)
                world.grant(name, balance + 1)
            for pause_us, grant_mc, period_us, cap_mc, half_life_us in changes:
                world.tick(pause_us)
                if world is used:
                    world.grant("a", 1)
                    world.grant("a", -1)
                world.do(SetCreditRules(world.now_us, grant_mc, period_us, cap_mc, half_life_us))
            world.tick(10 * DAY)
            world.grant("a", 1)
        assert used.balances("a") == left.balances("a")
        assert used.credit("a").settled_us == left.credit("a").settled_us


def test_a_change_of_the_rules_touches_no_account(world: CreditWorld) -> None:
    world.do(SetCreditRules(world.now_us, grant_mc=100, period_us=HOUR))
    world.tick(5 * HOUR)
    events = world.do(SetCreditRules(world.now_us, grant_mc=7, period_us=HOUR))
    assert [event.tag for event in events] == ["credit_rules_changed"]
    world.tick(2 * HOUR)
    world.pay("a", "b", 1)
    assert world.balances("a") == [10_000 + 5 * 100 + 2 * 7 - 1]


def test_of_many_changes_of_the_rules_the_last_are_known(world: CreditWorld) -> None:
    for step in range(2 * CREDIT_RULES_KEPT_MAX):
        world.tick(HOUR)
        world.do(SetCreditRules(world.now_us, grant_mc=1 + step % 2, period_us=HOUR))
    assert len(world.state.ledger.past) == CREDIT_RULES_KEPT_MAX
    world.pay("a", "b", 1)
    # What is not known any more counts by the rules that came next.
    known = sum(1 + step % 2 for step in range(CREDIT_RULES_KEPT_MAX, 2 * CREDIT_RULES_KEPT_MAX))
    assert world.balances("a")[0] >= 10_000 - 1 + known - 2


def test_a_loan_of_credit_comes_back_when_it_is_due(world: CreditWorld) -> None:
    event = world.do(LendCredit(world.now_us, "a", "b", 3_000, world.now_us + DAY))[1]
    assert isinstance(event, CreditLent)
    assert world.balances("a", "b") == [7_000, 3_000]
    world.refused(CloseCredit(0, "a"), Reason.ACCOUNT_IN_USE)
    world.refused(RemoveDomain(0, "b"), Reason.ACCOUNT_IN_USE)
    world.tick(DAY)
    assert world.run_timers() == 1
    assert world.balances("a", "b") == [10_000, 0]
    assert not world.state.ledger.loans


def test_a_domain_gives_so_many_loans_of_credit_and_no_more(world: CreditWorld) -> None:
    for _ in range(CREDIT_LOANS_MAX):
        world.do(LendCredit(world.now_us, "a", "b", 1, world.now_us + DAY))
    refusal = world.refused(LendCredit(world.now_us, "a", "b", 1, world.now_us + DAY), Reason.TOO_MANY)
    assert f"has given {CREDIT_LOANS_MAX} loans" in refusal.sentence
    world.do(RepayCredit(world.now_us, 1))
    world.do(LendCredit(world.now_us, "a", "b", 1, world.now_us + DAY))


def test_a_borrower_who_has_spent_it_pays_back_what_comes_in(world: CreditWorld) -> None:
    world.make("c")
    world.do(LendCredit(world.now_us, "a", "b", 3_000, world.now_us + DAY))
    world.pay("b", "c", 2_000)
    world.tick(DAY)
    world.run_timers()
    assert world.balances("a", "b") == [8_000, 0]
    assert world.state.ledger.loans[1].overdue
    assert world.do(RepayCredit(world.now_us, 1)) == (), "that it is overdue is told once"
    world.pay("c", "b", 1_500)
    world.tick(HOUR)
    world.run_timers()
    assert world.balances("a", "b") == [9_500, 0]
    world.pay("c", "b", 500)
    world.tick(HOUR)
    world.run_timers()
    assert world.balances("a", "b", "c") == [10_000, 0, 0]
    assert not world.state.ledger.loans


@pytest.fixture
def debtor() -> CreditWorld:
    """``b`` owes ``a`` 3,000 since today, and has nothing; ``c`` has two credits."""
    world = CreditWorld()
    for name in "abc":
        world.make(name)
    world.grant("a", 3_000)
    world.do(LendCredit(world.now_us, "a", "b", 3_000, world.now_us + DAY))
    world.pay("b", "c", 3_000)
    world.tick(DAY)
    world.run_timers()
    assert world.state.ledger.loans[1].overdue
    return world


def test_what_an_overdue_borrower_receives_goes_to_the_lender_at_once(debtor: CreditWorld) -> None:
    debtor.pay("c", "b", 500)
    assert debtor.balances("a", "b") == [500, 0]
    debtor.grant("b", 700)
    assert debtor.balances("a", "b") == [1_200, 0]
    hold = debtor.hold("c", 100)
    debtor.do(PostHold(debtor.now_us, hold, "b", 100))
    assert debtor.balances("a", "b") == [1_300, 0]
    assert debtor.state.ledger.loans[1].left_mc == 1_700


def test_an_overdue_borrower_cannot_spend_a_grant_before_it_has_paid(debtor: CreditWorld) -> None:
    debtor.do(SetCreditRules(debtor.now_us, grant_mc=2_000, period_us=HOUR))
    debtor.tick(HOUR)  # a grant has come, and nobody has looked at the account since
    debtor.refused(TransferCredit(debtor.now_us, "b", "c", 1), Reason.NOT_ENOUGH_CREDIT)
    debtor.refused(HoldCredit(debtor.now_us, "b", 1), Reason.NOT_ENOUGH_CREDIT)
    debtor.refused(LendCredit(debtor.now_us, "b", "c", 1, debtor.now_us + DAY), Reason.NOT_ENOUGH_CREDIT)
    debtor.tick(HOUR)
    debtor.pay("b", "c", 1_000)  # of two grants three credits are the lender's
    assert debtor.balances("a", "b") == [3_000 + 2 * 2_000, 0]
    assert not debtor.state.ledger.loans
    assert not debtor.state.ledger.overdue


def test_what_was_held_and_is_free_again_is_paid_back(debtor: CreditWorld) -> None:
    debtor.do(SetCreditRules(debtor.now_us))
    debtor.pay("c", "b", 2_990)
    debtor.pay("c", "b", 10)
    assert not debtor.state.ledger.loans
    debtor.grant("b", 50)
    hold = debtor.hold("b", 50)
    debtor.do(LendCredit(debtor.now_us, "a", "b", 100, debtor.now_us + HOUR))
    debtor.pay("b", "c", 100)
    debtor.tick(HOUR)
    debtor.run_timers()
    assert debtor.state.ledger.loans[2].left_mc == 100
    debtor.do(VoidHold(debtor.now_us, hold))
    assert debtor.state.ledger.loans[2].left_mc == 50
    assert debtor.balances("b") == [0]


def test_there_is_never_more_credit_than_64_bits_hold(world: CreditWorld) -> None:
    """Neither by grants of the operator nor by those of the rules, whatever the share."""
    for _ in range(CREDIT_TOTAL_MAX_MC // CREDIT_MAX_MC - 1):
        world.grant("a", CREDIT_MAX_MC)
    refusal = world.refused(GrantCredit(0, "b", CREDIT_MAX_MC), Reason.TOO_LARGE)
    assert "at most" in refusal.sentence
    world.grant("b", CREDIT_MAX_MC - 10_000)  # all that there may be, to the last thousandth
    world.refused(GrantCredit(0, "b", 1), Reason.TOO_LARGE)
    world.grant("b", 10_000 - CREDIT_MAX_MC)
    world.do(ChangeDomain(world.now_us, "a", 10**9))
    world.do(SetCreditRules(world.now_us, grant_mc=CREDIT_MAX_MC, period_us=HOUR, half_life_us=DAY))
    world.tick(1_000 * DAY)
    world.pay("a", "b", 1)
    world.tick(DAY)
    world.pay("a", "b", 1)
    assert -CREDIT_TOTAL_MAX_MC <= world.state.ledger.accounts[TREASURY].balance_mc < 0
    assert world.balances("a")[0] >= 0


def test_a_domain_that_goes_leaves_its_credit_to_the_treasury(world: CreditWorld) -> None:
    world.do(RemoveDomain(world.now_us, "a"))
    assert world.state.ledger.accounts[TREASURY].balance_mc == 0
    assert not world.state.ledger.of_domain


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "pay", "hold", "post", "void", "lend", "repay", "tick", "open", "close", "rules"]),
        st.sampled_from("abc"),
        st.sampled_from("abc"),
        st.integers(1, 5_000),
    ),
    max_size=40,
)


@given(COMMANDS)
@examples(100)
def test_no_credit_is_made_or_lost_whatever_is_tried(steps: list[tuple[str, str, str, int]]) -> None:
    """P13: checked by the invariants after each step; nothing but the treasury is ever below zero."""
    with CreditWorld() as world:
        for name in "abc":
            world.make(name)
        for verb, one, other, amount in steps:
            _try(world, verb, one, other, amount)
            world.check()
        assert world.state.ledger.accounts[ESCROW].balance_mc == 0


def _try(world: CreditWorld, verb: str, one: str, other: str, amount: int) -> None:
    now_us, number = world.now_us, 1 + amount % 5
    commands: dict[str, Command] = {
        "grant": GrantCredit(now_us, one, amount - 1_000 or 1),
        "pay": TransferCredit(now_us, one, other, amount),
        "hold": HoldCredit(now_us, one, amount, now_us + amount * SECOND if amount % 2 else None),
        "post": PostHold(now_us, number, one, amount),
        "void": VoidHold(now_us, number),
        "lend": LendCredit(now_us, one, other, amount, now_us + amount * SECOND),
        "repay": RepayCredit(now_us, number),
        "open": OpenCredit(now_us, one, amount % 7 == 0),
        "close": CloseCredit(now_us, one),
        "rules": SetCreditRules(now_us, amount % 50, HOUR, 4_000 if amount % 2 else None, DAY if amount % 3 else None),
    }
    if verb == "tick":
        world.tick(amount * 2 * SECOND)
        world.run_timers()
        return
    with suppress(Refused):
        world.do(commands[verb])
