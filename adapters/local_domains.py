"""Domains and the rules of fairness of one log, served in this process (rows N01-N16)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from meted.core.commands import CreateDomain, DomainRecord, RemoveDomain
from meted.core.decide.entitlements import find_domain
from meted.core.engine import Engine
from meted.core.resources import NOTHING, Resources

from . import domain_changes as changes
from .arguments import listed, one
from .domain_apply import Applied, WantedDomain, apply_domains
from .domain_changes import Delivered
from .domain_views import DomainView, RulesView, domain_view, domain_views, rules_view
from .job_reader import JobReader
from .lag_bound import LagBound
from .log import Log
from .trial import Trial


class LocalDomains(JobReader):
    """What a program may ask of domains and do to them; see docs/fairness.md for what they mean."""

    def __init__(self, log: Log, engine: Engine, clock: Callable[[], int]) -> None:
        """Act on these."""
        super().__init__(log, engine, clock)
        self._lag_bound = LagBound()

    @abstractmethod
    def batch(self) -> AbstractContextManager[None]:
        """Make all calls inside durable together."""

    def domain(self, name: str, share: int = 1, cap: Resources | None = None) -> None:
        """Register a domain at the top level, or set the share and the cap of one that is there (row P01).

        Args:
            name: Who is charged.
            share: What it is entitled to, in proportion to the shares of all others; the shares 1 and 3 are as good as
                10 and 30.
            cap: The most that its units may hold at once; None is no cap.

        Raises:
            Refused: The share or the cap is out of range.
        """
        self.domain_set(name, share=share, cap=cap, uncapped=cap is None)

    def domain_create(
        self,
        name: str,
        *,
        parent: str = "",
        share: int = 1,
        guarantee: Resources = NOTHING,
        cap: Resources | None = None,
        floor_share: int = 1,
        floor: Resources = NOTHING,
    ) -> None:
        """Make a domain; one that is there already with all of this is left alone.

        Args:
            name: Who is charged.
            parent: The domain that it is a part of, which never changes; empty at the top level.
            share: Its part of what its parent gets, in proportion to the shares of the others there.
            guarantee: Of this much it may always hold as much at once.
            cap: The most that it may hold at once; None is no cap.
            floor_share, floor: Lending must leave it at least this share and guarantee.

        Raises:
            Refused: It cannot be made so; the sentence says why.
        """
        with self.batch():
            self._engine.handle(CreateDomain(self.clock(), name, share, cap, parent, guarantee, floor_share, floor))

    def domain_set(
        self,
        name: str,
        *,
        share: int | None = None,
        guarantee: Resources | None = None,
        cap: Resources | None = None,
        uncapped: bool = False,
        floor_share: int | None = None,
        floor: Resources | None = None,
    ) -> None:
        """Change a domain, or make it at the top level; what is None stays as it is.

        Where it then lends more than it can, the newest loans end until it can. ``uncapped`` takes the cap away.

        Raises:
            Refused: It cannot be so; the sentence says why.
        """
        with self.batch():
            changes.set_domain(self._engine, self.clock(), name, share, guarantee, cap, uncapped, floor_share, floor)

    def domain_remove(self, name: str) -> None:
        """Remove a domain that has no jobs, sub-domains or loans.

        Raises:
            Refused: It has some, or is not known.
        """
        with self.batch():
            self._engine.handle(RemoveDomain(self.clock(), name))

    def domain_records(self, records: Sequence[DomainRecord], stamp_us: int, *, full: bool = False) -> Delivered:
        """Take records of domains, each judged by itself; newest wins (rows N01, N02).

        Args:
            records: What a register says of each.
            stamp_us: When the delivery was written.
            full: These are all: domains of records older than ``stamp_us`` close.

        Raises:
            Refused: The delivery itself is malformed; of a record that is not taken the answer says why.
        """
        with self.batch():
            taken = listed(records, "records")
            return changes.deliver_records(self._engine, self.clock(), stamp_us, taken, full)

    def domain_apply(self, wanted: Sequence[WantedDomain], *, dry_run: bool = False) -> Applied:
        """Let domains be as they are wanted, each judged by itself; where all is so already, nothing happens.

        Args:
            wanted: The domains; parents may come after their children (rows N30-N32).
            dry_run: Only say what would be done.

        Raises:
            Refused: There are too many at once; of a domain that cannot be so the answer says why.
        """
        with self.batch():
            all_wanted = [one(each, WantedDomain, "a WantedDomain for each") for each in listed(wanted, "wanted")]
            return apply_domains(Trial(self.state) if dry_run else self._engine, self.clock(), all_wanted)

    def domains(self) -> list[DomainView]:
        """Return all domains, by name."""
        state, now_us = self.state, self._now_us()
        found = state.domains
        domains = (found.domains[found.by_name[name]] for name in sorted(found.by_name))
        return list(domain_views(state, domains, now_us, self._lag_bound))

    def domain_row(self, name: str) -> DomainView:
        """Return one domain.

        Raises:
            Refused: It is not known.
        """
        return domain_view(self.state, find_domain(self.state, name), self._now_us(), self._lag_bound)

    def rules(self) -> RulesView:
        """Return the rules of fairness."""
        return rules_view(self.state)

    def rules_set(
        self,
        *,
        alpha_milli: int | None = None,
        half_life_us: int | None = None,
        aging_us: int | None = None,
        no_aging: bool = False,
        pool: str | None = None,
        usage: str | None = None,
        start_mc: int | None = None,
    ) -> None:
        """Change rules of fairness; what is None stays as it is.

        Args:
            alpha_milli: Thousandths of the pool that are given out by share; the rest goes by usage.
            half_life_us: After this long, usage counts half.
            aging_us: Having waited this long counts as much as half the usage.
            no_aging: Waiting counts nothing.
            pool: By what the rest is given out: ``decay``, ``fifo`` or ``karma``.
            usage: What counts as usage: ``all``, or only what came from the ``pool``.
            start_mc: Under karma, what a domain begins with for each unit of its share, in thousandths of a credit.

        Raises:
            Refused: One of them is out of range.
        """
        with self.batch():
            changes.set_rules(
                self._engine, self.clock(), alpha_milli, half_life_us, aging_us, no_aging, pool, usage, start_mc
            )
