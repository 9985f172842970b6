"""Karma in a live pool: what is held and paid, who is paid for it, and what the rules and the tree make of it."""

from __future__ import annotations

import pytest

from meted.core.commands import (
    ChangeDomain,
    CloseCredit,
    CreateDomain,
    GrantCredit,
    LendCredit,
    NiceJob,
    OpenCredit,
    RemoveDomain,
    ReturnUnits,
    SetCreditRules,
    SetRules,
    TransferCredit,
)
from meted.core.credit.fees import HOUR_SIZE
from meted.core.credit.karma import account_of_domain, guaranteed_milli
from meted.core.credit.slices import Slice, Standing
from meted.core.credit.state import TREASURY, CreditAccount
from meted.core.decide.donors import room_made
from meted.core.decide.ledger import accrued
from meted.core.errors import Reason
from meted.core.events import CreditMoved, DomainCreated, DonorPaid, PointsLapsed
from meted.core.explain import explain
from meted.core.falling import entitled_charge, standing
from meted.core.ids import DomainId
from meted.core.limits import KARMA_DONATION_MIN_MILLI
from meted.core.record import replaced
from meted.core.service import clock_charge, lag

from .helper import SECOND, World, cpus

HOUR = 3_600 * SECOND

PRICE_MC = HOUR_SIZE // SECOND
"""By this a second of a slot costs a credit."""


class Pool(World):
    """A pool under karma with some domains, all equal unless said otherwise."""

    def __init__(self, domains: int = 3, slots: int = 6, alpha_milli: int = 500, start: int = 100) -> None:
        super().__init__()
        self.do(SetCreditRules(0, price_mc=PRICE_MC))
        self.do(SetRules(0, alpha_milli, pool="karma", start_mc=1000 * start))
        self.slots = self.worker(slots)
        self.who = [self.domain(f"d{at}", 1) for at in range(domains)]

    def credit_account(self, who: DomainId) -> CreditAccount:
        found = account_of_domain(self.state, who)
        assert found is not None
        return found

    def has(self, who: DomainId) -> float:
        """Return the credits of a domain now, with what has accrued."""
        account = self.credit_account(who)
        due = accrued(self.state, account, self.now_us)
        return (account.balance_mc + (0 if due is None else due.granted_mc - due.lost_mc)) / 1000

    def standing(self, who: DomainId) -> Standing:
        return self.state.ledger.karma.standings[who]

    def slices(self) -> list[Slice]:
        return [it for _, it in sorted(self.state.ledger.karma.slices.items())]

    def end_all(self, took_us: int) -> None:
        """End all units at once, each after so long."""
        for lease_id in sorted(self.state.jobs.leases):
            self.finish(lease_id, run_us=took_us)


def test_what_is_beyond_the_guarantee_is_held_and_goes_to_the_poorest_donor() -> None:
    pool = Pool()
    one, two, three = pool.who
    pool.do(GrantCredit(0, "d1", 10_000))
    pool.submit("d0", 3, time_request_us=10 * SECOND)
    pool.run_pass()
    free, lent, other = pool.slices()
    assert (free.free_milli, free.priced_milli, free.unit_mc) == (1000, 0, 0)
    assert (lent.unit_mc, lent.donors) == (10_000, ((three, 1000),)), "the third is poorer than the second"
    assert other.donors == ((two, 1000),), "the third has nothing left to give"
    assert (pool.credit_account(one).held_mc, pool.standing(three).due_mc) == (20_000, 10_000)
    pool.tick(5 * SECOND)
    pool.end_all(5 * SECOND)
    granted = 5.0  # half of six slots for five seconds, by thirds
    assert [pool.has(who) for who in pool.who] == [100 - 10 + granted, 110 + 5 + granted, 100 + 5 + granted]
    assert pool.credit_account(one).held_mc == 0
    assert {pool.standing(who).due_mc for who in pool.who} == {0}


