"""What follows from a batch that has become durable: for the tables, the workers, and those who wait."""

from __future__ import annotations

from collections.abc import Iterable

from meted.core.commands import CreateDomain, MarkWorkerAway
from meted.core.effects import TellOwner
from meted.core.engine import Engine
from meted.core.events import Event, JobArchived, UnitsFinished, UnitsReturned, WorkerBack, WorkerJoined, WorkerLost
from meted.core.ids import LeaseId, WorkerId
from meted.core.react import outstanding
from meted.core.state import State

from ..wire.errors import CallError
from .commit_loop import Decide, Published
from .desk import Desk
from .run_messages import secrets_of

DEFAULT_DOMAIN = "default"
"""The domain that a new pool has, so that the first job needs none to be made."""

_RARE = frozenset({WorkerJoined, WorkerBack, WorkerLost, JobArchived})
"""Events that something follows from here, and that most batches have none of."""


class Aftermath:
    """Sees to what follows; only what is durable gets here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def begin(self) -> None:
        """Do what a server owes that has just recovered a log: nobody is connected, and no effect was carried out.

        It has to come before anything that is due: no worker could come back while there was no server.
        """
        if not self._desk.state.domains.domains:
            self._see_to(lambda engine, at_us: engine.handle(CreateDomain(at_us, DEFAULT_DOMAIN)))
        for worker_id, worker in sorted(self._desk.state.workers.workers.items()):
            if worker.lost_at_us is None:
                self.mark_away(worker_id)
        self.give_grace()
        specs = self._desk.state.jobs.specs.values()
        found = (secrets_of(spec.body) for spec in specs if b"secrets" in spec.body)
        self._desk.secrets.forget_all_but({token for token in found if token is not None})
        self._desk.crew.carry_out(outstanding(self._desk.state))

    def give_grace(self) -> None:
        """Give those who are out of touch all of their time again: they could not come back, as nothing was written.

        It has to come after each append that failed, for what was given before it is thrown away with it.
        """
        for worker_id, worker in sorted(self._desk.state.workers.workers.items()):
            if worker.lost_at_us is not None:
                self._desk.engine.handle(MarkWorkerAway(self._desk.clock(), worker_id, anew=True))

    def published(self, published: Published) -> None:
        """See to everything that follows from a batch that has become durable."""
        desk, events = self._desk, published.sealed.events
        before, after = published.before, published.sealed.state
        desk.tables.follow(events, published.sealed.batch.first_seq, before, after)
        if not _RARE.isdisjoint(map(type, events)):
            self._see_to_rare(published)
        desk.crew.end(_ended(events, after))
        desk.crew.carry_out(published.effects)
        if desk.ends:
            for effect in published.effects:
                if isinstance(effect, TellOwner) and effect.job_id in desk.ends:
                    desk.ends.pop(effect.job_id).set()

    def _see_to_rare(self, published: Published) -> None:
        for seq, event in enumerate(published.sealed.events, published.sealed.batch.first_seq):
            match event:
                case WorkerJoined() | WorkerBack():
                    if not self._desk.crew.admit(event.worker_id, seq):
                        self.mark_away(event.worker_id)
                case WorkerLost():
                    self._dismiss(event.worker_id)
                case JobArchived():
                    self._forget(event, published)
                case _:
                    pass

    def _forget(self, event: JobArchived, published: Published) -> None:
        """A job has left: its secrets and its output on the workers go with it."""
        job = published.before.jobs.jobs.get(event.job_id)
        if job is not None:
            token = secrets_of(published.before.jobs.specs[job.terms.spec_digest].body)
            if token is not None:
                self._desk.secrets.forget(token)
        self._desk.crew.broadcast("forget", {"jobs": [event.job_id]})

    def _dismiss(self, worker_id: WorkerId) -> None:
        self._desk.crew.forget(worker_id)
        session = self._desk.crew.session(worker_id)
        if session is not None:
            self._desk.crew.leave(session)
            session.worker_id = None
            session.part("This worker has left or is lost; who comes again has to join anew.")

    def mark_away(self, worker_id: WorkerId) -> None:
        """Note that a worker is out of touch."""

        def away(engine: Engine, at_us: int) -> object:
            crew = self._desk.crew
            is_here = crew.session(worker_id) is not None or crew.is_expected(worker_id)
            if worker_id in engine.state.workers.workers and not is_here:
                engine.handle(MarkWorkerAway(at_us, worker_id))
            return None

        self._see_to(away)

    def _see_to(self, decide: Decide) -> None:
        """Have something decided; where it cannot be written now, later: a full disk is no reason not to serve."""

        def resolve(answer: object) -> None:
            if isinstance(answer, CallError) and answer.reason == "not_written":
                self._desk.loop.call(decide, resolve)

        self._desk.loop.call(decide, resolve)


def _ended(events: Iterable[Event], after: State) -> list[LeaseId]:
    """Return the leases of which the last units have come back by ``events``."""
    leases = after.jobs.leases
    return [
        event.lease_id
        for event in events
        if (type(event) is UnitsFinished or type(event) is UnitsReturned) and event.lease_id not in leases
    ]
