"""The jobs of one log, served in this process: what a program may do to them (rows P12, P18, P19, P21)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping

from meted.core.commands import ONE_CPU, CancelJobs, Command, DeleteJob, RerunUnits, StartJobs, SubmitJob
from meted.core.events import Event
from meted.core.ids import JobId
from meted.core.limits import LOSSES_DEFAULT
from meted.core.queries import submitted_id
from meted.core.resources import Resources
from meted.core.spec import NO_SPEC, Spec
from meted.core.usertag import usertag

from .arguments import listed, named
from .domain_changes import change_priority
from .local_credit import LocalCredit


class LocalJobs(LocalCredit):
    """What a program may do to jobs; what it may ask of them is in :class:`meted.adapters.job_reader.JobReader`."""

    def submit(
        self,
        domain: str,
        spec: Spec = NO_SPEC,
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
        """Accept a job of ``count`` units and return its id; with ``hold`` it waits for :meth:`start` (row P19).

        Args:
            domain: Who is charged; it must be registered.
            spec: What to run; ``Spec(payload=...)`` for bytes that mean something to the program itself.
            count: Number of units; their indices are 0 to ``count - 1``.
            user: Who submits; None is the tag of whoever runs this program (:mod:`meted.core.usertag`).
            name: A name for the job; it need not be unique.
            request: What one unit needs while it runs.
            time_request_us: How long a unit is expected to run, microseconds.
            time_limit_us: Told to whoever runs the units.
            priority: Order among the jobs of one domain, higher first.
            retries: How many failed attempts of a unit are followed by another.
            backoff_us: Delay before the first retry, microseconds; it doubles with each.
            max_failures: Stop the job when more units than this have failed.
            max_losses: A unit that was on more lost workers than this fails.
            tags: Names and values by which :meth:`jobs` finds it (row P15).
            hold: Prepare only.
            after: Jobs that must have succeeded first; where one does not, this one is cancelled (row G36).
            begin_us: It runs no sooner, microseconds of the pool's clock; None or a past time is at once (row N33).

        Raises:
            Refused: Something in it is unknown, of a wrong type or beyond a limit; the sentence says what.
            LogError: It could not be written.
        """
        if user is None:
            user = usertag(os.environ, socket.gethostname())
        command = SubmitJob(
            self.clock(),
            domain,
            spec,
            count,
            user,
            name,
            request,
            time_request_us,
            time_limit_us,
            priority,
            retries,
            backoff_us,
            max_failures,
            max_losses,
            named(tags, "tags"),
            hold,
            _job_ids(listed(after, "after")),
            begin_us,
        )
        return submitted_id(self._do(command))

    def start(self, *job_ids: int) -> None:
        """Release prepared jobs; those that were released already are left alone.

        Raises:
            Refused: One of them is not known or was stopped; none was released.
        """
        self._do(StartJobs(self.clock(), _job_ids(job_ids)))

    def rerun(self, job_id: int, *, failed: bool = True, cancelled: bool = False) -> None:
        """Run the units of an ended job again that failed, or those that were cancelled, or both.

        Raises:
            Refused: The job has not ended or is not known, or there is nothing to run again.
        """
        self._do(RerunUnits(self.clock(), JobId(job_id), failed, cancelled))

    def cancel(self, *job_ids: int) -> str | None:
        """Stop jobs and keep their results; those that have ended are left alone (row P21).

        Units that are handed out are asked back: :meth:`is_wanted` says so. The job ends when they are reported.

        Returns:
            None: whoever runs the units here can end them. A server may know of some that nothing can end.

        Raises:
            Refused: One of them is not known; none was stopped.
        """
        self._do(CancelJobs(self.clock(), _job_ids(job_ids)))
        return None

    def delete(self, job_id: int) -> None:
        """Cancel a job if it has not ended, and remove it with its results (row P21).

        Raises:
            Refused: It is not known, or units of it are handed out: then it was cancelled; report them and try again.
        """
        self.cancel(job_id)
        self._do(DeleteJob(self.clock(), JobId(job_id)))

    def job_priority(self, job_id: int, priority: int) -> None:
        """Give a job that has not ended another priority (row P09).

        Raises:
            Refused: It is not known or has ended, or the priority is out of range.
        """
        with self.batch():
            change_priority(self._engine, self.clock(), job_id, priority)

    def _do(self, command: Command) -> tuple[Event, ...]:
        with self.batch():
            return self._engine.handle(command)


def _job_ids(job_ids: Iterable[int]) -> tuple[JobId, ...]:
    return tuple(JobId(job_id) for job_id in job_ids)
