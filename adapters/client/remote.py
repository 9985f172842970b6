"""A service on a server, with the verbs of the embedded pool, for one thread (rows P12, P13, P18)."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from meted.core.state import ENDED

from ..wire.address import Address
from ..wire.limits import WAIT_MAX_US
from .blocking import BlockingClient
from .credit_verbs import CreditVerbs
from .domain_verbs import DomainVerbs
from .job_verbs import JobVerbs
from .loan_verbs import LoanVerbs
from .refusals import refusals
from .verb import BlockingCaller

if TYPE_CHECKING:
    from ..views import JobView

Callback = Callable[[int, str], None]


class RemoteService(JobVerbs, DomainVerbs, LoanVerbs, CreditVerbs, BlockingCaller):
    """Domains and jobs, kept by a server. A call is durable when it returns; a lost answer is asked for again."""

    def __init__(self, address: Address | str | None = None, *, token: str | None = None) -> None:
        """Prepare a service; it is dialled when it is first needed.

        Args:
            address: Where the server is; None is where the user's own server is.
            token: The secret of the pool; None is the user's own, if it is needed.

        Raises:
            AddressError: If ``address`` is none.
        """
        self.client = BlockingClient(address, token=token)
        self._callbacks: dict[int, list[Callback]] = {}

    def wait(self, job_id: int, timeout_s: float | None = None) -> JobView:
        """Return a job when it has ended, or as it is when ``timeout_s`` seconds are over; call what waits for its end.

        Raises:
            Refused: It is not known.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left_us = WAIT_MAX_US
            if deadline_s is not None:
                left_us = min(left_us, max(int((deadline_s - time.monotonic()) * 1_000_000), 0))
            with refusals():
                row = cast("JobView", self.client.call("wait", job=job_id, wait_us=left_us))
            if row["state"] in ENDED:
                self._call_back(job_id, row["state"])
                return row
            if deadline_s is not None and time.monotonic() >= deadline_s:
                return row

    def after(self, job_id: int, callback: Callback) -> None:
        """Call ``callback(job_id, outcome)`` once when the job has ended, at once if it has (row P20).

        A client of one thread hears nothing by itself: it is called by :meth:`wait` and :meth:`poll`.

        Raises:
            Refused: The job is not known.
        """
        row = self.job(job_id)
        self._callbacks.setdefault(job_id, []).append(callback)
        if row["state"] in ENDED:
            self._call_back(job_id, row["state"])

    def poll(self) -> None:
        """Ask for every job that :meth:`after` waits for, and call what waits for those that have ended."""
        for job_id in sorted(self._callbacks):
            state = self.status(job_id)
            if state in ENDED:
                self._call_back(job_id, state)

    def close(self) -> None:
        """Hang up; a second time does nothing."""
        self.client.close()

    def __enter__(self) -> Self:
        """Use the service as a context manager; it hangs up at the end."""
        self.client.dial()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self.close()

    async def _ask(self, method: str, /, **params: object) -> Any:
        with refusals():
            return self.client.call(method, **params)

    def _call_back(self, job_id: int, outcome: str) -> None:
        for callback in self._callbacks.pop(job_id, ()):
            callback(job_id, outcome)