def test_what_nobody_donates_vanishes() -> None:
    pool = Pool()
    pool.submit("d0", 6, time_request_us=SECOND)
    pool.run_pass()
    assert [it.donors for it in pool.slices()] == [(), ((2, 1000),), ((3, 1000),), (), (), ()]
    before_mc = pool.state.ledger.accounts[TREASURY].balance_mc
    pool.tick(SECOND)
    pool.end_all(SECOND)
    assert pool.state.ledger.accounts[TREASURY].balance_mc == before_mc + 3000


@pytest.mark.parametrize("said_us", [SECOND, 10 * SECOND, 100 * SECOND])
def test_what_is_paid_is_what_it_took_whatever_was_said(said_us: int) -> None:
    """So a wrong estimate pays nothing: it changes what is held, and not what is posted."""
    pool = Pool(start=1000)
    pool.submit("d0", 4, time_request_us=said_us)
    pool.run_pass()
    pool.tick(10 * SECOND)
    pool.end_all(10 * SECOND)
    paid = [event.amount_mc for event in pool.log if isinstance(event, CreditMoved) and event.kind == "slice"]
    assert paid == [10_000] * 3


@pytest.mark.parametrize(
    ("took_us", "paid_mc"),
    [(2 * SECOND, 2_000), (3 * SECOND - 1, 3_000), (3 * SECOND + 999, 3_000), (3 * SECOND + 1_000, 3_001)],
)
def test_what_is_paid_is_rounded_up_within_what_was_held_and_down_beyond_it(took_us: int, paid_mc: int) -> None:
    """So nobody pays more than the price for what was not foreseen, and nothing is free that was."""
    pool = Pool(start=1000)
    pool.submit("d0", 2, time_request_us=3 * SECOND)
    pool.run_pass()
    pool.tick(took_us)
    pool.end_all(took_us)
    assert [it.amount_mc for it in pool.log if isinstance(it, CreditMoved) and it.kind == "slice"] == [paid_mc]


def test_a_claim_too_short_to_cost_anything_is_paid_by_what_it_took() -> None:
    """A fee of less than a thousandth is mostly rounded to nothing; without this nothing it would stay."""
    pool = Pool(start=1000)
    for _ in range(4):
        pool.submit("d0", 1, time_request_us=1)
    pool.run_pass()
    assert sorted(it.unit_mc for it in pool.slices()) == [0, 0, 0, 0]
    pool.tick(10 * SECOND)
    pool.end_all(10 * SECOND)
    paid = [event.amount_mc for event in pool.log if isinstance(event, CreditMoved) and event.kind == "slice"]
    assert paid == [10_000] * 3


@pytest.mark.parametrize(("took_s", "paid"), [(8, 8), (100, 100), (101, 100), (1_000, 100)])
def test_what_took_longer_is_paid_as_far_as_there_is_credit(took_s: int, paid: int) -> None:
    """What was held for that very unit is a part of what there is."""
    pool = Pool(start=100, alpha_milli=1000, slots=3)  # all is guaranteed, so nothing is granted
    pool.submit("d0", 2, time_request_us=10 * SECOND)
    pool.run_pass()
    pool.tick(took_s * SECOND)
    pool.end_all(took_s * SECOND)
    assert [pool.has(who) for who in pool.who] == [100 - paid, 100 + paid, 100]
    assert pool.credit_account(pool.who[0]).held_mc == 0


def test_who_has_no_credit_is_served_last_and_told_once_and_nothing_idles() -> None:
    pool = Pool(start=0)
    pool.do(GrantCredit(0, "d2", 50_000))
    for name in ("d0", "d2"):
        pool.submit(name, 8, time_request_us=10 * SECOND)
    pool.run_pass()
    held = [it for it in pool.slices() if it.priced_milli]
    assert [(it.domain_id, it.unit_mc, it.waived_mc) for it in held] == [(3, 10_000, 0)] * 4
    assert not [event for event in pool.log if isinstance(event, PointsLapsed)]
    pool.end_all(0)
    for name in ("d0", "d1"):
        pool.submit(name, 8, time_request_us=10 * SECOND)
    pool.do(GrantCredit(0, "d2", -40_000))
    pool.run_pass()
    waiting = [it.domain_id for it in pool.slices() if it.priced_milli]
    assert sorted(waiting) == [1, 2, 3], "one is paid for, and the two without credit have one each"
    lapsed = [event.job_id for event in pool.log if isinstance(event, PointsLapsed)]
    assert len(lapsed) == 2
    assert min(pool.credit_account(who).free_mc for who in pool.who) >= 0


