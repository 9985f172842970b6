"""The workers that are connected: what is sent to them, and what they have said that the log does not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import assert_never

from meted.core.effects import AskBack, Effect, KeepLeases, RunUnits, StopUnits, TellOwner
from meted.core.ids import JobId, LeaseId, Span, WorkerId
from meted.core.spec import unpack_spec
from meted.core.state import State

from ..executors.options import OptionsError, read_options
from ..wire.convert import plain
from ..wire.errors import SUPERSEDED, CallError, Code
from ..wire.limits import FRAME_BYTES_MAX
from ..wire.methods import GivenLease
from .secret_store import SecretStore
from .session import Session

INSTANCE = "instance"
"""Label that tells one life of a worker from another; it is in the log, so that it is known after a restart."""

DIALS_KEPT = 10_000
"""Lives of workers of which it is known how often they have dialled; the oldest are forgotten."""

RUN_BYTES_MAX = FRAME_BYTES_MAX // 4
"""Bytes of specs and secrets in one message to a worker; what is more goes into the next."""

LEASE_BYTES = 1_024
"""What one lease counts in such a message, besides its secrets."""

Started = tuple[tuple[LeaseId, tuple[Span, ...]], ...]


class Crew:
    """Who speaks for which worker, and which leases have a unit running."""

    def __init__(self, state: Callable[[], State], secrets: SecretStore) -> None:
        """Send leases of the jobs in ``state()``, with their secrets."""
        self._state = state
        self._secrets = secrets
        self._sessions: dict[WorkerId, Session] = {}
        self._started: dict[LeaseId, JobId] = {}
        self._running: Counter[JobId] = Counter()
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

    def expect(self, worker_id: WorkerId, session: Session, seq: int) -> None:
        """A worker will speak over ``session`` once that it has come, which is event ``seq``, is durable.

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

    def admit(self, worker_id: WorkerId, seq: int) -> bool:
        """A worker has come, durably; return whether its connection is still there."""
        session = self._expected.pop((worker_id, seq), None)
        if session is None:
            return worker_id in self._sessions
        before = self._sessions.get(worker_id)
        self._sessions[worker_id] = session
        self._told_specs[worker_id] = set()
        session.worker_id = worker_id
        if before is not None and before is not session:
            before.close()
        return not session.has_ended

    def leave(self, session: Session) -> WorkerId | None:
        """A connection has ended; return the worker that is out of touch by it, if it has not another already."""
        worker_id = session.worker_id
        if worker_id is None or self._sessions.get(worker_id) is not session:
            return None
        del self._sessions[worker_id]
        self._told_specs.pop(worker_id, None)
        return worker_id

    def running(self, job_id: JobId) -> int:
        """Return how many leases of a job have a unit running, as far as is known."""
        return self._running[job_id]

    def start(self, worker_id: WorkerId, lease_ids: Iterable[int]) -> set[JobId]:
        """A worker has started these leases; return the jobs of which that is news."""
        leases = self._state().jobs.leases
        news: set[JobId] = set()
        for number in lease_ids:
            lease = leases.get(LeaseId(number))
            if lease is not None and lease.worker_id == worker_id and lease.lease_id not in self._started:
                self._started[lease.lease_id] = lease.job_id
                self._running[lease.job_id] += 1
                news.add(lease.job_id)
        return news

    def end(self, lease_ids: Iterable[LeaseId]) -> None:
        """These leases have ended."""
        for lease_id in lease_ids:
            job_id = self._started.pop(lease_id, None)
            if job_id is not None:
                self._running[job_id] -= 1
                if not self._running[job_id]:
                    del self._running[job_id]

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
                    if effect.worker_id in self._sessions:
                        runs.setdefault(effect.worker_id, []).append(effect)
                case AskBack():
                    self._tell(effect.worker_id, "ask_back", [effect.lease_id])
                case StopUnits():
                    self._tell(effect.worker_id, "stop", [effect.lease_id])
                case KeepLeases():
                    self._tell(effect.worker_id, "keep", list(effect.lease_ids))
                case TellOwner():
                    pass
                case _:
                    assert_never(effect)
        for worker_id, leases in runs.items():
            self._run(worker_id, leases)

    def broadcast(self, method: str, params: dict[str, object]) -> None:
        """Tell all workers."""
        for session in self.sessions:
            session.notify(method, params)

    def _tell(self, worker_id: WorkerId, method: str, lease_ids: list[LeaseId]) -> None:
        session = self._sessions.get(worker_id)
        if session is not None:
            session.notify(method, {"leases": lease_ids})

    def _run(self, worker_id: WorkerId, leases: list[RunUnits]) -> None:
        told = self._told_specs[worker_id]
        jobs, domains = self._state().jobs, self._state().domains.domains
        message = _RunMessage(self._sessions[worker_id])
        for effect in leases:
            job, spec = jobs.jobs.get(effect.job_id), jobs.specs.get(effect.spec_digest)
            if job is None or spec is None:
                continue  # it has ended and left meanwhile: the worker is told to stop it in its turn
            if effect.spec_digest not in told:
                told.add(effect.spec_digest)
                message.add_spec(effect.spec_digest, spec.body)
            terms = job.terms
            secrets = self._secret_values(spec.body)
            given = GivenLease(
                effect.lease_id,
                effect.job_id,
                effect.first,
                effect.count,
                effect.attempt,
                effect.spec_digest,
                effect.time_limit_us,
                terms.request.cpu_milli,
                terms.request.mem_bytes,
                dict(terms.request.generic),
                secrets,
                terms.count,
                terms.name,
                domains[terms.domain_id].name,
            )
            message.add_lease(plain(given), sum(map(len, secrets.values())))
        message.send()

    def _secret_values(self, body: bytes) -> dict[str, str]:
        token = secrets_of(body)
        return {} if token is None else (self._secrets.get(token) or {})


class _RunMessage:
    """Leases and specs on their way to one worker, in as many messages as their size asks for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._leases: list[dict[str, object]] = []
        self._specs: list[tuple[bytes, bytes]] = []
        self._size_bytes = 0

    def add_spec(self, digest: bytes, body: bytes) -> None:
        """Send a spec, before or with the first lease that names it."""
        if self._size_bytes + len(body) > RUN_BYTES_MAX:
            self.send()
        self._specs.append((digest, body))
        self._size_bytes += len(body)

    def add_lease(self, lease: dict[str, object], secret_bytes: int) -> None:
        """Send a lease after all that was added before."""
        if self._size_bytes + secret_bytes > RUN_BYTES_MAX and self._leases:
            self.send()
        self._leases.append(lease)
        self._size_bytes += LEASE_BYTES + secret_bytes

    def send(self) -> None:
        """Send what there is."""
        if self._leases or self._specs:
            self._session.notify("run", {"leases": self._leases, "specs": self._specs}, is_spared=True)
        self._leases, self._specs, self._size_bytes = [], [], 0


@lru_cache(maxsize=1_024)  # the units of a job share one
def secrets_of(body: bytes) -> str | None:
    """Return the name under which the secrets of a packed spec are kept, or None if it has none."""
    payload = unpack_spec(body).payload
    if not payload:
        return None
    try:
        return read_options(payload).secrets
    except OptionsError:
        return None  # the payload of an embedding program
