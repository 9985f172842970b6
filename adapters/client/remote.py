"""A service on a server, with the verbs of the embedded pool, for one thread (rows P12, P13, P18)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from meted.core.commands import ONE_CPU
from meted.core.limits import LOSSES_DEFAULT
from meted.core.resources import Resources
from meted.core.spec import Spec

from ..wire.address import Address
from ..wire.limits import PAGE_ROWS_MAX, WAIT_MAX_US
from .blocking import BlockingClient
from .remote_credit import RemoteCredit
from .verbs import ENDED, NO_COMMAND, failures, refusals, result_of, submit_params

if TYPE_CHECKING:
    from ..forecasts import ForecastView
    from ..views import JobView

Callback = Callable[[int, str], None]


class RemoteService(RemoteCredit):
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
        time_limit_us: int | None = None,
        priority: int = 0,
        retries: int = 0,
        backoff_us: int = 0,
        max_failures: int | None = None,
        max_losses: int = LOSSES_DEFAULT,
        tags: Mapping[str, str] | None = None,
        hold: bool = False,
        after: Iterable[int] = (),
        begin_us: int | None = None,
    ) -> int:
        """Accept a job of ``count`` units and return its id; the arguments are those of ``LocalService.submit``.

        Raises:
            Refused: Something in it is unknown, of a wrong type or beyond a limit; the sentence says what.
        """
        params = submit_params(domain, spec, user, request, tags)
        with refusals():
            answer = self.client.call(
                "submit",
                **params,
                count=count,
                name=name,
                time_request_us=time_request_us,
                time_limit_us=time_limit_us,
                priority=priority,
                retries=retries,
                backoff_us=backoff_us,
                max_failures=max_failures,
                max_losses=max_losses,
                hold=hold,
                after=tuple(after),
                begin_us=begin_us,
            )
        return int(answer["job"])

    def start(self, *job_ids: int) -> None:
        """Release prepared jobs; those that were released already are left alone."""
        with refusals():
            self.client.call("start", jobs=job_ids)

    def cancel(self, *job_ids: int) -> None:
        """Stop jobs and keep their results; those that have ended are left alone (row P21)."""
        with refusals():
            self.client.call("cancel", jobs=job_ids)

    def delete(self, job_id: int) -> None:
        """Cancel a job if it has not ended, and remove it with its results (row P21).

        Raises:
            Refused: It is not known, or units of it are handed out: then it was cancelled; try again.
        """
        self.cancel(job_id)
        with refusals():
            self.client.call("delete", job=job_id)

    def rerun(self, job_id: int, *, failed: bool = True, cancelled: bool = False) -> None:
        """Run the units of an ended job again that failed, or those that were cancelled, or both.

        Raises:
            Refused: The job has not ended or is not known, or there is nothing to run again.
        """
        with refusals():
            self.client.call("rerun", job=job_id, failed=failed, cancelled=cancelled)

    def job(self, job_id: int) -> JobView:
        """Return what is known of a job.

        Raises:
            Refused: It is not known.
        """
        with refusals():
            return cast("JobView", self.client.call("job", job=job_id))

    def jobs(self, /, **tags: str) -> list[JobView]:
        """Return the jobs that carry all of ``tags``, by id; ``user`` and ``name`` count as tags (row P15)."""
        return list(self._each_job(tags))

    def status(self, job_id: int) -> str:
        """Return ``held``, ``pending``, ``running``, ``succeeded``, ``failed`` or ``cancelled`` (row P20)."""
        return self.job(job_id)["state"]

    def explain(self, job_id: int) -> list[str]:
        """Return why each pending part of a job waits; nothing where nothing waits."""
        with refusals():
            return list(self.client.call("explain", job=job_id))

    def forecast(self, job_id: int | None = None, points: int = 0) -> ForecastView:
        """Return when what waits should start; of all jobs, the first thousand that have something waiting."""
        with refusals():
            return cast("ForecastView", self.client.call("forecast", job=job_id or 0, points=points))

    def result(self, job_id: int, index: int = 0) -> bytes | None:
        """Return the result of a unit: None while it has not ended, ``b""`` where it left none (row P20).

        Raises:
            UnitFailed: It failed or was cancelled.
            Refused: The job has no such unit or is not known.
        """
        with failures(job_id, index):
            return result_of(self.client.call("result", job=job_id, index=index))

    def error(self, job_id: int, index: int = 0) -> str | None:
        """Return the error text of a unit that failed, else None (row P20)."""
        with refusals():
            return cast("str | None", self.client.call("error", job=job_id, index=index))

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

    def _ask(self, method: str, /, **params: object) -> Any:
        with refusals():
            return self.client.call(method, **params)

    def _each_job(self, tags: Mapping[str, str]) -> Iterator[JobView]:
        after = 0
        while True:
            with refusals():
                page: list[JobView] = self.client.call("jobs", after=after, limit=PAGE_ROWS_MAX, tags=dict(tags))
            if not page:  # one that is not full proves nothing: long rows take more room
                return
            yield from page
            after = page[-1]["job"]

    def _call_back(self, job_id: int, outcome: str) -> None:
        for callback in self._callbacks.pop(job_id, ()):
            callback(job_id, outcome)
