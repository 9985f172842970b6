"""What a replay takes: jobs in the order of their submits, and all that is known before the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from .entitlements import WorkloadDomain
from .job import TraceJob
from .loans import TimedLoan
from .trace_rules import TraceOptions


class Measured(Protocol):
    """What is known of a workload whose run is measured; see :class:`~meted.simulations.traces.trace.Trace`."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def sha256(self) -> str:
        """What identifies it."""

    @property
    def options(self) -> TraceOptions:
        """How it was read."""

    @property
    def procs(self) -> int:
        """The size of the machine, in what jobs count their processors in."""

    @property
    def users(self) -> tuple[int, ...]:
        """The numbers of the domains that have jobs, sorted."""

    @property
    def counts(self) -> attrs.AttrsInstance:
        """What became of its records."""


class Workload(Measured, Protocol):
    """A workload: a trace, or anything else that yields the same jobs each time it is asked."""

    @property
    def domains(self) -> Sequence[WorkloadDomain]:
        """All domains, parents before their children."""

    @property
    def shares(self) -> Mapping[int, int] | None:
        """What each domain without sub-domains is entitled to, in proportion; None where all have the same."""

    @property
    def loans(self) -> Sequence[TimedLoan]:
        """What is lent over time, in the order of the times."""

    @property
    def lines(self) -> Mapping[str, tuple[int, ...]]:
        """The first lines of each kind of record that was left out or sorted, by the names of the counts."""

    @property
    def side_sha256(self) -> Mapping[str, str]:
        """The digests of the files that were read beside it, by the names of their options."""

    def __len__(self) -> int:
        """How many jobs there are."""

    def __iter__(self) -> Iterator[TraceJob]:
        """The jobs in the order in which they are submitted, in bounded memory."""
