"""One suite for every way to a service: embedded, remote, remote and async (rows P12, P13, P18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import trio

from meted.adapters.client.client import Client
from meted.adapters.client.remote import RemoteService
from meted.adapters.credit_alarms import AlarmView
from meted.adapters.credit_changes import Niced
from meted.adapters.credit_views import (
    CreditDetails,
    CreditLine,
    CreditLoanView,
    CreditRulesView,
    CreditView,
    Forecast,
    HoldView,
)
from meted.adapters.domain_apply import Applied, WantedDomain
from meted.adapters.domain_changes import Delivered, LoansGiven
from meted.adapters.domain_views import DomainView, LoanView, RulesView, StatementLine
from meted.adapters.embedded import Pool, Unit
from meted.adapters.forecasts import ForecastView
from meted.adapters.local_service import NO_COMMAND
from meted.core.commands import ONE_CPU, DomainRecord, LoanTerms
from meted.core.resources import NOTHING, Resources
from meted.core.spec import Spec

from .live import Call, HandWorker, live_server


class Service(Protocol):
    """The verbs that all of them have."""

    def domain(self, name: str, share: int = 1, cap: Resources | None = None) -> None: ...
    def submit(
        self,
        domain: str,
        spec: Spec = NO_COMMAND,
        count: int = 1,
        *,
        user: str | None = None,
        name: str = "",
        request: Resources = ONE_CPU,
        time_request_us: int | None = None,
        priority: int = 0,
        retries: int = 0,
        max_failures: int | None = None,
        tags: Mapping[str, str] | None = None,
        hold: bool = False,
        after: Iterable[int] = (),
        begin_us: int | None = None,
    ) -> int: ...
    def start(self, *job_ids: int) -> None: ...
    def cancel(self, *job_ids: int) -> None: ...
    def delete(self, job_id: int) -> None: ...
    def rerun(self, job_id: int, *, failed: bool = True, cancelled: bool = False) -> None: ...
    def job(self, job_id: int) -> Mapping[str, object]: ...
    def jobs(self, **tags: str) -> list[Mapping[str, object]]: ...
    def status(self, job_id: int) -> str: ...
    def explain(self, job_id: int) -> list[str]: ...
    def forecast(self, job_id: int | None = None, points: int = 0) -> ForecastView: ...
    def result(self, job_id: int, index: int = 0) -> bytes | None: ...
    def error(self, job_id: int, index: int = 0) -> str | None: ...
    def after(self, job_id: int, callback: Callable[[int, str], None]) -> None: ...
    def domain_create(
        self,
        name: str,
        *,
        parent: str = "",
        share: int = 1,
        guarantee: Resources = NOTHING,
        cap: Resources | None = None,
        floor_share: int = 1,
        floor: Resources = NOTHING,
    ) -> None: ...
    def domain_set(
        self,
        name: str,
        *,
        share: int | None = None,
        guarantee: Resources | None = None,
        cap: Resources | None = None,
        uncapped: bool = False,
        floor_share: int | None = None,
        floor: Resources | None = None,
    ) -> None: ...
    def domain_remove(self, name: str) -> None: ...
    def domain_apply(self, wanted: Sequence[WantedDomain], *, dry_run: bool = False) -> Applied: ...
    def domain_records(self, records: Sequence[DomainRecord], stamp_us: int, *, full: bool = False) -> Delivered: ...
    def domains(self) -> list[DomainView]: ...
    def domain_row(self, name: str) -> DomainView: ...
    def loan_offer(
        self,
        lender: str,
        borrower: str,
        resource: str,
        amount: int,
        *,
        start_us: int | None = None,
        expiry_us: int | None = None,
        notice_us: int = 0,
    ) -> int: ...
    def loan_recall(self, loan_id: int) -> int | None: ...
    def loans_set(self, lender: str, loans: Sequence[LoanTerms]) -> LoansGiven: ...
    def loans(self, domain: str | None = None) -> list[LoanView]: ...
    def loan_statement(self, domain: str) -> list[StatementLine]: ...
    def rules(self) -> RulesView: ...
    def rules_set(
        self,
        *,
        alpha_milli: int | None = None,
        half_life_us: int | None = None,
        aging_us: int | None = None,
        no_aging: bool = False,
        pool: str | None = None,
        usage: str | None = None,
        start_mc: int | None = None,
    ) -> None: ...
    def job_priority(self, job_id: int, priority: int) -> None: ...
    def credit_accounts(self) -> list[CreditView]: ...
    def credit_account(self, domain: str) -> CreditDetails: ...
    def credit_open(self, domain: str, *, unlimited: bool | None = None) -> int: ...
    def credit_close(self, domain: str) -> None: ...
    def credit_limit(self, domain: str, unlimited: bool) -> None: ...
    def credit_grant(self, domain: str, amount_mc: int, note: str = "") -> None: ...
    def credit_transfer(self, payer: str, payee: str, amount_mc: int, note: str = "") -> None: ...
    def credit_hold(self, domain: str, amount_mc: int, until_us: int | None = None) -> int: ...
    def credit_post(self, hold: int, payee: str, amount_mc: int) -> None: ...
    def credit_void(self, hold: int) -> None: ...
    def credit_holds(self, domain: str | None = None) -> list[HoldView]: ...
    def credit_lend(self, lender: str, borrower: str, amount_mc: int, due_us: int) -> int: ...
    def credit_repay(self, loan: int) -> int: ...
    def credit_loans(self, domain: str | None = None) -> list[CreditLoanView]: ...
    def credit_alarms(self) -> list[AlarmView]: ...
    def credit_rules(self) -> CreditRulesView: ...
    def credit_rules_set(
        self,
        *,
        grant_mc: int | None = None,
        period_us: int | None = None,
        cap_mc: int | None = None,
        uncapped: bool = False,
        half_life_us: int | None = None,
        no_demurrage: bool = False,
        price_mc: int | None = None,
        income: str | None = None,
    ) -> None: ...
    def credit_statement(
        self, domain: str | None = None, *, account: int | None = None, after: int = 0, limit: int = 1_000
    ) -> list[CreditLine]: ...
    def credit_forecast(self, domain: str, points: int) -> Forecast: ...
    def job_nice(self, job_id: int, points: int, cost_us: int | None = None) -> Niced: ...


class Way:
    """A service, and a worker of it that runs units when it is told to."""

    def __init__(self, service: Service, work: Callable[[Call], int], settle: Callable[[], None]) -> None:
        """``settle`` lets callbacks that are due be called."""
        self.service = service
        self.work = work
        self.settle = settle


@contextmanager
def embedded(directory: Path) -> Iterator[Way]:
    """The embedded pool."""
    with Pool.open(directory / "pool") as pool:
        worker = pool.join("hand")

        def work(call: Call) -> int:
            def run(unit: Unit) -> bytes | None:
                return call(unit.job_id, unit.index)

            return pool.run(worker, run)

        yield Way(pool, work, lambda: None)  # type: ignore[arg-type]  # its rows are TypedDicts


@contextmanager
def blocking(_: Path) -> Iterator[Way]:
    """A server, and a client of one thread."""
    with live_server() as server, RemoteService(server.address) as service:
        worker = HandWorker(server.address)
        yield Way(service, worker.work, service.poll)  # type: ignore[arg-type]
        worker.client.close()


@contextmanager
def asynchronous(_: Path) -> Iterator[Way]:
    """A server, and an async client in a thread of its own."""
    with live_server() as server, _AsyncService(server.address) as service:
        worker = HandWorker(server.address)
        yield Way(service, worker.work, service.settle)  # type: ignore[arg-type]
        worker.client.close()


WAYS = {"embedded": embedded, "blocking": blocking, "async": asynchronous}


class _AsyncService:
    """Calls the verbs of an async client from another thread."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._ready = Event()
        self._thread = Thread(target=partial(trio.run, self._main))

    def __enter__(self) -> _AsyncService:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        trio.from_thread.run_sync(self._stop.set, trio_token=self._token)
        self._thread.join(30)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._stop = trio.Event()
        async with Client.connect(self._address) as self._client:
            self._ready.set()
            await self._stop.wait()

    def settle(self) -> None:
        """Let the client's own tasks go on."""
        trio.from_thread.run(trio.sleep, 0.2, trio_token=self._token)

    def __getattr__(self, verb: str) -> Callable[..., object]:
        call = getattr(self._client, verb)

        def from_here(*arguments: object, **named: object) -> object:
            return trio.from_thread.run(partial(call, *arguments, **named), trio_token=self._token)

        return from_here
