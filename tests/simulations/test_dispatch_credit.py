"""Every recorded pass made again where domains trade, points are bought and sold, and the rules change meanwhile."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from meted.adapters.embedded import Done, LeasedUnits, Pool
from meted.adapters.log import Log, MemoryLog, SQLiteLog
from meted.core.commands import (
    Command,
    CreateDomain,
    FinishUnits,
    GrantCredit,
    JoinWorker,
    LendCredit,
    NiceJob,
    SetCreditRules,
    SetRules,
    SubmitJob,
    TransferCredit,
)
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import UnitsLeased, WorkerJoined
from meted.core.ids import JobId, WorkerId
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources
from meted.core.schema import decode_events
from meted.simulations.dispatch_check import check_dispatch

from .test_own_log import Clock, S

HOUR = 3_600 * S
STEPS = 250


def trade(pool: Pool, random: Random, now_us: int) -> None:
    """Let somebody send, lend, get or hold credit, or change a rule."""
    one, other = random.sample("abcd", 2)
    acts: tuple[Callable[[], object], ...] = (
        lambda: pool.credit_transfer(one, other, random.randint(1, 2_000)),
        lambda: pool.credit_grant(one, random.randint(-500, 3_000)),
        lambda: pool.credit_lend(one, other, random.randint(1, 2_000), now_us + random.randint(1, 200) * S),
        lambda: pool.credit_hold(one, random.randint(1, 500), now_us + random.randint(1, 50) * S),
        lambda: pool.credit_rules_set(
            price_mc=random.choice((0, 1_000, 90_000)),
            income=random.choice(("funded", "treasury")),
            donors=random.choice(("all", "nice")),
        ),
        lambda: pool.credit_open(one, unlimited=random.random() < 0.2),
        lambda: pool.rules_set(alpha_milli=random.choice((100, 500, 900)), pool=random.choice(("decay", "fifo"))),
        lambda: pool.rules_set(pool="karma", start_mc=random.choice((0, 5, 1_000))),
    )
    random.choice(acts)()


def step(pool: Pool, random: Random, workers: list[WorkerId], held: list[LeasedUnits], now_us: int) -> None:
    kind = random.random()
    waiting = [row["job"] for row in pool.jobs() if row["state"] == "pending"]
    if kind < 0.25:
        pool.submit(
            random.choice("abcd"),
            count=random.choice((1, 3, 20)),
            request=Resources(random.choice((500, 1_000, 2_000))),
            time_request_us=random.choice((None, S, 20 * S, 200 * S)),
            priority=random.choice((0, 0, 1)),
        )
    elif kind < 0.4 and waiting:
        pool.job_nice(random.choice(waiting), random.choice((1, 2, -1)), random.choice((None, 5 * S, HOUR)))
    elif kind < 0.5:
        trade(pool, random, now_us)
    elif kind < 0.7:
        for worker in workers:
            held += pool.work(worker)
    elif held:
        lease = held.pop(random.randrange(len(held)))
        if random.random() < 0.1:
            pool.give_back(lease)
        else:
            run_us = random.choice((1_000, S, 30 * S))
            pool.finish(lease, *(Done(index, run_us, b"", int(random.random() < 0.1)) for index in lease.indices))


def record(path: Path, seed: int, policy: str) -> None:
    random, clock = Random(seed), Clock()
    with Pool(SQLiteLog.open(path), policy, clock=clock) as pool:
        for name in "abcd":
            pool.domain_create(name, share=random.randint(1, 5), guarantee=Resources(random.choice((0, 1_000))))
        for name in "abc":
            pool.credit_grant(name, 5_000)
        workers = [pool.join(f"w{n}", Resources(random.choice((2_000, 4_000)))) for n in range(2)]
        held: list[LeasedUnits] = []
        for _ in range(STEPS):
            clock.now_us += random.randint(0, 2 * S)
            with contextlib.suppress(Refused):
                step(pool, random, workers, held, clock.now_us)


def tags(log: Log) -> Counter[str]:
    return Counter(event.tag for batch in log.read() for event in decode_events(batch.body))


@pytest.mark.parametrize("policy", ["meted", "fcfs", "easy"])
def test_an_embedded_pool_that_trades_is_decided_as_it_was(tmp_path: Path, policy: str) -> None:
    """Timers pay and repay in the batches of passes, which makes no server of a program."""
    seen: Counter[str] = Counter()
    for seed in (1, 2, 3, 4):
        record(tmp_path / str(seed), seed, policy)
        with SQLiteLog.open(tmp_path / str(seed), read_only=True) as log:
            found = check_dispatch(log, POLICIES[policy]())
            seen += tags(log)
        assert (found.served, found.different, found.anew) == (False, 0, 0), found.differences
        assert found.equal == found.passes > 10
    for tag in ("fee_held", "points_lapsed", "donor_paid", "slice_held", "rules_changed", "credit_repaid"):
        assert seen[tag], tag


def commands(random: Random, now_us: int, jobs: list[JobId]) -> Command:
    one, other = random.sample("abcd", 2)
    return random.choice(
        (
            lambda: SubmitJob(now_us, one, count=random.randint(1, 9), time_request_us=random.choice((S, 90 * S))),
            lambda: SubmitJob(now_us, one, count=1, time_request_us=30 * S),
            lambda: NiceJob(now_us, random.choice(jobs), random.choice((1, 3, -1)), random.choice((None, 2 * S))),
            lambda: TransferCredit(now_us, one, other, random.randint(1, 1_000)),
            lambda: GrantCredit(now_us, one, random.randint(1, 1_000)),
            lambda: LendCredit(now_us, one, other, random.randint(1, 900), now_us + 20 * S),
            lambda: SetCreditRules(now_us, price_mc=random.choice((1_000, 50_000))),
            lambda: SetRules(now_us, random.choice((200, 800)), pool=random.choice(("decay", "karma")), start_mc=9),
        )
    )()


def serve(seed: int, log: Log) -> None:
    """Write a log as a server does: timers, commands and a pass in each batch."""
    random, engine, now_us = Random(seed), Engine(POLICIES["meted"]()), 1_700_000_000 * S
    for name in "abcd":
        engine.handle(CreateDomain(now_us, name, random.randint(1, 4)))
        engine.handle(GrantCredit(now_us, name, 3_000))
    joined = engine.handle(JoinWorker(now_us, "one", Resources(3_000)))[0]
    assert isinstance(joined, WorkerJoined)
    jobs: list[JobId] = [JobId(1)]
    ends: list[tuple[int, UnitsLeased]] = []
    for _ in range(STEPS):
        now_us += random.randint(0, 3 * S)
        engine.run_timers(now_us)
        for end_us, lease in [entry for entry in ends if entry[0] <= now_us]:
            ends.remove((end_us, lease))
            times = (random.choice((S, 40 * S)),) * lease.count
            engine.handle(FinishUnits(now_us, joined.worker_id, lease.lease_id, ((lease.first, lease.count),), times))
        for _ in range(random.randint(0, 2)):
            with contextlib.suppress(Refused):
                engine.handle(commands(random, now_us, jobs))
        engine.run_pass(now_us)
        sealed = engine.seal()
        if sealed is not None:
            jobs = sorted(engine.state.jobs.jobs) or jobs
            ends += [(now_us + random.randint(1, 20) * S, it) for it in sealed.events if isinstance(it, UnitsLeased)]
            log.append(sealed.batch)
            engine.publish(sealed)


def test_a_server_that_trades_is_decided_as_it_was() -> None:
    seen: Counter[str] = Counter()
    for seed in (1, 2, 3):
        log = MemoryLog()
        serve(seed, log)
        found = check_dispatch(log, POLICIES["meted"]())
        assert (found.served, found.different, found.anew) == (True, 0, 0), found.differences
        assert found.equal == found.passes == found.batches
        assert not check_dispatch(log, POLICIES["fcfs"]()).same
        seen += tags(log)
    for tag in ("fee_held", "points_lapsed", "donor_paid", "slice_held", "credit_repaid"):
        assert seen[tag], tag
