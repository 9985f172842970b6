"""Flaw 1c.5: points bought by many at once lose no update, name their job, change its priority, and can be audited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import trio

from meted.adapters.client.client import Client
from meted.adapters.client.remote import RemoteService
from meted.adapters.log import SQLiteLog
from meted.core.errors import Refused
from meted.core.events import CreditMoved, Event, PriorityChanged
from meted.core.schema import decode_events

from ..live import live_server

HOUR_US = 3_600_000_000
DOMAINS = "art", "botany", "chess"
TO_BEGIN_WITH_MC = 20_000
OF_A_JOB = {"purse": 1, "nice_back": 1, "purse_back": -1, "nice": -1}
"""What is moved for points of a job, and whether its domain pays."""

Bought = tuple[int, int, int]
"""(job, points, what its domain was charged)"""


class Trader:
    """A client that buys, gives back, sells and sends at random, and keeps what it was told."""

    def __init__(self, client: Client, number: int, jobs: Sequence[tuple[str, int]]) -> None:
        """``jobs`` are those of all, with their domains."""
        self._client = client
        self._dice = Random(number)
        self._jobs = jobs
        self.bought: list[Bought] = []
        self.sent: Counter[str] = Counter()
        self.refused = 0

    async def trade(self) -> None:
        """Do one thing."""
        dice = self._dice
        try:
            if dice.random() < 0.3:
                payer, payee = dice.sample(DOMAINS, 2)
                amount_mc = dice.randint(1, 5_000)
                await self._client.credit_transfer(payer, payee, amount_mc)
                self.sent.update({payee: amount_mc, payer: -amount_mc})
                return
            _, job_id = dice.choice(self._jobs)
            points = dice.choice((-3, -2, -1, 1, 2, 3, 4))
            told = await self._client.job_nice(job_id, points, HOUR_US)
            self.bought.append((job_id, points, told["charged_mc"]))
        except Refused:
            self.refused += 1


async def trade_at_once(address: str, jobs: Sequence[tuple[str, int]]) -> list[Trader]:
    """Let eight clients ask at once, again and again: none asks again before all have been answered."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client.connect(address)) for _ in range(8)]
        traders = [Trader(client, number, jobs) for number, client in enumerate(clients)]
        for _ in range(40):
            async with trio.open_nursery() as nursery:
                for trader in traders:
                    nursery.start_soon(trader.trade)
    return traders


def audited(events: Iterator[Event]) -> Iterator[Bought]:
    """Read from the log alone which points were bought: each payment names the job whose priority it changes."""
    points: Counter[int] = Counter()
    charged_mc = 0
    moved: set[int] = set()
    for event in events:
        if isinstance(event, CreditMoved) and event.kind in OF_A_JOB:
            moved.add(event.reference)
            charged_mc += OF_A_JOB[event.kind] * event.amount_mc
        elif isinstance(event, PriorityChanged):
            assert moved == {event.job_id}
            assert event.priority == event.points, "they began at priority 0"
            yield event.job_id, event.points - points[event.job_id], charged_mc
            points[event.job_id], charged_mc = event.points, 0
            moved.clear()


def read_events(data: Path) -> Iterator[Event]:
    """Yield all events of a log."""
    with SQLiteLog.open(data, read_only=True) as log:
        for batch in log.read():
            yield from decode_events(batch.body)


def hold_to_statements(
    service: RemoteService, jobs: Sequence[tuple[str, int]], bought: Sequence[Bought], traders: Sequence[Trader]
) -> None:
    """Hold what all were told to accounts, statements and jobs."""
    points: Counter[int] = Counter()
    charged: Counter[int] = Counter()
    for job_id, number, charged_mc in bought:
        points[job_id] += number
        charged[job_id] += charged_mc
    for _, job_id in jobs:
        row = service.job(job_id)
        assert (row["priority"], row["points"]) == (points[job_id], points[job_id])
        assert (row["purse_mc"] or 0) == 1_000 * max(points[job_id], 0)
    for name in DOMAINS:
        mine = [job_id for domain, job_id in jobs if domain == name]
        lines = service.credit_statement(name)
        of_jobs: Counter[int] = Counter()
        for line in lines:
            if line["kind"] in OF_A_JOB:
                of_jobs[line["reference"]] -= line["amount_mc"]
        assert {job_id: of_jobs[job_id] for job_id in mine} == {job_id: charged[job_id] for job_id in mine}
        assert set(of_jobs) <= set(mine), "of no other job, and of none without a number"
        sent_mc = sum(trader.sent[name] for trader in traders)
        balance_mc = service.credit_account(name)["balance_mc"]
        assert balance_mc == sum(line["amount_mc"] for line in lines) == lines[-1]["balance_mc"]
        assert balance_mc == TO_BEGIN_WITH_MC + sent_mc - sum(charged[job_id] for job_id in mine)


def test_points_that_are_bought_at_once_are_all_counted() -> None:
    """Eight clients at a real server: balances are what all were told, what statements say, and what the log says."""
    with live_server() as server:
        with RemoteService(server.address) as service:
            service.credit_rules_set(income="treasury", price_mc=1_000)
            for name in DOMAINS:
                service.domain_create(name)
                service.credit_grant(name, TO_BEGIN_WITH_MC)
            jobs = [(name, service.submit(name, hold=True)) for name in DOMAINS for _ in range(2)]
            traders = trio.run(trade_at_once, server.address, jobs)
            bought = [it for trader in traders for it in trader.bought]
            assert len(bought) > 100
            assert any(trader.refused for trader in traders)
            hold_to_statements(service, jobs, bought, traders)
        server.stop()
        found = list(audited(read_events(server.directory / "data")))
    assert Counter(found) == Counter(bought)
    assert all(charged_mc == 1_000 * number for _, number, charged_mc in found)
    assert {number > 0 for _, number, _ in found} == {True, False}, "some were bought, and some sold"