def test_what_could_not_be_paid_counts_as_paid_while_it_runs() -> None:
    """Each unit under way does, so a run of ten counts less with each that ends. That it begins is told once."""
    pool = Pool(start=0)
    pool.submit("d0", 30, time_request_us=10_000)
    pool.run_pass()
    _, one, _ = pool.leases()
    assert [it.waived_mc * it.units for it in pool.slices()] == [0, 100, 100]
    assert pool.standing(pool.who[0]).waived_mc == 200
    pool.finish(one.lease_id, done=((one.first, 4),), run_us=10_000)
    assert pool.standing(pool.who[0]).waived_mc == 160
    pool.check()
    assert len([event for event in pool.log if isinstance(event, PointsLapsed)]) == 1
    pool.end_all(10_000)
    assert pool.standing(pool.who[0]).waived_mc == 0
    pool.submit("d0", 30, time_request_us=10_000)
    pool.run_pass()
    assert len([event for event in pool.log if isinstance(event, PointsLapsed)]) == 2


def test_a_donor_that_holds_something_for_nothing_is_the_poorer_by_that() -> None:
    pool = Pool(start=0)
    pool.submit("d2", 2, time_request_us=10 * SECOND)
    free, waived = pool.run_pass()
    pool.finish(free.lease_id, run_us=0)
    assert (pool.standing(pool.who[2]).waived_mc, pool.standing(pool.who[2]).free_milli) == (10_000, 0)
    pool.do(GrantCredit(0, "d0", 100_000))
    pool.submit("d0", 2, time_request_us=SECOND)
    pool.run_pass()
    assert pool.slices()[-1].donors == ((pool.who[2], 1000),), "the second has nothing, and the third less"
    pool.finish(waived.lease_id, run_us=0)


def test_grants_accrue_without_an_event_and_are_posted_when_they_are_needed() -> None:
    pool = Pool(start=0)
    pool.tick(7 * SECOND)
    assert [pool.has(who) for who in pool.who] == [7.0] * 3
    assert pool.credit_account(pool.who[0]).balance_mc == 0
    pool.submit("d0", 2, time_request_us=5 * SECOND)
    pool.run_pass()
    assert [it.unit_mc for it in pool.slices()] == [0, 5000]
    assert pool.credit_account(pool.who[0]).balance_mc == 7000
    assert pool.credit_account(pool.who[1]).balance_mc == 0


def test_a_larger_pool_and_another_share_count_from_then_on() -> None:
    pool = Pool(start=0)
    pool.tick(10 * SECOND)
    pool.worker(6)
    pool.tick(10 * SECOND)
    assert [pool.has(who) for who in pool.who] == [30.0] * 3
    created, *_ = pool.do(CreateDomain(pool.now_us, "d3", 3))
    assert isinstance(created, DomainCreated)
    pool.tick(10 * SECOND)
    assert [pool.has(who) for who in (*pool.who, created.domain_id)] == [40.0] * 3 + [30.0]
    pool.do(SetRules(pool.now_us, 1000, pool="karma", start_mc=0))
    pool.tick(10 * SECOND)
    assert pool.has(created.domain_id) == 30.0


def test_what_has_accrued_is_by_the_share_of_its_time() -> None:
    pool = Pool(start=0)
    pool.tick(10 * SECOND)
    pool.do(ChangeDomain(pool.now_us, "d0", share=4))
    assert [pool.has(who) for who in pool.who] == [10.0] * 3
    pool.tick(10 * SECOND)
    assert [pool.has(who) for who in pool.who] == [30.0, 15.0, 15.0]


