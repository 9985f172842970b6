"""``run``: leases and the specs that they name, sent to a worker in as many messages as their size asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meted.core.effects import RunUnits
from meted.core.spec import unpack_spec
from meted.core.state import State

from ..executors.options import OptionsError, read_options
from ..wire.limits import FRAME_BYTES_MAX
from ..wire.params_to_workers import GivenLease, Run
from .secret_store import SecretStore
from .session import Session

RUN_BYTES_MAX = FRAME_BYTES_MAX // 4
"""Bytes of specs and leases in one message; what is more goes into the next."""

LEASE_BYTES = 512
"""Room for the numbers of a lease."""

SPECS_TOLD_MAX = 10_000
"""Specs of which it is known that a worker has them; with more, they are sent anew."""


def send_runs(
    session: Session, told: set[bytes], leases: Iterable[RunUnits], state: State, secrets: SecretStore
) -> None:
    """Send leases to a worker.

    Args:
        session: Its connection.
        told: Digests of the specs that were sent over it before; changed here.
        leases: What to run.
        state: The state that the leases are in.
        secrets: Where the secret environment of jobs is.
    """
    message = _Message(session)
    for effect in leases:
        job, spec = state.jobs.jobs.get(effect.job_id), state.jobs.specs.get(effect.spec_digest)
        if job is None or spec is None:
            continue  # it has ended and left meanwhile: the worker is told to stop it in its turn
        if effect.spec_digest not in told:
            if len(told) >= SPECS_TOLD_MAX:
                told.clear()
            told.add(effect.spec_digest)
            message.add_spec(effect.spec_digest, spec.body)
        token = secrets_of(spec.body)
        terms = job.terms
        message.add_lease(
            GivenLease(
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
                {} if token is None else secrets.get(token) or {},
                terms.count,
                terms.name,
                state.domains.domains[terms.domain_id].name,
            )
        )
    message.send()


def secrets_of(body: bytes) -> str | None:
    """Return the name under which the secrets of a packed spec are kept, or None if it has none."""
    if b"secrets" not in body:
        return None
    return secrets_in(unpack_spec(body).payload)


def secrets_in(payload: bytes) -> str | None:
    """Return the name of the secrets in the payload of a spec, or None."""
    try:
        return read_options(payload).secrets
    except OptionsError:
        return None  # the payload of an embedding program


def environment_bytes(values: Mapping[str, str]) -> int:
    """Return what variables take in a message or a file, about."""
    return sum(len(name.encode()) + len(value.encode()) + 8 for name, value in values.items())


class _Message:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._leases: list[GivenLease] = []
        self._specs: list[tuple[bytes, bytes]] = []
        self._size_bytes = 0

    def add_spec(self, digest: bytes, body: bytes) -> None:
        """Send a spec, before or with the first lease that names it."""
        self._make_room(len(body))
        self._specs.append((digest, body))

    def add_lease(self, lease: GivenLease) -> None:
        """Send a lease after all that was added before."""
        size_bytes = LEASE_BYTES + len(lease.name.encode()) + len(lease.domain.encode())
        if lease.generic or lease.env:
            size_bytes += sum(len(name) + 9 for name in lease.generic) + environment_bytes(lease.env)
        self._make_room(size_bytes)
        self._leases.append(lease)

    def send(self) -> None:
        """Send what there is."""
        if self._leases or self._specs:
            self._session.notify("run", Run(tuple(self._leases), tuple(self._specs)), is_spared=True)
        self._leases, self._specs, self._size_bytes = [], [], 0

    def _make_room(self, size_bytes: int) -> None:
        if self._size_bytes + size_bytes > RUN_BYTES_MAX:
            self.send()
        self._size_bytes += size_bytes
