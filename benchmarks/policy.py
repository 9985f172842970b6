"""The default policy: what a decision costs by itself and by the number of domains, and what a change of a loan costs.

``alone``: decisions a second of the policy by itself, with so many domains backlogged: what the index and the charge
take of the process's time, measured around each call to them in the running engine, less what the two readings of the
clock take. The rest of the loop (judging, folding, events) is what ``benchmarks/engine.py`` measures together with it.

``domains``: time of a whole decision through the engine (lease and report) with 10, 1,000 and 100,000 domains
backlogged.

``requests``: the same with 10 domains, one of which waits with so many different requests; the others with one.

``mixed``: the same with 30 domains, side by side or by sixes in five others, that wait with 50 jobs each; every job has
one of so many requests for cpus and memory. With guarantees each domain at the top is guaranteed four cpus.

``loans``: time to offer a share and to recall it, each with the pass after it, in which nothing fits; with so many
domains, each with work waiting: between two side by side, between two inside one of five others, or between two of the
five.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from statistics import median

from harness import Row, arguments, show

from meted.core import service
from meted.core.commands import CreateDomain, FinishUnits, JoinWorker, OfferLoan, RecallLoan, SubmitJob
from meted.core.engine import Engine
from meted.core.events import Event, LoanMade, UnitsLeased
from meted.core.ids import LeaseId, WorkerId
from meted.core.limits import LOAN_BACKOFF_MAX_US, RUN_QUANTUM_US
from meted.core.policy.base import Index, Proposal
from meted.core.policy.meted import Meted
from meted.core.resources import NOTHING, Resources
from meted.core.state import State

START_US = 1_700_000_000_000_000
SLOTS = 200
ROUND = 80


class Meter:
    """Time inside the policy, nanoseconds, and how often the clock was read twice for it."""

    def __init__(self) -> None:
        self.spent_ns = 0
        self.calls = 0

    def add(self, began_ns: int) -> None:
        """Count what has passed since."""
        self.spent_ns += time.perf_counter_ns() - began_ns
        self.calls += 1

    def net_ns(self) -> float:
        """Return the time without that of reading the clock."""
        empty = Meter()
        for _ in range(100_000):
            empty.add(time.perf_counter_ns())
        return self.spent_ns - self.calls * empty.spent_ns / empty.calls


class Metered:
    """An index that tells how long it takes."""

    def __init__(self, index: Index, meter: Meter) -> None:
        self._index = index
        self._meter = meter

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)

    def update(self, event: Event, state: State) -> None:
        """Follow an event."""
        began_ns = time.perf_counter_ns()
        self._index.update(event, state)
        self._meter.add(began_ns)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield what the index proposes."""
        found = iter(self._index.proposals(at_us))
        while True:
            began_ns = time.perf_counter_ns()
            proposal = next(found, None)
            self._meter.add(began_ns)
            if proposal is None:
                return
            yield proposal


class MeteredPolicy:
    """The default policy with a clock beside it."""

    name = Meted.name

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return Metered(Meted().index(state), self.meter)  # type: ignore[return-value]


GROUPS = 5
"""Domains that others are in, where some are."""


def pool(policy: Meted | MeteredPolicy, domains: int, *, tree: bool = False) -> Engine:
    """Return an engine with so many domains, each with a job of many short units, and one worker.

    They are side by side or, in a ``tree``, in turn inside five others.
    """
    engine = Engine(policy)
    for group in range(GROUPS if tree else 0):
        engine.handle(CreateDomain(START_US, f"g{group}", share=2 + group))
    for number in range(domains):
        parent = f"g{number % GROUPS}" if tree else ""
        engine.handle(CreateDomain(START_US, f"d{number}", share=2 + number % 7, parent=parent))
    engine.handle(JoinWorker(START_US, "w", Resources(SLOTS * 1000)))
    for number in range(domains):
        engine.handle(SubmitJob(START_US, f"d{number}", count=10**6, time_request_us=RUN_QUANTUM_US))
    engine.take()
    return engine


