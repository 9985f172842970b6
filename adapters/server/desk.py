"""What all methods of a server work with, and the three ways in which one may answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import trio

from meted.core.commands import Command
from meted.core.decide.jobs import find_job
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.explain import Waiting, explain
from meted.core.ids import JobId
from meted.core.state import Job, State

from ..job_reader import JobReader
from ..log import Log
from .commit_loop import CommitLoop, Decide
from .crew import Crew
from .kept_calls import KeptCalls, Retry
from .lacking import running_on
from .runner import Runner
from .secret_store import SecretStore
from .session import Session
from .tables import Tables


class Now(NamedTuple):
    """The answer is this."""

    result: object


class Commit(NamedTuple):
    """The answer is what ``decide`` returns, once it is durable."""

    decide: Decide


class Later(NamedTuple):
    """The answer is what ``work`` returns; others are served meanwhile."""

    work: Callable[[], Awaitable[object]]


Answer = TypeVar("Answer")
Outcome = Now | Commit | Later
Handler = Callable[[Session, Any], Outcome]
"""Answers one method: takes the session and the record of its parameters."""


def handling(command: Callable[[int], Command]) -> Decide:
    """Return what has the engine handle the command made for a time (microseconds), and answers with nothing more."""

    def handle(engine: Engine, at_us: int) -> object:
        engine.handle(command(at_us))
        return {}

    return handle


class Reader(JobReader):
    """Reads what is durable; but why something waits is told of the state that is being decided on."""

    @property
    def state(self) -> State:
        """The state after everything published."""
        return self._engine.committed

    def explain(self, job_id: int) -> list[str]:
        """Return why each part of a job waits, and what of a stopped one goes on as nothing can end it.

        Raises:
            Refused: The job is not known.
        """
        return super().explain(job_id) + running_on(self.state, find_job(self.state, job_id))

    def waiting(self, job: Job) -> tuple[Waiting, ...]:
        """Return the parts of a job that wait, with why."""
        return self._waiting(job)

    def _waiting(self, job: Job) -> tuple[Waiting, ...]:
        if not (job.held or job.is_backlogged):
            return ()
        try:
            return explain(self._engine.state, self._engine.index, job.job_id, self.clock())
        except Refused:  # it is about to leave
            return ()


class Desk:
    """A server's parts, for those who answer.

    Attributes:
        log: What is kept, for reading with :meth:`read`.
        engine, loop: What decides, and what makes that durable.
        calls: What was answered, for those who ask again.
        clock: Gives the time, microseconds.
        reader: Asks about jobs.
        tables: What has changed.
        crew: The workers that are connected.
        secrets: Environment values that are not in the log.
        runner: How the disk is waited for.
        instance: Names this life of the server.
        ends: Rung when a job has ended, for those who wait for it.
        stop: Ends the server in good order.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        loop: CommitLoop,
        calls: KeptCalls,
        clock: Callable[[], int],
        secrets: SecretStore,
        runner: Runner,
        instance: str,
        stop: Callable[[], None],
    ) -> None:
        self.log = log
        self.engine = engine
        self.loop = loop
        self.calls = calls
        self.clock = clock
        self.reader = Reader(log, engine, clock)
        self.crew = Crew(lambda: engine.committed, secrets)
        is_alone = loop.read_only is not None  # no worker is taken in
        self.tables = Tables(lambda: engine.committed, self.crew.running, self.crew.switches, is_alone=is_alone)
        self.secrets = secrets
        self.runner = runner
        self.instance = instance
        self.ends: dict[JobId, trio.Event] = {}
        self.stop = stop
        self._reading = trio.Lock()

    def once(
        self, method: str, session: Session, key: str | None, decide: Decide, retry: Retry | None = None
    ) -> Commit:
        """Return the answer of a method that acts once for a key of this caller; see :meth:`KeptCalls.once`."""
        return Commit(self.calls.once(method, session.peer.user, key, decide, retry))

    async def read(self, function: Callable[[], Answer]) -> Answer:
        """Return what ``function`` reads from the log; one reads at a time, and nobody waits for the disk meanwhile."""
        async with self._reading:
            return await self.runner(function)

    @property
    def state(self) -> State:
        """The state after everything published."""
        return self.engine.committed
