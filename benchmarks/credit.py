"""The ledger: postings a second by the number of accounts, and what paying for priority costs a dispatch.

``postings``: transfers between domains through the engine, each decided, folded and followed by the timers, with so
many accounts. ``dispatch``: units a second in runs of 1, leased, and reported after a minute each: in a pool without
credit, in one where all domains have accounts, and there of jobs whose points are held and paid for with each lease;
medians of rounds of all three in turn.
"""

from __future__ import annotations

import time
from statistics import median

from harness import Row, arguments, show

from meted.core.commands import (
    CreateDomain,
    FinishUnits,
    GrantCredit,
    JoinWorker,
    NiceJob,
    SetCreditRules,
    SubmitJob,
    TransferCredit,
)
from meted.core.engine import Engine
from meted.core.events import UnitsLeased, WorkerJoined
from meted.core.ids import JobId
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources
from meted.core.spec import NO_SPEC

HOUR_US, UNIT_US = 3_600_000_000, 60_000_000
SLOTS = 64


def postings(accounts: int, transfers: int) -> float:
    """Return transfers a second of process time with so many accounts."""
    engine = Engine(POLICIES["meted"]())
    for number in range(accounts):
        engine.handle(CreateDomain(0, f"d{number}"))
        engine.handle(GrantCredit(0, f"d{number}", 10**9))
    engine.take()
    commands = [
        TransferCredit(0, f"d{number * 7919 % accounts}", f"d{(number * 104_729 + 1) % accounts}", 1 + number % 97)
        for number in range(transfers)
        if number * 7919 % accounts != (number * 104_729 + 1) % accounts
    ]
    started_s = time.process_time()
    for command in commands:
        engine.handle(command)
    took_s = time.process_time() - started_s
    engine.take()
    return len(commands) / took_s


def dispatch(units: int, *, credit: bool, paid: bool) -> float:
    """Return units a second of process time in 100 domains, in runs of 1."""
    engine = Engine(POLICIES["meted"]())
    if credit:
        engine.handle(SetCreditRules(0))
    (joined,) = engine.handle(JoinWorker(0, "machine", Resources(1000 * SLOTS)))
    assert isinstance(joined, WorkerJoined)
    for number in range(100):
        engine.handle(CreateDomain(0, f"d{number}"))
        if credit:
            engine.handle(GrantCredit(0, f"d{number}", 10**15))
        engine.handle(SubmitJob(0, f"d{number}", NO_SPEC, units, time_request_us=UNIT_US))
        if paid:
            engine.handle(NiceJob(0, JobId(number + 1), 1, HOUR_US * 1000))
    engine.take()
    done, now_us = 0, 0
    started_s = time.process_time()
    while done < units:
        now_us += UNIT_US
        engine.run_timers(now_us)
        while engine.run_pass(now_us):
            pass
        for event in engine.take():
            if type(event) is UnitsLeased:
                done += 1
                engine.handle(FinishUnits(now_us, joined.worker_id, event.lease_id, ((event.first, 1),), (UNIT_US,)))
    return units / (time.process_time() - started_s)


def main() -> None:
    """Run what is asked for and print it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--transfers", type=int, default=100_000)
    parser.add_argument("--units", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7, help="of dispatch")
    options = parser.parse_args()
    rows: list[Row] = [
        {"what": "posting", "accounts": accounts, "per_s": round(postings(accounts, options.transfers))}
        for accounts in (10, 1_000, 100_000)
    ]
    kinds = {
        "dispatch without credit": (False, False),
        "dispatch with accounts": (True, False),
        "dispatch of what is paid for": (True, True),
    }
    rounds = [
        {what: dispatch(options.units, credit=credit, paid=paid) for what, (credit, paid) in kinds.items()}
        for _ in range(options.rounds)
    ]
    first = next(iter(kinds))
    for what in kinds:
        ratio = median(round_[first] / round_[what] for round_ in rounds)
        per_s = round(median(round_[what] for round_ in rounds))
        rows.append({"what": what, "per_s": per_s, "times_as_long": round(ratio, 2)})
    show("credit", rows, options.json)


if __name__ == "__main__":
    main()
