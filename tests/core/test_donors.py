"""The rule ``donors``: whether the idle are paid for room as well, or only who sold points."""

from __future__ import annotations

from hypothesis import given

from meted.core.commands import (
    CancelJobs,
    CloseCredit,
    Command,
    NiceJob,
    OpenCredit,
    PayDonors,
    RerunUnits,
    SetCreditRules,
    StartJobs,
)
from meted.core.credit.donors import Donors
from meted.core.credit.state import NICE, TREASURY
from meted.core.events import DonorPaid, FeePosted
from meted.core.ids import AccountId, JobId
from meted.core.limits import CREDIT_DONORS_EXAMINED_MAX, CREDIT_PAY_US
from meted.core.reducers import evolve
from meted.core.reducers.log import LogFold
from meted.core.state import State
from meted.core.timers import Timers

from .helper import SECOND, examples
from .test_nice import DOINGS, HOUR, Market, act


def nice_market() -> tuple[Market, JobId, JobId]:
    """A pool where the idle are as poor as can be, and who sold points is rich; and the jobs of who buys and sells."""
    market = Market(slots=1, income="funded", donors=NICE)
    for name, credit in (("rich", 200_000), ("seller", 100_000), ("idle", 1_000)):
        market.make(name, 1000)
        market.grant(name, credit)
    for name in ("seller", "idle"):  # known, and the one idle from now on
        market.submit(name, time_request_us=SECOND)
    market.play(2 * SECOND, SECOND)
    hasty, patient = (market.submit(name, 400, time_request_us=HOUR) for name in ("rich", "seller"))
    market.nice(hasty, 1, 80)
    return market, hasty, patient


def test_by_the_rule_nice_only_who_sold_points_is_paid() -> None:
    """Donors are those who are nice alone; whoever is idle earns nothing, poor as it may be."""
    market, _, patient = nice_market()
    market.play(40 * HOUR)
    assert market.balances("seller", "idle") == [100_000, 1_000], "nobody has sold any"
    market.nice(patient, -1)
    market.play(80 * HOUR)
    seller, idle = market.balances("seller", "idle")
    assert seller > 105_000
    assert idle == 1_000
    market.do(CancelJobs(market.now_us, (patient,)))
    market.play(120 * HOUR)
    assert market.balances("seller", "idle")[1] == 1_000
    assert market.balances("seller")[0] - seller <= 1_000, "what is not under way earns no more"
    market.do(SetCreditRules(market.now_us, donors="all"))
    market.nice(market.submit("rich", 40, time_request_us=HOUR), 1, 40)
    market.play(200 * HOUR)
    assert market.balances("idle")[0] > 1_000


def test_a_job_that_was_sold_and_is_not_started_earns_nothing() -> None:
    market, _, patient = nice_market()
    market.do(CancelJobs(0, (patient,)))
    prepared = market.submit("seller", 400, time_request_us=HOUR, hold=True)
    market.nice(prepared, -1)
    market.play(40 * HOUR)
    assert market.balances("seller") == [100_000]
    market.do(StartJobs(market.now_us, (prepared,)))
    market.play(80 * HOUR)
    assert market.balances("seller")[0] > 105_000


def test_the_idle_are_not_paid_even_if_they_are_named() -> None:
    market, hasty, _ = nice_market()
    (lease,) = market.run_pass()
    assert lease.job_id == hasty
    market.tick(10 * HOUR)
    market.finish(lease.lease_id, run_us=HOUR)
    idle = market.credit("idle").account_id
    events = market.do(PayDonors(market.now_us, (idle,)))
    assert [event.account_id for event in events if isinstance(event, DonorPaid)] == [TREASURY]


def test_who_sells_is_told_from_what_is_under_way() -> None:
    market, _, _ = nice_market()
    donors = Donors(market.state)
    assert donors.to_pay(market.state) == ()
    jobs = {name: market.submit(name, 1, time_request_us=HOUR) for name in ("seller", "idle")}
    first, other = (market.credit(name).account_id for name in jobs)

    def selling_after(command: Command) -> tuple[AccountId, ...]:
        for event in market.do(command):
            if type(event) in Donors.FOLLOWS:
                donors.update(event, market.state)
        assert donors.to_pay(market.state) == selling(market.state)
        return donors.to_pay(market.state)

    assert selling_after(NiceJob(market.now_us, jobs["seller"], -2)) == (first,)
    assert selling_after(NiceJob(market.now_us, jobs["idle"], -2)) == (other, first), "the poorer one first"
    assert selling_after(CancelJobs(market.now_us, (jobs["idle"],))) == (first,)
    assert selling_after(RerunUnits(market.now_us, jobs["idle"], cancelled=True)) == (other, first)
    assert selling_after(NiceJob(market.now_us, jobs["seller"], 2)) == (other,)
    market.play(900 * HOUR)
    assert selling(market.state) == donors.to_pay(market.state) == (), "it has ended"
    folding = LogFold(State())  # in tables that change in place
    folding.add(market.log)
    assert folding.finish() == market.state