def test_what_a_donor_is_to_be_paid_counts_as_its_own() -> None:
    """So two slots come from two who are as poor, and not both from the first."""
    pool = Pool(alpha_milli=1000)
    pool.submit("d0", 4, time_request_us=SECOND)
    pool.run_pass()
    assert [it.donors for it in pool.slices()] == [(), (), ((2, 1000),), ((3, 1000),)]


def test_who_is_unlimited_donates_nothing() -> None:
    pool = Pool()
    pool.do(OpenCredit(0, "d1", True))
    pool.submit("d0", 3, time_request_us=SECOND)
    pool.run_pass()
    assert [it.donors for it in pool.slices()] == [(), ((3, 1000),), ()]


def test_parts_of_a_payment_are_rounded_down_and_the_treasury_has_the_rest() -> None:
    pool = Pool(domains=4, slots=1, alpha_milli=1000)
    pool.submit("d1", 1, time_request_us=SECOND)
    pool.run_pass()
    pool.tick(1)
    pool.end_all(4_000)  # 3 of 750 thousandths, for three donors alike; of 4 one is over
    paid = [(it.credit, it.amount_mc) for it in pool.log if isinstance(it, CreditMoved) and it.kind == "slice"]
    assert [amount_mc for _, amount_mc in paid] == [1, 1, 1]
    pool.submit("d1", 1, time_request_us=SECOND)
    pool.run_pass()
    pool.end_all(5_000)
    paid = [(it.credit, it.amount_mc) for it in pool.log if isinstance(it, CreditMoved) and it.kind == "slice"][3:]
    assert [amount_mc for _, amount_mc in paid] == [1, 1, 1, 1]
    assert paid[-1][0] == TREASURY


def test_domains_inside_one_hold_and_pay_as_it() -> None:
    pool = Pool()
    for name in ("left", "right"):
        pool.do(CreateDomain(0, name, 1, parent="d0"))
    pool.submit("left", 1, time_request_us=SECOND)
    pool.submit("right", 2, time_request_us=SECOND)
    pool.run_pass()
    assert [(it.domain_id, it.free_milli, it.priced_milli) for it in pool.slices()] == [
        (1, 1000, 0),
        (1, 0, 1000),
        (1, 0, 1000),
    ]
    assert pool.credit_account(pool.who[0]).held_mc == 2000


@pytest.mark.parametrize("name", ["d0", "left"])
def test_who_gets_its_guarantee_at_once_is_ahead_by_all_of_it_in_truth(name: str) -> None:
    """Four slots are charged before V has moved by any of them, and none of that is set right: nobody lied."""
    pool = Pool(domains=2, slots=8, alpha_milli=1000)
    if name != "d0":
        pool.do(CreateDomain(0, name, 1, parent="d0"))
    pool.submit(name, 4, time_request_us=10 * SECOND)
    pool.run_pass()
    jobs = pool.state.jobs
    one, clock = jobs.accounts[pool.who[0]], jobs.clock - jobs.debt
    run = 1000 * 10 * SECOND
    assert one.tag - clock == entitled_charge(4 * run, 1, 1000) - clock_charge(4 * run, 2)
    assert standing(pool.state, pool.who[0], one, clock) == one.tag
    lied = replaced(one, tag=one.tag + entitled_charge(3 * run, 1, 1000))
    assert standing(pool.state, pool.who[0], lied, clock) < lied.tag


def test_what_comes_back_costs_nothing() -> None:
    pool = Pool()
    pool.submit("d0", 3, time_request_us=10 * SECOND)
    pool.run_pass()
    for lease_id, lease in sorted(pool.state.jobs.leases.items()):
        pool.do(ReturnUnits(0, lease.worker_id, lease_id, ((lease.first, lease.count),)))
    assert pool.slices() == []
    assert [pool.has(who) for who in pool.who] == [100.0] * 3
    assert pool.standing(pool.who[0]) == Standing()


