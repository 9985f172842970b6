"""The tables of jobs and workers as a client without notifications follows them: one long poll after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict, cast

from ..wire.limits import PAGE_ROWS_MAX
from .blocking import BlockingClient

if TYPE_CHECKING:
    from ..server.rows import WorkerRow
    from ..views import JobView

Row = Mapping[str, object]


class Changes(TypedDict):
    """The answer to ``changes``."""

    seq: int
    status: int
    reset: bool
    jobs: list[JobView]
    workers: list[WorkerRow]
    gone_jobs: list[int]
    gone_workers: list[int]


class Follower:
    """What is known of the tables; :meth:`poll` makes it newer.

    Attributes:
        jobs, workers: The rows by id, ascending.
        seq: Position of the log that they are of.
    """

    def __init__(self, client: BlockingClient) -> None:
        """Follow the tables of a server; nothing is known before the first :meth:`poll`."""
        self.jobs: dict[int, JobView] = {}
        self.workers: dict[int, WorkerRow] = {}
        self.seq = 0
        self._status = 0
        self._instance: object = None
        self._client = client

    @property
    def is_read_only(self) -> bool:
        """Whether the server takes nothing, as its log is damaged."""
        return bool(self._client.server.get("read_only"))

    def poll(self, wait_us: int) -> Changes:
        """Wait for a change and return it; nothing is in it when the time is over.

        Args:
            wait_us: Microseconds to wait at most.

        Raises:
            Unreachable: The server is gone; poll again when it is back.
        """
        found = self._ask(wait_us)
        instance = self._client.server.get("instance")
        if instance != self._instance and self._instance is not None and not found["reset"]:
            # Another life of the server: what workers had said, and is in no log, starts again.
            found = self._ask(0, from_start=True)
        self._instance = instance
        if found["reset"]:
            found["jobs"] = [*found["jobs"], *self._rest(found["jobs"])]
            self.jobs, self.workers = {}, {}
        for job in found["jobs"]:
            self.jobs[job["job"]] = job
        for worker in found["workers"]:
            self.workers[worker["worker"]] = worker
        _drop(self.jobs, found["gone_jobs"])
        _drop(self.workers, found["gone_workers"])
        self.seq, self._status = found["seq"], found["status"]
        return found

    def explained(self) -> list[JobView]:
        """Return the rows of jobs that have not ended, with why they wait: the rows that are followed do not say.

        They are one page, the oldest. As it takes time to find out, a server says it only when it is asked.

        Raises:
            Unreachable: The server is gone.
        """
        return list(self._client.call("jobs", limit=PAGE_ROWS_MAX, active=True))

    def why(self, job_id: int) -> str | None:
        """Return why a job failed, with how its first unit did, which the rows that are followed do not say either.

        Raises:
            Unreachable: The server is gone.
            CallError: The job is.
        """
        return cast("str | None", self._client.call("job", job=job_id)["reason"])

    def _ask(self, wait_us: int, *, from_start: bool = False) -> Changes:
        first = from_start or self._instance is None
        answer = self._client.call(
            "changes",
            since_seq=0 if first else self.seq,
            since_status=0 if first else self._status,
            limit=PAGE_ROWS_MAX,
            wait_us=0 if first else wait_us,
        )
        found = cast(Changes, dict(answer))
        found["reset"] = found["reset"] or first
        return found

    def _rest(self, page: list[JobView]) -> Iterator[JobView]:
        """Yield the rows after a first page of the whole table."""
        while page:  # one that is not full proves nothing: long rows take more room
            page = list(self._client.call("jobs", after=page[-1]["job"], limit=PAGE_ROWS_MAX))
            yield from page


def _drop(rows: dict[int, JobView] | dict[int, WorkerRow], gone: Iterable[int]) -> None:
    for row_id in gone:
        rows.pop(row_id, None)
