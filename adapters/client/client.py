"""An async client: the verbs of the embedded pool on a server, for many tasks at once (rows P12, P13, P29)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

import trio

from meted.core.state import ENDED

from ..wire.address import Address, UnixAddress, default_address, parse_address
from ..wire.limits import WAIT_MAX_US
from ..wire.messages import Notification
from .credit_verbs import CreditVerbs
from .domain_verbs import DomainVerbs
from .greeting import hello_params
from .job_verbs import JobVerbs
from .link import Dial, Link
from .loan_verbs import LoanVerbs
from .mirror import Mirror, alarm_id_of, job_id_of, loan_id_of, worker_id_of
from .refusals import refusals
from .subscription import Subscription
from .verb import AsyncCaller

if TYPE_CHECKING:
    from ..views import JobView

Callback = Callable[[int, str], None]


class Client(JobVerbs, DomainVerbs, LoanVerbs, CreditVerbs, AsyncCaller):
    """Calls a server; many calls may be under way at once, and each acts once though connections break.

    Made by :meth:`connect`, and of use inside its block only.
    """

    def __init__(self, dial: Dial, hello: Mapping[str, object], nursery: trio.Nursery) -> None:
        """Use :meth:`connect` or :meth:`over` instead."""
        self._nursery = nursery
        self._subscriptions: dict[int, Subscription] = {}
        self._link = Link(dial, hello, self._hear, self._lose)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, address: Address | str | None = None, *, program: str = "meted", token: str | None = None
    ) -> AsyncIterator[Self]:
        """Connect to a server for as long as the block lasts.

        Args:
            address: Where the server is; None is where the user's own server is.
            program: What the client calls itself.
            token: The secret of the pool; None is the user's own, if it is needed.

        Raises:
            AddressError: ``address`` is none.
            Unreachable: No server answers.
            CallError: The server does not want to talk.
        """
        found = parse_address(address) if isinstance(address, str) else address or default_address()
        async with cls.over(partial(_dial, found), hello_params(found, program, token)) as client:
            yield client

    @classmethod
    @asynccontextmanager
    async def over(cls, dial: Dial, hello: Mapping[str, object]) -> AsyncIterator[Self]:
        """Connect over streams that ``dial`` makes, saying ``hello``; memory streams in tests, say."""
        try:
            async with trio.open_nursery() as nursery:
                client = cls(dial, hello, nursery)
                await client._link.dial()
                nursery.start_soon(client._link.run)
                try:
                    yield client
                finally:
                    client._link.close()
                    nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # the nursery is no concern of the caller's
                raise group.exceptions[0] from None
            raise

    @property
    def server(self) -> Mapping[str, object]:
        """What the server has said of itself: the answer to ``hello``."""
        return self._link.server

    async def call(self, method: str, /, **params: object) -> Any:
        """Call a method and return its answer.

        A method that takes an idempotency key is given a random one unless ``key`` is among the parameters.

        Args:
            method: Its name, as in docs/wire.md.
            params: Its arguments.

        Raises:
            CallError: The server refuses, or it failed.
            Unreachable: No server answers, or the connection broke and the call may not be repeated.
            LocalProtocolError: A parameter is too large or of no type that can be sent.
        """
        return await self._link.call(method, params)

    async def wait(self, job_id: int) -> JobView:
        """Return a job when it has ended; for less patience put a ``trio.move_on_after`` around it."""
        while True:
            row = cast("JobView", await self._ask("wait", job=job_id, wait_us=WAIT_MAX_US))
            if row["state"] in ENDED:
                return row

    async def after(self, job_id: int, callback: Callback) -> None:
        """Call ``callback(job_id, outcome)`` once when the job has ended, at once if it has (row P20).

        It is called by a task of the client's; what it raises ends the client's block.

        Raises:
            Refused: The job is not known.
        """
        row = await self.job(job_id)
        if row["state"] in ENDED:
            callback(job_id, row["state"])
            return

        async def call_back() -> None:
            callback(job_id, (await self.wait(job_id))["state"])

        self._nursery.start_soon(call_back)

    def subscribe(
        self, table: str, job_id: int | None = None, since_seq: int | None = None, domain: str | None = None
    ) -> Subscription:
        """Follow a table: ``jobs``, ``workers``, ``loans``, ``alarms``, or ``job`` with a job's id; use ``async for``.

        Args:
            table: Which.
            job_id: Which job, for the table ``job``.
            since_seq: Up to which position of the log the table is known; None wants all of it.
            domain: For the table ``loans``: only what this domain lends or borrows.
        """
        return Subscription(self, table, job_id, since_seq, domain)

    def mirror(self, table: str, job_id: int | None = None) -> Mirror:
        """Return a mirror of a table, empty at first; start its ``run`` in a nursery of your own."""
        id_of = {"workers": worker_id_of, "loans": loan_id_of, "alarms": alarm_id_of}.get(table, job_id_of)
        return Mirror(self.subscribe(table, job_id), id_of)

    async def raw_call(self, method: str, params: dict[str, object], answered: Callable[[object], None]) -> object:
        """Call a method, and tell ``answered`` the answer before anything that came after it is looked at."""
        with refusals():
            return await self._link.call(method, params, answered)

    def know_subscription(self, number: int, subscription: Subscription) -> None:
        """Pass on what is told under this number."""
        self._subscriptions[number] = subscription

    def forget_subscription(self, number: int) -> None:
        """Pass on nothing more under this number."""
        self._subscriptions.pop(number, None)

    async def _ask(self, method: str, /, **params: object) -> Any:
        with refusals():
            return await self.call(method, **params)

    def _hear(self, message: Notification) -> None:
        if message.method == "table":
            subscription = self._subscriptions.get(cast(int, message.params["subscription"]))
            if subscription is not None:
                subscription.take(message.params)

    def _lose(self) -> None:
        for subscription in list(self._subscriptions.values()):
            subscription.broken()


async def _dial(address: Address) -> trio.abc.Stream:
    if isinstance(address, UnixAddress):
        return await trio.open_unix_socket(address.path)
    return await trio.open_tcp_stream(address.host, address.port)
