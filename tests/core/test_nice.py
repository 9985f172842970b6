"""Points of priority for credit (rows P03-P07, P09; policy: priority for a price)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import (
    CancelJobs,
    ChangePriority,
    CloseCredit,
    Command,
    GrantCredit,
    NiceJob,
    OpenCredit,
    RerunUnits,
    SetCreditRules,
    SetRules,
    StartJobs,
    TransferCredit,
)
from meted.core.credit.state import ESCROW, NICE, TREASURY
from meted.core.decide.donors import room_made
from meted.core.errors import Reason, Refused
from meted.core.events import DonorPaid, PointsLapsed
from meted.core.ids import JobId
from meted.core.limits import CREDIT_DONORS_MAX, CREDIT_MAX_MC, CREDIT_TOTAL_MAX_MC
from meted.core.service import lag

from .helper import SECOND, cpus, examples
from .test_credit import CreditWorld

HOUR = 3_600 * SECOND


class Market(CreditWorld):
    """A world with a worker, in which priority has a price."""

    def __init__(
        self, policy: str = "meted", slots: int = 1, income: str = "treasury", donors: str = "all", **more: Any
    ) -> None:
        super().__init__(policy, **more)
        self.do(SetCreditRules(0, income=income, donors=donors))
        self.machine = self.worker(cpus(slots))

    def nice(self, job_id: JobId, points: int, hours: int | None = None) -> None:
        """Buy or sell points."""
        self.do(NiceJob(self.now_us, job_id, points, None if hours is None else hours * HOUR))

    def priority(self, job_id: JobId) -> tuple[int, int]:
        """Return priority and points."""
        job = self.job(job_id)
        return job.terms.priority, job.points

    def purse(self, job_id: JobId) -> int:
        """Return what is in the purse of a job."""
        ledger = self.state.ledger
        return ledger.accounts[ledger.of_job[job_id]].balance_mc

    def attempt(self, command: Command) -> None:
        """Try what may be refused."""
        with suppress(Refused):
            self.do(command)

    def play(self, until_us: int, unit_us: int = HOUR) -> None:
        """Let all run that can, each unit for so long, until a time."""
        while self.now_us < until_us:
            self.run_timers()
            while self.run_pass():
                pass
            self.tick(unit_us)
            for lease_id in sorted(self.state.jobs.leases):
                self.finish(lease_id, run_us=unit_us)
        self.run_timers()


@pytest.fixture
def market() -> Market:
    """A domain with ten credits and a job of three hours; PARK's case."""
    market = Market()
    market.make("a")
    market.make("b")
    market.grant("a", 10_000)
    market.submit("a", 3, time_request_us=HOUR)
    return market


JOB = JobId(1)


@pytest.mark.parametrize(("credit", "left"), [(10, 4), (6, 0), (5, None), (0, None)])
def test_what_is_charged_is_points_times_cost(credit: int, left: int | None) -> None:
    """1c.1, 1c.2, 1d-1, rows P03, P05: 2 points for 3 hours are 6 credits; who has less is refused and keeps it."""
    market = Market()
    market.make("a")
    market.do(OpenCredit(0, "a"))
    if credit:
        market.grant("a", 1000 * credit)
    job_id = market.submit("a", 3, time_request_us=HOUR)
    if left is None:
        refusal = market.refused(NiceJob(0, job_id, 2, 3 * HOUR), Reason.NOT_ENOUGH_CREDIT)
        assert "6 credits" in refusal.sentence
        return
    market.nice(job_id, 2, 3)
    assert market.balances("a") == [1000 * left]
    assert market.priority(job_id) == (2, 2)


def test_a_charge_is_rounded_up_and_what_is_paid_down(market: Market) -> None:
    """In whole thousandths, in favour of the treasury."""
    market.do(NiceJob(0, JOB, 1, 3_600_001))
    assert market.balances("a") == [10_000 - 2]
    market.nice(JOB, -1)
    market.do(NiceJob(0, JOB, -1, 2 * 3_600_000 - 1))
    assert market.balances("a") == [10_000 + 1]
    market.nice(JOB, 1)
    market.do(NiceJob(0, JOB, -3, 12 * SECOND))
    assert market.balances("a") == [10_000 + 10]
    market.nice(JOB, 1)  # a third of that, rounded up
    assert market.balances("a") == [10_000 + 6]


