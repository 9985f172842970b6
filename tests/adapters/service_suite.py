"""One suite for every way to a service: embedded, remote, remote and async (rows P12, P13, P18)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import trio

from meted.adapters.client.client import Client
from meted.adapters.client.remote import RemoteService
from meted.adapters.embedded import Pool, Unit

from .live import Call, HandWorker, live_server

Service = Pool | RemoteService
"""The verbs that all of them have; they are equal, as tests/adapters/client/test_verb.py holds."""


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

        yield Way(pool, work, lambda: None)


@contextmanager
def blocking(_: Path) -> Iterator[Way]:
    """A server, and a client of one thread."""
    with live_server() as server, RemoteService(server.address) as service:
        worker = HandWorker(server.address)
        yield Way(service, worker.work, service.poll)
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
