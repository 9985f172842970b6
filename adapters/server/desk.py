"""What all methods of a server work with, and the three ways in which one may answer."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import msgpack
import trio

from meted.core.commands import KeepCall
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.explain import Waiting, explain
from meted.core.ids import JobId
from meted.core.queries import kept_answer
from meted.core.state import Job, State

from ..job_reader import JobReader
from ..log import Log
from .commit_loop import CommitLoop, Decide
from .crew import Crew
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


class Reader(JobReader):
    """Reads what is durable; only why something waits is said of what is being decided."""

    @property
    def state(self) -> State:
        """The state after everything published."""
        return self._engine.committed

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
        clock: Callable[[], int],
        secrets: SecretStore,
        runner: Runner,
        instance: str,
        stop: Callable[[], None],
    ) -> None:
        self.log = log
        self.engine = engine
        self.loop = loop
        self.clock = clock
        self.reader = Reader(log, engine, clock)
        self.crew = Crew(lambda: engine.committed, secrets)
        self.tables = Tables(lambda: engine.committed, self.crew.running, self.crew.switches)
        self.secrets = secrets
        self.runner = runner
        self.instance = instance
        self.ends: dict[JobId, trio.Event] = {}
        self.stop = stop
        self._reading = trio.Lock()

    async def read(self, function: Callable[[], Answer]) -> Answer:
        """Return what ``function`` reads from the log; one reads at a time, and nobody waits for the disk meanwhile."""
        async with self._reading:
            return await self.runner(function)

    @property
    def state(self) -> State:
        """The state after everything published."""
        return self.engine.committed


def once(method: str, user: str, key: str | None, decide: Decide) -> Decide:
    """Return ``decide`` so that it acts once for a key; a repetition, also after a restart, is given the same answer.

    A refusal is not kept: the repetition is judged anew.
    """
    if key is None:
        return decide
    digest = hashlib.sha256(f"{method}\0{user}\0{key}".encode()).digest()[:16]

    def decide_once(engine: Engine, at_us: int) -> object:
        kept = kept_answer(engine.state, digest)
        if kept is not None:
            answer: object = msgpack.unpackb(kept, use_list=False)
            return answer
        answer = decide(engine, at_us)
        engine.handle(KeepCall(at_us, digest, msgpack.packb(answer)))
        return answer

    return decide_once