def test_a_fee_is_rounded_up(market: Market) -> None:
    market.nice(JOB, 1, 3)
    (lease,) = market.run_pass()
    market.tick(1)
    market.finish(lease.lease_id, run_us=1)
    assert market.purse(JOB) == 3_000 - 1


@pytest.mark.parametrize(("took_us", "sold_us"), [(HOUR // 4, HOUR // 4), (HOUR, HOUR), (5 * HOUR, HOUR)])
def test_no_more_work_is_to_be_paid_from_escrow_than_was_paid_for(took_us: int, sold_us: int) -> None:
    """Or who made room would sell more of it for the same fee."""
    market = Market(income="funded")
    market.make("a")
    market.grant("a", 10_000)
    job_id = market.submit("a", 3, time_request_us=HOUR)
    market.nice(job_id, 2)
    (lease,) = market.run_pass()
    market.tick(took_us)
    market.finish(lease.lease_id, run_us=took_us)
    assert market.state.ledger.unpaid_size == 1_000 * sold_us


def test_selling_pays_and_lowers(market: Market) -> None:
    """1c.3, 1d-2 and row P04: 4 credits and two points sold for 3 hours are 10; 0 becomes 6."""
    market.grant("a", -market.balances("a")[0])
    market.nice(JOB, -2, 3)
    assert market.balances("a") == [6_000]
    market.nice(JOB, 2)
    assert market.balances("a") == [0]
    market.grant("a", 4_000)
    market.nice(JOB, -2, 3)
    assert market.balances("a") == [10_000]
    assert market.priority(JOB) == (-2, -2)
    market.nice(JOB, 2)
    assert market.balances("a") == [4_000]
    assert market.priority(JOB) == (0, 0)


def test_what_was_paid_cannot_be_spent_before_the_work_is_done(market: Market) -> None:
    market.nice(JOB, -2, 3)
    market.refused(TransferCredit(0, "a", "b", 10_001), Reason.NOT_ENOUGH_CREDIT)
    market.pay("a", "b", 10_000)
    market.nice(JOB, 2)
    assert market.balances("a") == [0]
    market.nice(JOB, -2, 3)
    market.play(3 * HOUR)
    market.pay("a", "b", 6_000)


def test_whoever_says_too_much_gains_nothing(market: Market) -> None:
    """What a job has not done when it ends was not sold, whatever was said of it."""
    job_id = market.submit("b", 1, time_request_us=1_000 * HOUR)
    market.grant("b", 1_000)
    market.nice(job_id, -10, 1_000)
    assert market.balances("b") == [10_001_000]
    while market.job(job_id).outcome is None:
        market.play(market.now_us + SECOND, SECOND)
    assert market.balances("b") == [1_000 + 10_000 // 3600]


def test_what_takes_longer_than_paid_for_counts_as_usage(market: Market) -> None:
    """Points for a unit that is said to take a moment are paid for with usage beyond that."""
    usages = []
    for said_us in (HOUR, 1):
        other = Market()
        other.make("a")
        other.grant("a", 10_000_000)
        job_id = other.submit("a", time_request_us=said_us)
        other.nice(job_id, 10, 10)
        (lease,) = other.run_pass()
        other.tick(HOUR)
        other.finish(lease.lease_id, run_us=HOUR)
        usages.append(other.state.jobs.accounts[other.job(job_id).terms.domain_id].usage)
    assert usages[1] > 1_000 * usages[0]


def test_more_than_the_rest_of_a_job_cannot_be_sold(market: Market) -> None:
    refusal = market.refused(NiceJob(0, JOB, -2, 4 * HOUR), Reason.OUT_OF_RANGE)
    assert "estimated at 10800 cpu-seconds" in refusal.sentence


def test_work_that_was_done_before_it_was_sold_earns_nothing(market: Market) -> None:
    market.play(HOUR)
    market.nice(JOB, -2, 2)
    assert market.balances("a") == [10_000 + 4_000]
    market.do(CancelJobs(market.now_us, (JOB,)))
    assert market.balances("a") == [10_000]


def test_whoever_sells_another_point_for_less_work_gains_nothing_by_that(market: Market) -> None:
    market.nice(JOB, -1, 3)
    market.nice(JOB, -1, 1)
    assert market.balances("a") == [10_000 + 4_000]
    market.play(HOUR)
    market.do(CancelJobs(market.now_us, (JOB,)))
    assert market.balances("a") == [10_000 + 4_000 // 3], "a third of the work that was sold was done"


def test_no_more_is_paid_for_points_than_there_may_be(market: Market) -> None:
    for _ in range(CREDIT_TOTAL_MAX_MC // CREDIT_MAX_MC - 1):
        market.grant("b", CREDIT_MAX_MC)
    market.grant("b", CREDIT_MAX_MC - 10_000 - 5_999)
    market.refused(NiceJob(0, JOB, -2, 3 * HOUR), Reason.TOO_LARGE)
    market.grant("b", -1)
    market.nice(JOB, -2, 3)


def test_so_many_are_paid_at_once_and_the_rest_stays_in_escrow() -> None:
    market = Market(slots=1, income="funded")
    names = [f"d{number}" for number in range(CREDIT_DONORS_MAX + 4)]
    for name in ("rich", *names):
        market.make(name)
        market.grant(name, 100_000)
    for name in names:  # known, and idle from now on
        market.submit(name, time_request_us=SECOND)
    market.play(len(names) * SECOND, SECOND)
    market.submit("rich", 20, time_request_us=HOUR)
    market.play(market.now_us + 20 * HOUR)
    market.nice(market.submit("rich", time_request_us=40 * HOUR), 1)
    (lease,) = market.run_pass()
    market.tick(40 * HOUR)
    market.finish(lease.lease_id, run_us=40 * HOUR)
    market.do(OpenCredit(market.now_us, "d0", True))
    market.tick(SECOND)
    ledger, begun = market.state.ledger, len(market.log)
    size, escrow_mc = ledger.unpaid_size, ledger.accounts[ESCROW].balance_mc
    market.run_timers()
    paid = [event for event in market.log[begun:] if isinstance(event, DonorPaid)]
    accounts = [market.state.ledger.accounts[event.account_id] for event in paid]
    assert len({account.account_id for account in accounts}) == len(paid) == CREDIT_DONORS_MAX
    assert not any(account.unlimited for account in accounts), "whoever pays for nothing earns nothing"
    assert not any(room_made(market.state, account) for account in accounts), "what is sold cannot be sold again"
    for event in paid:
        assert event.amount_mc == escrow_mc * event.size // size, "the mean price of what is there, rounded down"
        size, escrow_mc = size - event.size, escrow_mc - event.amount_mc
    assert market.state.ledger.unpaid_size == size > 0
    assert market.state.ledger.accounts[ESCROW].balance_mc == escrow_mc


def test_what_was_sold_and_never_ran_is_paid_back(market: Market) -> None:
    market.nice(JOB, -2, 3)
    market.play(HOUR)
    market.do(CancelJobs(market.now_us, (JOB,)))
    assert market.balances("a") == [10_000 + 2_000]
    assert not market.state.ledger.sold


@pytest.mark.parametrize("is_unlimited", [True, False])
def test_whoever_has_no_account_or_an_unlimited_one_is_never_charged(is_unlimited: bool) -> None:
    """Row P06: their points are priority, which counts as usage."""
    market = Market()
    market.make("a")
    if is_unlimited:
        market.do(OpenCredit(0, "a", True))
    job_id = market.submit("a", 3, time_request_us=HOUR)
    for _ in range(4):
        market.nice(job_id, 1, 10**6)
    assert market.priority(job_id) == (4, 0)
    assert not market.state.ledger.of_job
    assert all(account.unlimited for account in market.state.ledger.accounts.values() if account.domain_id)


@pytest.mark.parametrize("cost", [-1, 0, float("nan"), "3", True, 10**40])
def test_a_cost_is_a_sane_number(market: Market, cost: Any) -> None:
    """Row P07."""
    market.refused(NiceJob(0, JOB, 2, cost))


def test_a_cost_may_be_left_out_where_it_can_be_estimated(market: Market) -> None:
    """1c.4 and row P07."""
    market.nice(JOB, 2)
    assert market.balances("a") == [4_000]
    unknown = market.submit("b", 3)
    market.grant("b", 1_000)
    refusal = market.refused(NiceJob(0, unknown, 1), Reason.OUT_OF_RANGE)
    assert "say what it will cost" in refusal.sentence


def test_work_is_paid_for_as_it_ends_and_the_rest_comes_back(market: Market) -> None:
    market.nice(JOB, 2, 3)
    (lease,) = market.run_pass()
    assert market.state.ledger.accounts[market.state.ledger.of_job[JOB]].free_mc == 4_000
    market.tick(HOUR // 2)
    market.finish(lease.lease_id, run_us=HOUR // 2)
    assert market.purse(JOB) == 5_000
    market.play(market.now_us + 2 * HOUR)
    assert market.job(JOB).outcome == "succeeded"
    assert market.balances("a") == [5_000]
    assert market.state.ledger.accounts[TREASURY].balance_mc == -5_000
    assert not market.state.ledger.of_job


def test_what_takes_longer_than_estimated_costs_no_more_than_was_held(market: Market) -> None:
    market.nice(JOB, 2, 3)
    (lease,) = market.run_pass()
    market.tick(5 * HOUR)
    market.finish(lease.lease_id, run_us=5 * HOUR)
    assert market.purse(JOB) == 4_000


@pytest.mark.parametrize("unit_us", [SECOND // 100, SECOND // 3, SECOND, 7 * SECOND])
def test_many_short_units_cost_their_price(market: Market, unit_us: int) -> None:
    """Rounded up each to a thousandth of a credit, those of ten milliseconds would cost a hundred times as much."""
    market.grant("b", 10**9)
    market.do(SetCreditRules(market.now_us, income="treasury", price_mc=3_000))
    job_id = market.submit("b", 3_000, time_request_us=unit_us)
    market.nice(job_id, 1, 10)
    while market.job(job_id).outcome is None:
        market.run_pass()
        for lease_id in sorted(market.state.jobs.leases):
            lease = market.state.jobs.leases[lease_id]
            market.tick(lease.estimate_us * lease.count)
            market.finish(lease_id, run_us=lease.estimate_us)
    assert not any(isinstance(event, PointsLapsed) for event in market.log)
    paid_mc = 10**9 - market.balances("b")[0]
    assert paid_mc == pytest.approx(3_000 * 3_000 * unit_us / HOUR, rel=0.05, abs=12)  # a run more or less


def test_what_comes_back_costs_nothing(market: Market) -> None:
    market.nice(JOB, 2, 3)
    (lease,) = market.run_pass()
    market.give_back(lease.lease_id)
    assert market.purse(JOB) == 6_000
    assert market.state.ledger.accounts[market.state.ledger.of_job[JOB]].held_mc == 0


def test_an_empty_purse_ends_the_points_and_never_the_work(market: Market) -> None:
    """The unit is demoted and still runs; bankruptcy never idles a slot."""
    market.nice(JOB, 2, 1)
    market.play(HOUR)
    assert market.purse(JOB) == 0
    market.play(3 * HOUR)
    assert [event.points for event in market.log if isinstance(event, PointsLapsed)] == [2]
    assert market.job(JOB).outcome == "succeeded"
    assert market.balances("a") == [8_000]


def test_what_was_given_back_is_not_charged(market: Market) -> None:
    market.nice(JOB, 3, 3)
    assert market.balances("a") == [1_000]
    market.nice(JOB, -1)
    assert market.balances("a") == [4_000]
    assert market.priority(JOB) == (2, 2)
    market.nice(JOB, -2)
    assert market.balances("a") == [10_000]


def test_points_and_priority_are_changed_each_by_itself(market: Market) -> None:
    market.nice(JOB, 2, 3)
    market.do(ChangePriority(market.now_us, JOB, -1))
    assert market.priority(JOB) == (1, 2)
    market.nice(JOB, -2)
    assert market.priority(JOB) == (-1, 0)


def test_an_account_with_a_purse_is_not_closed(market: Market) -> None:
    market.nice(JOB, 2, 3)
    market.refused(CloseCredit(0, "a"), Reason.ACCOUNT_IN_USE)


def test_what_is_run_again_has_no_points(market: Market) -> None:
    market.nice(JOB, 2, 3)
    for _ in range(3):
        (lease,) = market.run_pass()
        market.tick(HOUR)
        market.finish(lease.lease_id, run_us=HOUR, exits=((lease.first, 1),))
    market.do(RerunUnits(market.now_us, JOB))
    market.play(market.now_us + 4 * HOUR)
    assert market.job(JOB).outcome == "succeeded"
    assert market.priority(JOB) == (0, 0)


def test_bought_points_bring_forward_and_count_no_usage() -> None:
    """In the pool a point is worth a half of the usage; it is paid for with credit and not with usage."""
    market = Market(slots=1)
    market.do(SetRules(0, alpha_milli=1))  # nearly all from the pool
    for name in "ab":
        market.make(name)
        market.grant(name, 100_000)
    first, second = (market.submit(name, 100, time_request_us=HOUR) for name in "ab")
    market.nice(second, 1)
    market.play(60 * HOUR)
    done = [market.job(job_id).succeeded.count for job_id in (first, second)]
    assert 38 <= done[1] <= 42, done  # twice the usage of the other at each turn
    used = [market.state.jobs.accounts[market.job(job_id).terms.domain_id].used_cpu_us for job_id in (first, second)]
    assert used == [count * HOUR for count in done]


def test_who_sold_points_waits_for_the_pool_and_is_paid_by_who_bought() -> None:
    """Funded income: what is paid goes to those who made room, and no credit is made. Row P04: who sold runs later."""
    market = Market(slots=1, income="funded")
    for name in ("rich", "nice", "other"):
        market.make(name)
        market.grant(name, 100_000)
    hasty, patient, usual = (market.submit(name, 400, time_request_us=HOUR) for name in ("rich", "nice", "other"))
    market.nice(hasty, 1, 80)
    market.nice(patient, -1)
    market.play(200 * HOUR)
    done = {name: market.job(it).succeeded.count for name, it in (("r", hasty), ("n", patient), ("o", usual))}
    assert done["n"] < done["o"]
    assert done["o"] >= 200 * 0.75 / 3 - 2  # what it is owed, whatever anybody bought (P6)
    rich, nice, other = market.balances("rich", "nice", "other")
    assert nice > 100_000
    assert other == 100_000
    escrow, treasury = (market.state.ledger.accounts[which].balance_mc for which in (ESCROW, TREASURY))
    assert rich + nice + other + escrow == -treasury
    assert treasury <= -295_000  # only before anybody had made room
    assert any(isinstance(event, DonorPaid) for event in market.log)


def test_who_sells_and_waits_keeps_a_claim_of_two_of_the_largest_leases() -> None:
    """All that it is owed beyond is sold, and no more, however much there is in escrow."""
    market = Market(slots=1, income="funded")
    for name in ("rich", "nice"):
        market.make(name)
        market.grant(name, 10**7)
    market.nice(market.submit("nice", 400, time_request_us=HOUR), -1)
    hasty = market.submit("rich", 400, time_request_us=HOUR)
    market.play(6 * HOUR)
    nice = market.find_domain("nice").domain_id
    claim = 2 * market.state.jobs.largest_size
    assert claim == 2 * 1000 * HOUR
    assert not [event for event in market.log if isinstance(event, DonorPaid)]
    market.nice(hasty, 10)
    market.run_pass()
    market.tick(HOUR)
    market.finish(min(market.state.jobs.leases), run_us=HOUR)
    owed, unpaid = lag(market.state, nice), market.state.ledger.unpaid_size
    assert claim < owed < claim + unpaid
    assert room_made(market.state, market.credit("nice")) == owed - claim
    market.tick(SECOND)
    market.run_timers()
    (paid,) = [event for event in market.log if isinstance(event, DonorPaid)]
    assert (paid.account_id, paid.size) == (market.credit("nice").account_id, owed - claim)
    assert claim - 1 <= lag(market.state, nice) <= claim


def test_a_pass_ends_where_the_first_of_two_shapes_of_a_domain_was_sold() -> None:
    """It was without end: by its narrow job the domain was owed service, and it would serve the sold one first."""
    market = Market(slots=2, income="funded")
    for name in "ab":
        market.make(name)
    market.grant("a", 1_000)
    market.submit("a", time_request_us=HOUR)
    market.submit("b", 9, time_request_us=HOUR)
    market.play(9 * HOUR)  # so the virtual time is far beyond the tag of a
    usual = market.submit("a", request=cpus(1), time_request_us=HOUR)
    sold = market.submit("a", request=cpus(2), priority=4, time_request_us=HOUR)
    market.nice(sold, -1)
    for job_id in (sold, usual):
        market.run_pass()  # by the turn of the usual one, the domain would serve the sold one
        (lease,) = market.state.jobs.leases.values()
        assert lease.job_id == job_id
        market.finish(lease.lease_id, run_us=HOUR)


def test_the_poorest_of_those_who_made_room_is_paid_first() -> None:
    market = Market(slots=1, income="funded")
    for name, credit in (("rich", 100_000), ("wealthy", 50_000), ("poor", 1_000)):
        market.make(name)
        market.grant(name, credit)
    for name in ("wealthy", "poor"):  # known, and idle from now on
        market.submit(name, time_request_us=SECOND)
    market.play(2 * SECOND, SECOND)
    market.submit("rich", 10, time_request_us=HOUR)
    market.play(market.now_us + 10 * HOUR)
    market.nice(market.submit("rich", 60, time_request_us=60 * SECOND), 2)
    market.play(market.now_us + HOUR, 60 * SECOND)
    wealthy, poor = market.balances("wealthy", "poor")
    assert 2_900 < poor <= 3_000
    assert wealthy == 50_000


def test_where_nobody_made_room_the_treasury_is_paid() -> None:
    market = Market(slots=1, income="funded")
    market.make("a")
    market.grant("a", 10_000)
    market.nice(market.submit("a", 3, time_request_us=HOUR), 2)
    market.play(4 * HOUR)
    assert market.balances("a") == [4_000]
    assert market.state.ledger.accounts[TREASURY].balance_mc == -4_000
    assert market.state.ledger.accounts[ESCROW].balance_mc == 0


DOINGS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "submit",
                "prepare",
                "start",
                "nice",
                "sell",
                "play",
                "cancel",
                "again",
                "back",
                "pay",
                "grant",
                "priority",
            ]
        ),
        st.sampled_from("abc"),
        st.integers(1, 40),
    ),
    max_size=30,
)


PAID = st.sampled_from([("funded", "all"), ("funded", NICE), ("treasury", "all")])


@given(PAID, st.sampled_from(["meted", "fcfs", "easy"]), DOINGS)
@examples(80)
def test_credit_is_conserved_whatever_agents_do(
    paid: tuple[str, str], policy: str, doings: list[tuple[str, str, int]]
) -> None:
    """P13 with jobs, purses, holds and donors; the invariants are checked after each step (sums, holds, no debts)."""
    with Market(policy, 2, *paid) as market:
        for name in "abc":
            market.make(name)
            market.grant(name, 20_000)
        for verb, name, number in doings:
            act(market, verb, name, number)
            market.check()


def act(market: Market, verb: str, name: str, number: int) -> None:
    """Do one of :data:`DOINGS`, where it is not refused."""
    jobs, now_us = sorted(market.state.jobs.jobs), market.now_us
    if verb == "submit":
        market.submit(name, 1 + number % 7, time_request_us=HOUR if number % 3 else None)
    elif verb == "prepare":
        market.submit(name, 1 + number % 7, time_request_us=HOUR, hold=True)
    elif verb == "play":
        market.play(market.now_us + number % 5 * HOUR, HOUR // (1 + number % 3))
    elif verb == "pay":
        market.attempt(TransferCredit(now_us, name, "abc"[number % 3], 500 * number))
    elif verb == "grant":
        market.attempt(GrantCredit(now_us, name, 500 * number - 5_000))
    elif verb == "back" and market.state.jobs.leases:
        market.give_back(min(market.state.jobs.leases))
    elif jobs:
        job_id = jobs[number % len(jobs)]
        commands: dict[str, Command] = {
            "nice": NiceJob(now_us, job_id, number % 4, number * HOUR if number % 2 else None),
            "sell": NiceJob(now_us, job_id, -(number % 4), number * HOUR if number % 2 else None),
            "cancel": CancelJobs(now_us, (job_id,)),
            "start": StartJobs(now_us, (job_id,)),
            "again": RerunUnits(now_us, job_id, failed=True, cancelled=True),
            "priority": ChangePriority(now_us, job_id, number % 9 - 4),
        }
        if verb in commands:
            market.attempt(commands[verb])
