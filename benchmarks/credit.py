"""The ledger: postings a second by the number of accounts, and what paying for priority costs a dispatch.

``postings``: transfers between domains through the engine, each decided, folded and followed by the timers, with so
many accounts. ``dispatch``: units a second in runs of 1, leased, and reported after a minute each: in a pool without
credit, in one where all domains have accounts, and there of jobs whose points are held and paid for with each lease;
medians of rounds of all three in turn. ``served``: the first and the last of these through a real server and a log on
disk, with the workers of ``benchmarks/dispatch.py``, which finish everything at once.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from dispatch import pool
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


def served(units: int, *, paid: bool) -> float:
    """Return units a second through a server, in 100 domains and in runs of 1, as each unit is said to take an hour."""
    with tempfile.TemporaryDirectory() as folder, pool(Path(folder)) as (_, client):
        jobs = []
        for number in range(100):
            domain = f"d{number}"
            client.call("domain.set", name=domain)
            if paid:
                client.call("credit.grant", domain=domain, amount_mc=10**12)
            job = client.call(
                "submit", argv=["true"], domain=domain, count=units // 100, time_request_us=HOUR_US, hold=True
            )["job"]
            if paid:
                client.call("job.nice", job=job, points=1)
            jobs.append(job)
        started_s = time.perf_counter()
        client.call("start", jobs=jobs)
        for job in jobs:
            client.call("wait", job=job, wait_us=60_000_000)
        took_s = time.perf_counter() - started_s
        if client.call("jobs", active=True, limit=1):
            raise SystemExit("some jobs have not ended in a minute")
        lines = client.call("credit.statement", domain="d0") if paid else ()
        spent_mc = -sum(line["amount_mc"] for line in lines if line["kind"] in ("purse", "purse_back"))
        if spent_mc != paid * (units // 100):  # as short as they are, each costs the least there is
            raise SystemExit(f"domain d0 paid {spent_mc} thousandths of a credit for {units // 100} units")
    return units / took_s


def in_turn(rounds: int, kinds: Mapping[str, Callable[[], float]]) -> list[Row]:
    """Return the medians of rounds of all kinds, and how many times as long each takes as the first."""
    measured = [{what: measure() for what, measure in kinds.items()} for _ in range(rounds)]
    first = next(iter(kinds))
    return [
        {
            "what": what,
            "per_s": round(median(each[what] for each in measured)),
            "times_as_long": round(median(each[first] / each[what] for each in measured), 2),
        }
        for what in kinds
    ]


def main() -> None:
    """Run what is asked for and print it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--transfers", type=int, default=100_000)
    parser.add_argument("--units", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7, help="of dispatch, and of what is served")
    options = parser.parse_args()
    rows: list[Row] = [
        {"what": "posting", "accounts": accounts, "per_s": round(postings(accounts, options.transfers))}
        for accounts in (10, 1_000, 100_000)
    ]
    units = options.units
    rows += in_turn(
        options.rounds,
        {
            "dispatch without credit": lambda: dispatch(units, credit=False, paid=False),
            "dispatch with accounts": lambda: dispatch(units, credit=True, paid=False),
            "dispatch of what is paid for": lambda: dispatch(units, credit=True, paid=True),
        },
    )
    rows += in_turn(
        options.rounds,
        {
            "served without credit": lambda: served(units, paid=False),
            "served, all of it paid for": lambda: served(units, paid=True),
        },
    )
    show("credit", rows, options.json)


if __name__ == "__main__":
    main()
