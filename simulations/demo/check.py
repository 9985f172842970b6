"""What the demo proves, from its log alone: results, shares, kills, the chain, and the state folded anew."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from meted.adapters.log import SQLiteLog
from meted.adapters.log.verify import verify
from meted.core.decide.returns import RETURNED
from meted.core.events import Event, UnitsFinished, UnitsLeased, UnitsReturned
from meted.core.ids import LeaseId
from meted.core.record import record
from meted.core.reducers import evolve
from meted.core.schema import decode_events, state_digest
from meted.core.spans import indices, total
from meted.core.state import Lease, State

from .play import Played
from .work import SHARES, Array

RUNS_OF_THE_BOUND: Final = 2
RUNS_A_SLOT: Final = 2
"""How many of the largest runs a domain may be from its share: two by the bound P4 (docs/fairness.md); and for each
slot the one that runs and the one queued behind it, which are charged and not yet received."""

BATCHES_UNDER_WAY: Final = 2
"""What the last so many batches gave may not have left a server that is killed: so many are under way at a time."""


@record
class Service:
    """What one domain received while every domain had work waiting.

    Attributes:
        domain: Its name.
        share: What it is entitled to.
        received_us: Run time of the units that it was given then.
        entitled_us: Its share of what all domains received then.
    """

    domain: str
    share: int
    received_us: int
    entitled_us: int


@record
class Found:
    """What the log of the demo says.

    Attributes:
        right: Units whose result is right.
        once: Units that have succeeded exactly once.
        services: One entry a domain.
        tolerance_us: How far a domain may be from its share.
        lost: Units that the killed worker held, started or not, and that came back.
        adopted: Of the units that were out when the server was killed, those that were finished under the same lease.
        not_begun: Of the same, those that could not have begun and were leased anew: queued on their worker, or given
            in the last moment, so that they may not have reached it.
        events: Events in the log.
        log_sentence: What the check of the log found.
        log_ok: Whether it is what was written.
        digest: The sha256 of the state folded from the first event up to the one that the server named.
    """

    right: int
    once: int
    services: tuple[Service, ...]
    tolerance_us: int
    lost: int
    adopted: int
    not_begun: int
    events: int
    log_sentence: str
    log_ok: bool
    digest: str

    @property
    def is_fair(self) -> bool | None:
        """Whether every domain received its share, within the tolerance.

        None where too little was measured to say: a domain that received nothing at all would be within it too.
        """
        if min(one.entitled_us for one in self.services) <= self.tolerance_us:
            return None
        return all(abs(one.received_us - one.entitled_us) <= self.tolerance_us for one in self.services)


class Meter:
    """Follows a log and measures what each domain is given while every domain has work waiting.

    A unit counts with the time that it really took, and for the moment at which it was leased: that is when a policy
    decides. What came back unfinished counts for nothing.
    """

    def __init__(self, killed_seq: int, killed_worker: int) -> None:
        """Begin before the first event.

        Args:
            killed_seq: Where the log ended when the server was killed.
            killed_worker: The id of the worker that was killed.
        """
        self.state = State()
        self.largest_us = 0
        self.times: Counter[tuple[int, int]] = Counter()
        self.lost = 0
        self.adopted = 0
        self.not_begun = 0
        self._killed_seq = killed_seq
        self._killed_worker = killed_worker
        self._out_then: frozenset[LeaseId] = frozenset()
        self._not_begun: frozenset[LeaseId] = frozenset()
        self._given: deque[set[LeaseId]] = deque(maxlen=BATCHES_UNDER_WAY)
        self._received_us: Counter[str] = Counter()
        self._measured: set[LeaseId] = set()

    def next_batch(self) -> None:
        """The events that follow are of another batch."""
        self._given.append(set())

    def follow(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case UnitsFinished():
                self._finished(event, self.state.jobs.leases[event.lease_id])
            case UnitsReturned():
                lease = self.state.jobs.leases[event.lease_id]
                count = total(event.spans)
                self.lost += count if lease.worker_id == self._killed_worker else 0
                self.not_begun += count if event.lease_id in self._not_begun and event.cause == RETURNED else 0
            case UnitsLeased():
                self._given[-1].add(event.lease_id)
                if self._all_backlogged():
                    self._measured.add(event.lease_id)
            case _:
                pass
        self.state = evolve(self.state, event)
        if self.state.seq == self._killed_seq:
            jobs = self.state.jobs
            self._out_then = frozenset(jobs.leases)
            queued = {lease_id for lease_id, lease in jobs.leases.items() if jobs.is_queued(lease)}
            self._not_begun = frozenset(queued.union(*self._given) & self._out_then)

    def services(self) -> tuple[Service, ...]:
        """Return what was measured."""
        total_us = self._received_us.total()
        shares = sum(SHARES.values())
        return tuple(
            Service(name, share, self._received_us[name], total_us * share // shares) for name, share in SHARES.items()
        )

    def _all_backlogged(self) -> bool:
        accounts = self.state.jobs.accounts
        return sum(account.backlog > 0 for account in accounts.values()) == len(SHARES)

    def _finished(self, event: UnitsFinished, lease: Lease) -> None:
        took_us = sum(event.run_us)
        self.largest_us = max(self.largest_us, took_us, lease.estimate_us * lease.count)
        failed = {index for index, _ in event.exits}
        self.times.update((lease.job_id, index) for index in indices(event.done) if index not in failed)
        if event.lease_id in self._out_then:
            self.adopted += total(event.done)
        if event.lease_id in self._measured:
            domain_id = self.state.jobs.jobs[lease.job_id].terms.domain_id
            self._received_us[self.state.domains.domains[domain_id].name] += took_us


def check(log: SQLiteLog, arrays: list[Array], played: Played, slots: int) -> Found:
    """Check the log of a demo that has ended.

    Args:
        log: The log.
        arrays: The work.
        played: What was done.
        slots: How many units ran at a time.

    Raises:
        LogError: The log cannot be read.
    """
    report = verify(log)
    meter = Meter(played.server.seq, played.worker.worker_id)
    digest = ""
    for batch in log.read():
        meter.next_batch()
        for event in decode_events(batch.body):
            meter.follow(event)
        if meter.state.seq == played.seq:
            digest = state_digest(meter.state)
    units = {
        (job_id, index) for job_id, array in zip(played.jobs, arrays, strict=True) for index in range(len(array.files))
    }
    right = 0
    for job_id, array in zip(played.jobs, arrays, strict=True):
        expected = array.expected()
        right += sum(result.body == expected[result.index] for result in log.results(job_id))
    return Found(
        right,
        sum(meter.times[unit] == 1 for unit in units),
        meter.services(),
        (RUNS_OF_THE_BOUND + RUNS_A_SLOT * slots) * meter.largest_us,
        meter.lost,
        meter.adopted,
        meter.not_begun,
        report.events,
        report.finding,
        report.ok,
        digest,
    )