class Play:
    """Leases and reports in turn, as in a busy pool."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.at_us = START_US
        self.out: list[tuple[LeaseId, tuple[tuple[int, int], ...]]] = []

    def run(self, decisions: int) -> None:
        """Let so many leases at least be given and reported."""
        made = 0
        while made < decisions:
            self.at_us += 1_000
            for lease_id, spans in self.out:
                self.engine.handle(FinishUnits(self.at_us, WorkerId(1), lease_id, spans, (RUN_QUANTUM_US,)))
            made += self.engine.run_pass(self.at_us, ROUND)
            leased = (event for event in self.engine.take() if isinstance(event, UnitsLeased))
            self.out = [(event.lease_id, ((event.first, event.count),)) for event in leased]

    def us_a_decision(self, decisions: int) -> float:
        """Run on, and return the time of the processor that a decision took."""
        began = time.process_time()
        self.run(decisions)
        return (time.process_time() - began) * 1e6 / decisions


def alone(domains: int, decisions: int) -> Row:
    """Time the policy inside the engine."""
    meter = Meter()
    charge = service.charge

    def timed(*args: object) -> object:
        began_ns = time.perf_counter_ns()
        tags = charge(*args)  # type: ignore[arg-type]
        meter.add(began_ns)
        return tags

    from meted.core.decide import leases

    leases.charge = timed  # type: ignore[assignment, attr-defined]
    try:
        play = Play(pool(MeteredPolicy(meter), domains))
        play.run(2 * domains)
        meter.spent_ns = meter.calls = 0
        play.run(decisions)
    finally:
        leases.charge = charge  # type: ignore[attr-defined]
    us = meter.net_ns() / 1000 / decisions
    return {"what": "alone", "domains": domains, "us_a_decision": round(us, 2), "per_s": round(1e6 / us)}


def whole(domains: int, decisions: int) -> Row:
    """Time a decision through the engine."""
    play = Play(pool(Meted(), domains))
    play.run(min(2 * domains, 50_000))
    us = play.us_a_decision(decisions)
    return {"what": "decision", "domains": domains, "us_a_decision": round(us, 2), "per_s": round(1e6 / us)}


def requests(different: int, decisions: int) -> Row:
    """Time a decision through the engine where one domain waits with so many different requests."""
    engine = pool(Meted(), 10)
    for number in range(different - 1):
        request = Resources(1000 + number + 1)
        engine.handle(SubmitJob(START_US, "d0", count=10**6, request=request, time_request_us=RUN_QUANTUM_US))
    engine.take()
    play = Play(engine)
    play.run(ROUND)
    us = play.us_a_decision(decisions)
    return {"what": "decision", "requests": different, "us_a_decision": round(us, 2), "per_s": round(1e6 / us)}


def mixed(different: int, decisions: int, *, tree: bool, guaranteed: bool) -> Row:
    """Time a decision through the engine where all domains wait with many different requests."""
    drawn, engine = random.Random(1), Engine(Meted())
    guarantee = Resources(4_000) if guaranteed else NOTHING
    for group in range(GROUPS if tree else 0):
        engine.handle(CreateDomain(START_US, f"g{group}", share=2 + group % 3, guarantee=guarantee))
    for number in range(30):
        parent, own = (f"g{number // 6}", NOTHING) if tree else ("", guarantee)
        engine.handle(CreateDomain(START_US, f"d{number}", share=1 + number % 3, parent=parent, guarantee=own))
    engine.handle(JoinWorker(START_US, "w", Resources(SLOTS * 1000, 1 << 40)))
    requests = [Resources(drawn.randrange(1_000, 4_000), drawn.randrange(1, 1 << 30)) for _ in range(different)]
    for number in range(30 * 50):
        domain, request = f"d{number % 30}", drawn.choice(requests)
        engine.handle(SubmitJob(START_US, domain, count=10**5, request=request, time_request_us=RUN_QUANTUM_US))
    engine.take()
    play = Play(engine)
    play.run(ROUND)
    us = play.us_a_decision(decisions)
    what = f"mixed, {'in five others' if tree else 'side by side'}{', guaranteed' if guaranteed else ''}"
    return {"what": what, "requests": different, "us_a_decision": round(us, 2), "per_s": round(1e6 / us)}


def loans(domains: int, changes: int, where: str = "side by side") -> Row:
    """Time an offer and its recall, each with the tags that it moves and the places that this changes."""
    engine = pool(Meted(), domains, tree=where != "side by side")
    while engine.run_pass(START_US):  # until all slots are taken
        engine.take()
    name, those, apart = ("g", GROUPS, 1) if where == "between the five" else ("d", domains, GROUPS)
    at_us, times_us = START_US, list[float]()
    for number in range(changes):
        lender, borrower = f"{name}{number % those}", f"{name}{(number + apart) % those}"
        if number % those == 0:
            at_us += LOAN_BACKOFF_MAX_US  # the same two may lend again
        began = time.perf_counter()
        made = next(e for e in engine.handle(OfferLoan(at_us, lender, borrower, "share", 1)) if type(e) is LoanMade)
        engine.run_pass(at_us)
        engine.handle(RecallLoan(at_us, made.loan_id))
        engine.run_pass(at_us)
        times_us.append((time.perf_counter() - began) * 1e6)
        engine.take()
    return {"what": f"loan and recall, {where}", "domains": domains, "us_a_decision": round(median(times_us), 2)}


def main() -> None:
    """Run what is asked for and print it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--decisions", type=int, default=20_000)
    options = parser.parse_args()
    rows = [alone(1_000, options.decisions)]
    rows += [whole(domains, options.decisions) for domains in (10, 1_000, 100_000)]
    rows += [requests(different, options.decisions // 10) for different in (1, 20, 200, 2_000)]
    rows += [
        mixed(different, options.decisions // 20, tree=tree, guaranteed=guaranteed)
        for guaranteed in (False, True)
        for tree in (False, True)
        for different in (20, 300, 1_500)
    ]
    rows += [
        loans(domains, 1_000, where)
        for where in ("side by side", "in five others", "between the five")
        for domains in (10, 1_000, 100_000)
    ]
    show("policy", rows, options.json)


if __name__ == "__main__":
    main()
