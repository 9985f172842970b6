"""P13 and P14 with agents that try everything at once: credit, jobs, workers and rules at one engine.

Beside the engine two things are kept from the events alone: a double-entry book, and what is still open of each hold,
fee and slice. After each step the ledger must be what the book says, and no more was paid than had been set aside. A
slice of karma is paid by what its units took: who says too little pays for the rest from what it has free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import (
    CancelJobs,
    ChangeDomain,
    CloseCredit,
    Command,
    CreateDomain,
    GrantCredit,
    HoldCredit,
    LendCredit,
    LoseWorker,
    NiceJob,
    OpenCredit,
    PostHold,
    RecallUnits,
    RemoveDomain,
    RepayCredit,
    RerunUnits,
    SetCreditRules,
    SetRules,
    TransferCredit,
    VoidHold,
)
from meted.core.credit.state import ESCROW, TREASURY
from meted.core.errors import Refused
from meted.core.events import (
    CreditHeld,
    CreditMoved,
    DonorPaid,
    Event,
    FeeHeld,
    FeePosted,
    FeeVoided,
    HoldPosted,
    HoldVoided,
    SliceEnded,
    SliceHeld,
    UnitsFinished,
    UnitsLeased,
    UnitsReturned,
)
from meted.core.ids import HoldId, JobId, LeaseId

from .helper import SECOND, World, cpus, examples

HOUR = 3_600 * SECOND
NAMES = "abc"


class Books:
    """What the events say of credit.

    Attributes:
        balances: Of each account.
        holds: What each hold that is open has set aside.
        fees, slices: Of each lease: what a unit has set aside, and how many units are open.
        due_mc: What may still be paid for a slice that has ended: for what its units took, if they came to an end.
        estimates: Of each lease, how long a unit should take.
    """

    def __init__(self) -> None:
        self.balances: Counter[int] = Counter()
        self.holds: dict[HoldId, int] = {}
        self.fees: dict[LeaseId, tuple[int, int]] = {}
        self.slices: dict[LeaseId, tuple[int, int]] = {}
        self.due_mc = 0
        self.estimates: dict[LeaseId, int] = {}

    def read(self, events: Iterable[Event]) -> None:
        """Follow events; what is resolved must be open, and by this it no longer is."""
        for event in events:
            match event:
                case CreditMoved():
                    self._move(event.debit, event.credit, event.amount_mc)
                    if event.kind == "slice":
                        self.due_mc -= event.amount_mc
                        assert self.due_mc >= 0
                case CreditHeld():
                    self.holds[event.hold_id] = event.amount_mc
                case HoldPosted():
                    assert event.amount_mc <= self.holds.pop(event.hold_id)
                    self._move(event.debit, event.credit, event.amount_mc)
                case HoldVoided():
                    del self.holds[event.hold_id]
                case DonorPaid():
                    self.balances.update({ESCROW: -event.amount_mc, event.account_id: event.amount_mc})
                case FeeHeld():
                    self.fees[event.lease_id] = event.unit_mc, event.units
                case FeePosted():
                    assert event.amount_mc <= event.units * self._resolved(self.fees, event.lease_id, event.units)
                    self._move(event.debit, event.credit, event.amount_mc)
                case FeeVoided():
                    self._resolved(self.fees, event.lease_id, event.units)
                case SliceHeld():
                    self.slices[event.lease_id] = event.unit_mc, event.units
                case SliceEnded():
                    self._resolved(self.slices, event.lease_id, event.units)
                case UnitsLeased():
                    self.estimates[event.lease_id] = event.estimate_us
                case UnitsFinished():
                    unit_mc, _ = self.slices.get(event.lease_id, (0, 0))
                    estimate_us = self.estimates[event.lease_id]
                    self.due_mc = sum(-(-unit_mc * took_us // estimate_us) for took_us in event.run_us)
                case UnitsReturned():
                    self.due_mc = 0
                case _:
                    pass

    def _move(self, debit: int, credit: int, amount_mc: int) -> None:
        assert debit != credit
        assert amount_mc >= 0
        self.balances.update({debit: -amount_mc, credit: amount_mc})

    def _resolved(self, open_units: dict[LeaseId, tuple[int, int]], lease_id: LeaseId, units: int) -> int:
        unit_mc, still = open_units.pop(lease_id)
        assert 0 < units <= still
        if units < still:
            open_units[lease_id] = unit_mc, still - units
        return unit_mc


class Agents:
    """Domains that cheat as they can: what each step does follows from two names and three numbers."""

    def __init__(self, pool: str, income: str) -> None:
        """Give three domains some credit, and two machines to compete for."""
        self.world = World()
        self.books, self.seen = Books(), 0
        self.world.do(SetCreditRules(0, price_mc=1_000, income=income))
        self.world.do(SetRules(0, 500, pool=pool, start_mc=5_000))
        for at, name in enumerate(NAMES):
            self.world.domain(name, 1 + at)
            self.world.do(GrantCredit(0, name, 20_000))
        for _ in range(2):
            self.world.worker(cpus(2))

    def attempt(self, command: Command) -> None:
        """Try what may be refused."""
        with suppress(Refused):
            self.world.do(command)

    def step(self, verb: str, one: str, other: str, number: int, amount: int) -> None:
        """Do one thing, or try to."""
        if verb in ("run", "finish", "return", "lose", "wait", "submit"):
            self.work(verb, one, number, amount)
        else:
            self.attempt(self.trade(verb, one, other, number, amount))
        self.check()

    def work(self, verb: str, one: str, number: int, amount: int) -> None:
        """Let a job come, machines be filled, a lease end or come back, or time pass with all that is due."""
        world, leases = self.world, self.world.leases()
        if verb == "run":
            while world.run_pass():
                pass
        elif verb == "wait":
            world.tick(number * HOUR)
            while world.run_timers():
                pass
        elif verb == "submit":
            if one in world.state.domains.by_name:
                world.submit(one, 1 + number % 5, time_request_us=(1 + amount % 10) * HOUR)
        elif leases:
            lease = leases[number % len(leases)]
            if verb == "finish":
                spans = world.out(lease.lease_id)
                world.finish(lease.lease_id, spans if number % 3 else ((spans[0][0], 1),), amount * 20 * SECOND)
            elif verb == "lose":
                world.do(LoseWorker(world.now_us, lease.worker_id, "gone"))
                world.worker(cpus(2))
            else:
                world.do(RecallUnits(world.now_us, lease.lease_id))
                world.give_back(lease.lease_id)

    def trade(self, verb: str, one: str, other: str, number: int, amount: int) -> Command:
        """Return what a domain does with credit, jobs or itself."""
        world, now_us = self.world, self.world.now_us
        jobs = sorted(world.state.jobs.jobs) or [JobId(1)]
        job_id, later_us = jobs[number % len(jobs)], now_us + number * HOUR
        old = world.state.ledger.rules
        commands: dict[str, Command] = {
            "buy": NiceJob(now_us, job_id, 1 + amount % 4, number * HOUR if amount % 2 else None),
            "sell": NiceJob(now_us, job_id, -1 - amount % 4, number * HOUR if amount % 2 else None),
            "cancel": CancelJobs(now_us, (job_id,)),
            "again": RerunUnits(now_us, job_id, cancelled=True),
            "pay": TransferCredit(now_us, one, other, amount),
            "lend": LendCredit(now_us, one, other, amount, later_us),
            "hold": HoldCredit(now_us, one, amount, later_us if number % 3 else None),
            "post": PostHold(now_us, number % 9, other, amount),
            "void": VoidHold(now_us, number % 9),
            "repay": RepayCredit(now_us, number % 9),
            "grant": GrantCredit(now_us, one, amount - 3_000 or 1),
            "close": CloseCredit(now_us, one),
            "open": OpenCredit(now_us, one, unlimited=amount % 5 == 0),
            "remove": RemoveDomain(now_us, one),
            "create": CreateDomain(now_us, one, 1 + number % 3),
            "share": ChangeDomain(now_us, one, share=1 + number % 5),
            "pool": SetRules(now_us, 500, pool=("decay", "karma", "fifo")[number % 3], start_mc=5_000),
            "rules": SetCreditRules(
                now_us,
                amount % 300,
                10 * HOUR,
                15_000 if number % 2 else None,
                50 * HOUR if number % 3 else None,
                old.price_mc,
                old.income,
            ),
        }
        return commands[verb]

    def check(self) -> None:
        """P13 and P14: sums, limits and what is open."""
        world, books = self.world, self.books
        books.read(world.log[self.seen :])
        self.seen = len(world.log)
        ledger = world.state.ledger
        balances = {number: account.balance_mc for number, account in ledger.accounts.items()}
        assert sum(balances.values()) == 0
        assert {number: mc for number, mc in balances.items() if mc} == {
            n: mc for n, mc in books.balances.items() if mc
        }
        assert all(it.free_mc >= 0 and it.held_mc >= 0 for it in ledger.accounts.values() if it.account_id != TREASURY)
        assert books.holds == {hold_id: hold.amount_mc for hold_id, hold in ledger.holds.items()}
        assert books.fees == {lease_id: (fee.unit_mc, fee.units) for lease_id, fee in ledger.fees.items()}
        assert set(books.slices) == set(ledger.karma.slices)
        world.check()

    def end(self) -> None:
        """Let all come to an end: then nothing of any lease or job is set aside."""
        world = self.world
        world.cancel(*sorted(world.state.jobs.jobs))
        for lease in world.leases():
            world.give_back(lease.lease_id)
        self.step("wait", "a", "b", 40, 0)
        ledger = world.state.ledger
        assert not any((self.books.fees, self.books.slices, ledger.of_job, ledger.sold))
        assert all(hold.until_us is None for hold in ledger.holds.values())


OFTEN = ("submit", "buy", "run", "finish")
SOMETIMES = ("sell", "cancel", "again", "return", "pay", "lend", "hold", "post", "wait", "grant")
SELDOM = ("void", "repay", "lose", "close", "open", "remove", "create", "share", "pool", "rules")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(7 * OFTEN + 2 * SOMETIMES + SELDOM),
        *(st.sampled_from(NAMES), st.sampled_from(NAMES)),
        *(st.integers(1, 30), st.integers(1, 8_000)),
    ),
    min_size=30,
    max_size=100,
)


@examples(150)
@given(st.sampled_from(("decay", "decay", "karma")), st.sampled_from(("funded", "treasury")), STEPS)
def test_agents_make_and_lose_no_credit(pool: str, income: str, steps: list[tuple[str, str, str, int, int]]) -> None:
    """Whatever is bought, sold, lent, held, cancelled, recalled, run again, closed, or said of how long it takes."""
    agents = Agents(pool, income)
    for step in steps:
        agents.step(*step)
    agents.end()