def test_an_unlimited_domain_is_the_richest_and_pays_nothing() -> None:
    pool = Pool()
    pool.do(OpenCredit(0, "d2", unlimited=True))
    for name in ("d0", "d2"):
        pool.submit(name, 8, time_request_us=SECOND)
    pool.run_pass()
    held = [it for it in pool.slices() if it.priced_milli]
    assert [(it.domain_id, it.unit_mc, it.waived_mc, it.donors) for it in held] == [(3, 0, 0, ())] * 4


def test_each_begins_once_and_leaves_with_its_domain() -> None:
    pool = Pool(start=100)
    pool.do(SetRules(0))
    pool.do(SetRules(0, 500, pool="karma", start_mc=100_000))
    assert [pool.has(who) for who in pool.who] == [100.0] * 3
    pool.do(RemoveDomain(0, "d1"))
    assert set(pool.state.ledger.karma.standings) == {1, 3}
    pool.do(CloseCredit(0, "d2"))
    pool.submit("d2", 3, time_request_us=SECOND)
    pool.run_pass()
    assert sum(it.waived_mc for it in pool.slices()) == 1500, "who has no account can pay nothing, and is served"


def test_a_donor_that_is_gone_is_not_paid() -> None:
    pool = Pool()
    pool.submit("d0", 2, time_request_us=SECOND)
    pool.run_pass()
    assert pool.slices()[1].donors == ((2, 1000),)
    pool.do(RemoveDomain(0, "d1"))
    pool.check()
    before_mc = pool.state.ledger.accounts[TREASURY].balance_mc
    pool.end_all(SECOND)
    assert pool.state.ledger.accounts[TREASURY].balance_mc == before_mc + 1000


def test_leases_of_before_and_after_another_order_are_settled() -> None:
    pool = Pool()
    pool.do(SetRules(0))
    pool.submit("d0", 12, time_request_us=SECOND)
    first, *_ = pool.run_pass()
    pool.do(SetRules(0, 500, pool="karma", start_mc=0))
    pool.finish(first.lease_id, run_us=(SECOND,))
    assert pool.slices() == []
    (second,) = pool.run_pass()
    assert len(pool.slices()) == 1
    pool.do(SetRules(0))
    pool.finish(second.lease_id, run_us=(SECOND,))
    assert pool.slices() == []


def test_slivers_of_guarantees_are_not_donated() -> None:
    """With many small guarantees what is beyond is nobody's: else each unit would be paid to a thousand domains."""
    pool = Pool(domains=200, slots=2)
    assert KARMA_DONATION_MIN_MILLI > 500 * 2 // 200
    pool.submit("d0", 2, time_request_us=SECOND)
    pool.run_pass()
    assert [(it.free_milli, it.priced_milli, it.donors) for it in pool.slices()] == [(5, 995, ()), (0, 1000, ())]


@pytest.mark.parametrize(("alpha_milli", "donated"), [(1000, True), (992, False)])
def test_an_eighth_of_a_cpu_is_donated_and_no_less(alpha_milli: int, donated: bool) -> None:
    pool = Pool(domains=8, slots=1, alpha_milli=alpha_milli)
    assert guaranteed_milli(pool.state, 1) == KARMA_DONATION_MIN_MILLI - (not donated) == 125 - (not donated)
    pool.submit("d0", 1, time_request_us=SECOND)
    pool.run_pass()
    (held,) = pool.slices()
    assert held.donors == (tuple((who, 125) for who in pool.who[1:]) if donated else ())


def test_a_unit_is_taken_from_eight_donors_at_most_the_poorest() -> None:
    """What is over is nobody's: else each end of a unit would be paid to any number of domains."""
    pool = Pool(domains=16, slots=2, alpha_milli=1000)
    for at in range(1, 16):
        pool.do(GrantCredit(0, f"d{at}", 1000 * (16 - at)))
    pool.submit("d0", 1, request=cpus(2), time_request_us=SECOND)
    pool.run_pass()
    (held,) = pool.slices()
    assert held.priced_milli == 1_875
    assert held.donors == tuple((who, 125) for who in reversed(pool.who[8:]))
    pool.tick(SECOND)
    before_mc = pool.state.ledger.accounts[TREASURY].balance_mc
    pool.end_all(SECOND)
    assert pool.state.ledger.accounts[TREASURY].balance_mc == before_mc + 875


