"""The workers that are connected: what is sent to them, and what they have said that the log does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from meted.core.effects import AskBack, Effect, KeepLeases, RunUnits, StopUnits, TellLoan, TellOwner
from meted.core.ids import JobId, LeaseId, Span, WorkerId
from meted.core.state import State

from ..wire.errors import SUPERSEDED, CallError, Code
from .faults import note_fault
from .run_messages import send_runs
from .secret_store import SecretStore
from .session import Session
from .switches import Switches

INSTANCE = "instance"
"""Label that tells one life of a worker from another; it is in the log, so that it is known after a restart."""

DIALS_KEPT = 10_000
"""Lives of workers of which it is known how often they have dialled; the oldest are forgotten."""

Started = tuple[tuple[LeaseId, tuple[Span, ...]], ...]


class Crew:
    """Who speaks for which worker, and which leases have a unit running."""

    def __init__(self, state: Callable[[], State], secrets: SecretStore) -> None:
        """Send leases of the jobs in ``state()``, with their secrets."""
        self._state = state
        self._secrets = secrets
        self._sessions: dict[WorkerId, Session] = {}
        self._started: dict[LeaseId, JobId] = {}
        self._running: dict[JobId, int] = {}
        self._switches = Switches(state())
        self._told_specs: dict[WorkerId, set[bytes]] = {}
        self._expected: dict[tuple[WorkerId, int], Session] = {}
        self._dials: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def sessions(self) -> list[Session]:
        """The connections of all workers."""
        return list(self._sessions.values())

    def session(self, worker_id: WorkerId) -> Session | None:
        """Return the connection of a worker, or None."""
        return self._sessions.get(worker_id)

    def claim(self, session: Session, instance: str) -> None:
        """One life of a worker wants to speak over a connection.

        Raises:
            CallError: Another one does already.
        """
        if session.instance not in (None, instance):
            raise CallError(Code.REFUSED, "wrong_worker", "Another worker speaks over this connection; make a new one.")
        session.instance = instance

    def release(self, session: Session) -> None:
        """What a life of a worker has asked for over a connection was refused: if none came there, another may."""
        if session.worker_id is None and session not in self._expected.values():
            session.instance = None

    def expect(self, worker_id: WorkerId, session: Session, seq: int) -> None:
        """A worker will speak over ``session`` once event ``seq``, by which it has come, is durable.

        It may have come again meanwhile, over another connection. What it was given in between it does not claim there,
        so that must not reach it there.
        """
        self._expected[worker_id, seq] = session

    def see_dial(self, instance: str, dial: int) -> None:
        """One life of a worker wants to come over its ``dial``-th connection.

        A connection can be slow: what was said over an older one may arrive when the worker has come over a newer one,
        and would make the server believe that it holds nothing. No life of a server but this one can receive that.

        Raises:
            CallError: It has come over a newer connection already.
        """
        if dial < self._dials.get(instance, 0):
            raise CallError(Code.REFUSED, SUPERSEDED, "This worker has made a newer connection; close this one.")
        self._dials[instance] = dial
        if len(self._dials) > DIALS_KEPT:
            del self._dials[next(iter(self._dials))]

    def is_expected(self, worker_id: WorkerId) -> bool:
        """Whether a worker has come over a connection that lives, and only the disk has not noted it yet."""
        return any(key[0] == worker_id and not session.has_ended for key, session in self._expected.items())

    def admit(self, worker_id: WorkerId, seq: int) -> bool:
        """A worker has come, durably; return whether there is a connection over which it can be told things."""
        session = self._expected.pop((worker_id, seq), None)
        if session is None:
            return worker_id in self._sessions
        before = self._sessions.pop(worker_id, None)
        if before is not None and before is not session:
            before.close("This worker has made a newer connection.")
        if session.has_ended:
            return False
        self._sessions[worker_id] = session
        self._told_specs[worker_id] = set()
        session.worker_id = worker_id
        return True

    def leave(self, session: Session) -> set[WorkerId]:
        """A connection has ended; return the workers that spoke over it, or were about to, and may be out of touch."""
        about_to = {key: one for key, one in self._expected.items() if one is session}
        for key in about_to:
            del self._expected[key]
        left = {worker_id for worker_id, _ in about_to}
        worker_id = session.worker_id
        if worker_id is not None and self._sessions.get(worker_id) is session:
            del self._sessions[worker_id]
            self._told_specs.pop(worker_id, None)
            left.add(worker_id)
        return left

    def running(self, job_id: JobId) -> int:
        """Return how many leases of a job have a unit running, as far as is known."""
        return self._running.get(job_id, 0)

    def switches(self, worker_id: WorkerId) -> int:
        """Return how often a worker has changed from one job to another since the server started."""
        return self._switches.of(worker_id)

    def forget(self, worker_id: WorkerId) -> None:
        """A worker is gone for good."""
        self._switches.forget(worker_id)

    def start(self, worker_id: WorkerId, lease_ids: Iterable[int]) -> set[JobId]:
        """A worker has started these leases; return the jobs of which that is news."""
        leases = self._state().jobs.leases
        news: set[JobId] = set()
        for number in lease_ids:
            lease = leases.get(LeaseId(number))
            if lease is not None and lease.worker_id == worker_id and lease.lease_id not in self._started:
                self._started[lease.lease_id] = lease.job_id
                self._running[lease.job_id] = self._running.get(lease.job_id, 0) + 1
                news.add(lease.job_id)
        return news

    def end(self, lease_ids: Sequence[LeaseId]) -> None:
        """These leases have ended."""
        self._switches.ended(lease_ids)
        for lease_id in lease_ids:
            job_id = self._started.pop(lease_id, None)
            if job_id is not None:
                left = self._running.pop(job_id) - 1
                if left:
                    self._running[job_id] = left

    def started_of(self, state: State, worker_id: WorkerId) -> Started:
        """Return what a worker may have started, for when it is lost: its units count as lost with it.

        Of a job whose units must not run twice all leases count, as word of a start may not have come through.
        """
        leases = (lease for lease in state.jobs.leases.values() if lease.worker_id == worker_id)
        return tuple(
            (lease.lease_id, ((lease.first, lease.count),))
            for lease in sorted(leases, key=lambda lease: lease.lease_id)
            if lease.lease_id in self._started or state.jobs.jobs[lease.job_id].terms.max_losses == 0
        )

    def carry_out(self, effects: Iterable[Effect]) -> None:
        """Send to the workers what they must do. Who is not connected is told, or asked, when it comes back."""
        runs: dict[WorkerId, list[RunUnits]] = {}
        for effect in effects:
            match effect:
                case RunUnits():
                    self._switches.given(effect.lease_id, effect.worker_id, effect.job_id)
                    if effect.worker_id in self._sessions:
                        runs.setdefault(effect.worker_id, []).append(effect)
                case TellOwner() | TellLoan():
                    pass
                case AskBack():
                    self._tell(effect.worker_id, "ask_back", [effect.lease_id])
                case StopUnits():
                    self._tell(effect.worker_id, "stop", [effect.lease_id])
                case KeepLeases():
                    self._tell(effect.worker_id, "keep", list(effect.lease_ids))
                case _:
                    assert_never(effect)
        for worker_id, leases in runs.items():
            session = self._sessions[worker_id]
            try:
                send_runs(session, self._told_specs[worker_id], leases, self._state(), self._secrets)
            except Exception as error:  # what cannot be sent to one worker is no reason to stop serving the others
                note_fault(error)
                session.close("The server could not say what is to be run; come again.")

    def broadcast(self, method: str, params: dict[str, object]) -> None:
        """Tell all workers."""
        for session in self.sessions:
            session.notify(method, params)

    def _tell(self, worker_id: WorkerId, method: str, lease_ids: list[LeaseId]) -> None:
        session = self._sessions.get(worker_id)
        if session is not None:
            session.notify(method, {"leases": lease_ids})
