"""Jobs on a server: what a program may ask of them and do to them (rows P12, P13, P18-P21).

The verbs mean what they mean on the embedded pool (:mod:`meted.adapters.local_service`), so that a program can be moved
from one to the other.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from meted.core.commands import ONE_CPU
from meted.core.limits import LOSSES_DEFAULT
from meted.core.resources import Resources
from meted.core.spec import NO_SPEC, Spec
from meted.core.usertag import usertag

from ..wire.limits import PAGE_ROWS_MAX
from .refusals import failures
from .verb import Verbs, verb

if TYPE_CHECKING:
    from ..forecasts import ForecastView
    from ..views import JobDetails, JobView


class JobVerbs(Verbs):
    """The verbs of :class:`meted.adapters.local_jobs.LocalJobs`, kept by a server; all raise ``Refused``.

    How one waits for the end of a job is each client's own.
    """

    @verb
    async def submit(
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
        """Accept a job of ``count`` units and return its id; the arguments are those of ``LocalJobs.submit``.

        Raises:
            Refused: Something in it is unknown, of a wrong type or beyond a limit; the sentence says what.
        """
        answer = await self._ask(
            "submit",
            domain=domain,
            argv=spec.argv,
            env=dict(spec.env),
            cwd=spec.cwd,
            payload=spec.payload,
            count=count,
            user=usertag(os.environ, socket.gethostname()) if user is None else user,
            name=name,
            cpu_milli=request.cpu_milli,
            mem_bytes=request.mem_bytes,
            generic=dict(request.generic),
            time_request_us=time_request_us,
            time_limit_us=time_limit_us,
            priority=priority,
            retries=retries,
            backoff_us=backoff_us,
            max_failures=max_failures,
            max_losses=max_losses,
            tags=dict(tags or {}),
            hold=hold,
            after=tuple(after),
            begin_us=begin_us,
        )
        return int(answer["job"])

    @verb
    async def start(self, *job_ids: int) -> None:
        """Release prepared jobs; those that were released already are left alone."""
        await self._ask("start", jobs=job_ids)

    @verb
    async def cancel(self, *job_ids: int) -> str | None:
        """Stop jobs and keep their results; those that have ended are left alone (row P21).

        Returns:
            A sentence, where units run on to their end as the executors of their workers cannot end them; else None.
        """
        answer = await self._ask("cancel", jobs=job_ids)
        return cast("str | None", answer.get("runs_on"))

    @verb
    async def delete(self, job_id: int) -> None:
        """Cancel a job if it has not ended, and remove it with its results (row P21).

        Raises:
            Refused: It is not known, or units of it are handed out: then it was cancelled; try again.
        """
        await self._ask("cancel", jobs=(job_id,))
        await self._ask("delete", job=job_id)

    @verb
    async def rerun(self, job_id: int, *, failed: bool = True, cancelled: bool = False) -> None:
        """Run the units of an ended job again that failed, or those that were cancelled, or both.

        Raises:
            Refused: The job has not ended or is not known, or there is nothing to run again.
        """
        await self._ask("rerun", job=job_id, failed=failed, cancelled=cancelled)

    @verb
    async def job_priority(self, job_id: int, priority: int) -> None:
        """Give a job that has not ended another priority (row P09)."""
        await self._ask("job.priority", job=job_id, priority=priority)

    @verb
    async def job(self, job_id: int) -> JobDetails:
        """Return what is known of a job.

        Raises:
            Refused: It is not known.
        """
        return cast("JobDetails", await self._ask("job", job=job_id))

    @verb
    async def jobs(self, /, *, since_us: int | None = None, until_us: int | None = None, **tags: str) -> list[JobView]:
        """Return the jobs that carry all of ``tags``, by id; ``user`` and ``name`` count as tags (row P15).

        Args:
            since_us: Only jobs that were submitted then or later, microseconds since the Unix epoch; None is no bound.
            until_us: Only jobs that were submitted before then; None is no bound.
            tags: What they carry. A tag with the name of one of these two times can be asked for on the wire alone.

        Raises:
            Refused: One of the times is none, or ``since_us`` is the later one.
        """
        times = {"since_us": since_us, "until_us": until_us}
        return await self._ask_all("jobs", "job", 0, limit=PAGE_ROWS_MAX, tags=tags, **times)

    @verb
    async def status(self, job_id: int) -> str:
        """Return ``held``, ``pending``, ``running``, ``succeeded``, ``failed`` or ``cancelled`` (row P20)."""
        return str((await self._ask("job", job=job_id))["state"])

    @verb
    async def explain(self, job_id: int) -> list[str]:
        """Return why each pending part of a job waits; nothing where nothing waits."""
        return list(await self._ask("explain", job=job_id))

    @verb
    async def forecast(self, job_id: int | None = None, points: int = 0) -> ForecastView:
        """Return when what waits should start; of all jobs, the first thousand that have something waiting."""
        return cast("ForecastView", await self._ask("forecast", job=job_id or 0, points=points))

    @verb
    async def result(self, job_id: int, index: int = 0) -> bytes | None:
        """Return the result of a unit: None while it has not ended, ``b""`` where it left none (row P20).

        Raises:
            UnitFailed: It failed or was cancelled.
            Refused: The job has no such unit or is not known.
        """
        with failures(job_id, index):
            answer = await self._ask("result", job=job_id, index=index)
        return cast(bytes, answer["body"] or b"") if answer["ended"] else None

    @verb
    async def error(self, job_id: int, index: int = 0) -> str | None:
        """Return the error text of a unit that failed, else None (row P20)."""
        return cast("str | None", await self._ask("error", job=job_id, index=index))