def test_who_sold_is_found_behind_any_number_of_the_poor() -> None:
    """By the rule ``nice`` those that are looked at are those that sell."""
    market, _, patient = nice_market()
    for number in range(2 * CREDIT_DONORS_EXAMINED_MAX):
        market.make(f"poor{number}")
        market.grant(f"poor{number}", 1 + number)
    market.nice(patient, -1)
    market.play(40 * HOUR)
    assert market.balances("seller")[0] > 105_000
    assert market.balances("poor0") == [1]


def test_purses_that_come_and_go_leave_nothing_to_be_looked_up() -> None:
    """Nobody asks who is to be paid while nothing is owed, and each job that is bought a point has a new account."""
    market = Market(income="funded", donors=NICE)
    market.make("a")
    market.grant("a", 10_000)
    donors = Donors(market.state)
    assert donors.to_pay(market.state) == ()  # from now on those that sell are followed as well
    for _ in range(20):
        seen = len(market.log)
        job_id = market.submit("a", time_request_us=HOUR, hold=True)
        market.nice(job_id, 1, 1)
        market.do(CancelJobs(market.now_us, (job_id,)))
        for event in market.log[seen:]:
            if type(event) in Donors.FOLLOWS:
                donors.update(event, market.state)
    of_domain = set(market.state.ledger.of_domain.values())
    for each in (donors._all, donors._sellers):
        assert each is not None
        assert each.changed <= of_domain | {TREASURY}
    assert donors.poorest(market.state) == tuple(of_domain)


def test_a_domain_whose_account_is_closed_is_not_among_the_poorest() -> None:
    market = Market(income="funded")
    for name in "ab":
        market.make(name)
        market.do(OpenCredit(market.now_us, name))
    donors = Donors(market.state)
    both = donors.poorest(market.state)
    assert len(both) == 2
    (closed,) = [event for event in market.do(CloseCredit(market.now_us, "a")) if type(event) in Donors.FOLLOWS]
    donors.update(closed, market.state)
    assert donors.poorest(market.state) == both[1:]


@given(DOINGS)
@examples(40)
def test_by_the_rule_nice_whoever_is_idle_never_earns(doings: list[tuple[str, str, int]]) -> None:
    """Whoever is paid has a job of which it sold points, with units that wait or run; and the poorest are found."""
    with Market(slots=2, income="funded", donors=NICE) as market:
        for name in "abc":
            market.make(name)
            market.grant(name, 20_000)
        state, seen = market.state, len(market.log)
        donors = Donors(state)
        for verb, name, number in doings:
            act(market, verb, name, number)
            for event in market.log[seen:]:
                if isinstance(event, DonorPaid) and event.account_id != TREASURY:
                    assert event.account_id in selling(state)
                state = evolve(state, event)
                if type(event) in Donors.FOLLOWS:
                    donors.update(event, state)
            seen = len(market.log)
            market.check()
            assert donors.to_pay(state) == selling(state)


@given(DOINGS)
@examples(40)
def test_somebody_is_paid_a_while_after_the_first_fee_since(doings: list[tuple[str, str, int]]) -> None:
    """Fees after the first are not followed, and what is left after a payment is paid as long after that."""
    with Market(slots=2, income="funded") as market:
        for name in "abc":
            market.make(name)
            market.grant(name, 20_000)
        state, seen = market.state, len(market.log)
        timers = Timers(state, None)
        market.nice(market.submit("a", 3, time_request_us=HOUR), 1, 10)
        market.play(market.now_us + 10 * HOUR)
        for verb, name, number in doings:
            act(market, verb, name, number)
        unpaid, due_us = 0, 0
        for event in market.log[seen:]:
            state = evolve(state, event)
            if type(event) in timers.follows:
                timers.update(event, state)
            if isinstance(event, FeePosted | DonorPaid):
                if not unpaid or isinstance(event, DonorPaid):
                    due_us = event.at_us + CREDIT_PAY_US
                unpaid += event.size if isinstance(event, FeePosted) else -event.size
            assert timers._donors.due_us == (due_us if unpaid else None)
        assert due_us


def selling(state: State) -> tuple[AccountId, ...]:
    """Return the accounts of who has a job under way of which points were sold, the poorest first."""
    jobs, ledger = state.jobs.jobs.values(), state.ledger
    waits_or_runs = (job for job in jobs if job.stopped is None and (job.is_backlogged or job.out))
    found = {ledger.of_domain[job.terms.domain_id] for job in waits_or_runs if job.points < 0}
    return tuple(sorted(found, key=lambda account_id: (ledger.accounts[account_id].balance_mc, account_id)))
