"""What the demo proves, from its log alone: the results, the shares, the chain, and the state folded anew."""

from __future__ import annotations

from meted.core.events import UnitsFinished, UnitsLeased
from meted.core.record import record
from meted.core.reducers import evolve
from meted.core.schema import decode_events, state_digest
from meted.core.state import Lease, State

from ..log import SQLiteLog
from ..log.verify import verify
from ..recovery import read_state


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
        services: One entry a domain.
        tolerance_us: How far a domain may be from its share: two of the largest runs, and one for each slot.
        events: Events in the log.
        log_sentence: What the check of the log found.
        log_ok: Whether it is what was written.
        digest: The sha256 of the state at the end.
        folded_digest: The same, of the state folded again from the first event.
    """

    right: int
    services: tuple[Service, ...]
    tolerance_us: int
    events: int
    log_sentence: str
    log_ok: bool
    digest: str
    folded_digest: str

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

    def __init__(self, domains: int) -> None:
        """Wait until so many domains have work."""
        self.state = State()
        self.largest_us = 0
        self._domains = domains
        self._received_us: dict[int, int] = {}
        self._measured: set[int] = set()

    def follow(self, body: bytes) -> None:
        """Take the events of one batch."""
        for event in decode_events(body):
            if isinstance(event, UnitsFinished):
                self._finished(event, self.state.jobs.leases[event.lease_id])
            if isinstance(event, UnitsLeased) and self._all_backlogged():
                self._measured.add(event.lease_id)
            self.state = evolve(self.state, event)

    def services(self) -> tuple[Service, ...]:
        """Return what was measured."""
        total_us = sum(self._received_us.values())
        domains = self.state.domains
        return tuple(
            Service(
                domain.name,
                domain.share,
                self._received_us.get(domain_id, 0),
                total_us * domain.share // domains.total_share,
            )
            for domain_id, domain in sorted(domains.domains.items())
        )

    def _all_backlogged(self) -> bool:
        accounts = self.state.jobs.accounts
        return sum(account.backlog > 0 for account in accounts.values()) == self._domains

    def _finished(self, event: UnitsFinished, lease: Lease) -> None:
        took_us = sum(event.run_us)
        self.largest_us = max(self.largest_us, took_us, lease.estimate_us * lease.count)
        if event.lease_id in self._measured:
            domain_id = self.state.jobs.jobs[lease.job_id].terms.domain_id
            self._received_us[domain_id] = self._received_us.get(domain_id, 0) + took_us


def check(log: SQLiteLog, domains: int, slots: int, expected: list[bytes]) -> Found:
    """Check the log of a demo that has ended.

    Args:
        log: The log.
        domains: How many domains took part.
        slots: How many units ran at a time.
        expected: The right result of each unit; it is the same for every job.

    Raises:
        LogError: The log cannot be read.
    """
    report = verify(log)
    meter = Meter(domains)
    for batch in log.read():
        meter.follow(batch.body)
    jobs = meter.state.jobs.jobs
    right = sum(
        result.body == expected[result.index] and result.index in jobs[job_id].succeeded
        for job_id in sorted(jobs)
        for result in log.results(job_id)
    )
    return Found(
        right,
        meter.services(),
        (2 + slots) * meter.largest_us,
        report.events,
        report.sentence,
        report.ok,
        state_digest(read_state(log).state),
        state_digest(meter.state),
    )
