"""What is taken from a log of one's own to be replayed: its jobs, its domains, its pool, and what was left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from meted.core.ids import DomainId
from meted.core.record import record
from meted.core.resources import Resources

from .credit_moves import NO_CREDIT, CreditSeen
from .entitlements import WorkloadDomain, leaf_shares
from .loan_moves import LoanMove
from .log_commands import Asked
from .log_entitlements import LoggedDomain
from .log_rules import NEW_POOL, HeldRules
from .log_workers import WorkerChange
from .trace_rules import TraceOptions

_NUMBERED: Final = re.compile(r"'[0-9]+'")

NOT_RECORDED: Final = -1
"""The recorded wait of a unit that has none to compare with."""


@attrs.define
class LogCounts:
    """What became of the units in a log.

    Attributes:
        events: Events read.
        submitted: Jobs submitted.
        units: Units of these.
        unfinished: Left out: the unit never ran to its end.
        no_cpu: Left out: it asks for no cpu at all.
        too_wide: Left out: it fits no worker of the pool, or not below its domain's cap.
        jobs: Units that are simulated.
        failed: Those of them that failed, and are simulated as long as they ran.
        retries: Attempts that failed and were followed by another; they are not simulated.
        lost: Attempts that ended because their worker was lost; they are not simulated.
    """

    events: int = 0
    submitted: int = 0
    units: int = 0
    unfinished: int = 0
    no_cpu: int = 0
    too_wide: int = 0
    jobs: int = 0
    failed: int = 0
    retries: int = 0
    lost: int = 0


@record
class LoggedJob:
    """One job to be replayed.

    Attributes:
        job_id: Its id in the log.
        domain: The id of its domain.
        submit_us: When it was submitted, in microseconds from the first submit in the log.
        request: What one unit asks for.
        time_request_us: How long a unit is said to run, or None.
        priority: Its order among the jobs of its domain.
        run_us: How long each unit runs, in the order of the units.
        wait_us: How long each unit waited for its start as recorded, or ``NOT_RECORDED``; in the same order.
        order: The place of its submit (or release) among the events of the log.
    """

    job_id: int
    domain: int
    submit_us: int
    request: Resources
    time_request_us: int | None
    priority: int
    run_us: Sequence[int]
    wait_us: Sequence[int]
    order: int


@record
class LogTrace:
    """What a log holds that can be replayed.

    Attributes:
        name: The last part of its path.
        sha256: The chain value at its end, which stands for all of it.
        options: The options of a trace that is taken as it is.
        procs: The cpus of the machine, in thousandths.
        workers: What each worker offered when the pool was largest, counted in cpus.
        attendance: When workers came and went, in the order of the log.
        domains: The domains of the jobs as they were last, by id.
        idle: All other domains that are there, by id.
        rules: The parameters of fairness, from when on each held, in the order of time.
        jobs: The jobs, in the order in which they were submitted.
        counts: What became of the units.
        loans: What was lent while it was written, in the order of time.
        commands: What makes domains be entitled to what they were and lend what they lent, and what was asked for of
            credit and priorities, in no order.
        credit: Who paid whom in credit, as recorded.
        names: The names of all domains that there ever were, by id.
        first_us: When the first job was submitted, by the clock of the log: other times count from there, but those of
            commands and rules are by that clock.
    """

    name: str
    sha256: str
    options: TraceOptions
    procs: int
    workers: tuple[Resources, ...]
    domains: dict[int, LoggedDomain]
    jobs: tuple[LoggedJob, ...]
    counts: LogCounts
    loans: tuple[LoanMove, ...] = ()
    idle: Mapping[int, LoggedDomain] = {}
    rules: tuple[HeldRules, ...] = NEW_POOL
    commands: tuple[Asked, ...] = ()
    credit: CreditSeen = NO_CREDIT
    names: Mapping[DomainId, str] = {}
    first_us: int = 0
    attendance: tuple[WorkerChange, ...] = ()

    def told(self, sentence: str) -> str:
        """Return what an engine says whose domains are called by their numbers, with their names."""
        return _NUMBERED.sub(lambda found: repr(self.names.get(DomainId(int(found[0][1:-1])), found[0])), sentence)

    @property
    def users(self) -> tuple[int, ...]:
        """The ids of the domains."""
        return tuple(self.domains)

    @property
    def is_flat(self) -> bool:
        """Whether no domain that is there is a part of another."""
        return not any(domain.parent for domain in self._all().values())

    @property
    def shares(self) -> dict[int, int]:
        """What all domains without sub-domains were entitled to last in proportion, by id, loans aside."""
        if self.is_flat:
            return {domain_id: domain.share for domain_id, domain in self._all().items()}
        return leaf_shares(
            [
                WorkloadDomain(domain_id, str(domain_id), domain.share, str(domain.parent or ""))
                for domain_id, domain in sorted(self._all().items())  # a parent is older than its children
            ]
        )

    def _all(self) -> dict[int, LoggedDomain]:
        return {**self.idle, **self.domains}