def test_parts_of_a_slot_come_from_several_donors() -> None:
    pool = Pool(domains=4, slots=1, alpha_milli=1000)
    pool.submit("d1", 1, time_request_us=SECOND)
    pool.run_pass()
    (held,) = pool.slices()
    assert (held.free_milli, held.priced_milli, held.unit_mc) == (250, 750, 750)
    assert held.donors == ((1, 250), (3, 250), (4, 250))
    pool.tick(SECOND)
    pool.end_all(SECOND)
    assert [pool.has(who) for who in pool.who] == [100.25, 99.25, 100.25, 100.25]


def test_explain_tells_of_credit() -> None:
    pool = Pool(start=5)
    for name in ("d0", "d1"):
        pool.submit(name, 9, time_request_us=100 * SECOND)
    pool.run_pass()
    jobs = sorted(pool.state.jobs.jobs)
    told = " ".join(part.sentence for job in jobs for part in explain(pool.state, pool.engine.index, job, pool.now_us))
    assert "in the pool, having 5 credits" in told
    assert "the richest come first" in told


def test_what_points_cost_does_not_pay_donors_again() -> None:
    pool = Pool(start=100_000)
    job_id = pool.submit("d0", 3, time_request_us=10 * SECOND)
    pool.do(NiceJob(0, job_id, 1))
    pool.run_pass()
    pool.tick(10 * SECOND)
    pool.end_all(10 * SECOND)
    pool.tick(2 * SECOND)
    pool.run_timers()
    moved = [event for event in pool.log if isinstance(event, CreditMoved) and event.kind == "slice"]
    assert sum(event.amount_mc for event in moved) == 20_000
    paid = [event for event in pool.log if isinstance(event, DonorPaid)]
    assert [(event.account_id, event.amount_mc) for event in paid] == [(TREASURY, 30_000)]


def test_who_is_owed_something_under_karma_does_not_sell_it_again() -> None:
    """The idle are owed what V has moved since; by another order they would sell that for what is in escrow."""
    pool = Pool(start=100_000)
    for name in ("d1", "d2"):  # known, and idle from now on
        pool.submit(name, 1, time_request_us=SECOND)
    pool.run_pass()
    pool.end_all(SECOND)
    job_id = pool.submit("d0", 3, time_request_us=10 * SECOND)
    pool.do(NiceJob(0, job_id, 1))
    pool.run_pass()
    pool.tick(10 * SECOND)
    pool.end_all(10 * SECOND)
    assert all(lag(pool.state, who) > 0 for who in pool.who[1:])
    assert all(room_made(pool.state, pool.credit_account(who)) == 0 for who in pool.who)
    pool.tick(2 * SECOND)
    pool.run_timers()
    paid = [event for event in pool.log if isinstance(event, DonorPaid)]
    assert [(event.account_id, event.amount_mc) for event in paid] == [(TREASURY, 30_000)]


def test_refused() -> None:
    pool = Pool()
    pool.refused(SetRules(0, pool="karmic"), Reason.OUT_OF_RANGE)
    pool.refused(SetRules(0, start_mc=10**15 + 1), Reason.OUT_OF_RANGE)


def test_an_overdue_loan_of_credit_is_repaid_from_what_accrues() -> None:
    """The borrower's account is not touched: its part of the grants is posted within the hour, for its lender."""
    pool = Pool(domains=2, alpha_milli=1000, start=1)  # all is guaranteed, so nothing is granted
    pool.do(LendCredit(0, "d0", "d1", 1000, HOUR))
    pool.do(TransferCredit(0, "d1", "d0", 2000))
    pool.tick(HOUR)
    pool.run_timers()
    assert [loan.overdue for loan in pool.state.ledger.loans.values()] == [True]
    pool.do(SetRules(pool.now_us, 500, pool="karma"))
    pool.tick(HOUR)
    pool.run_timers()
    assert not pool.state.ledger.loans
