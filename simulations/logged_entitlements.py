"""What domains are entitled to in a replay of a log: changed, lent, and told as it was asked for then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import attrs

from meted.core.commands import Command, OfferLoan, SetRules
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import DomainChanged, DomainCreated, DomainRemoved, Event, LoanEnded, LoanStarted

from .lending import effective_shares
from .traces.log_trace import LogTrace

_ENTITLING: Final = (DomainCreated, DomainChanged, DomainRemoved, LoanStarted, LoanEnded)


@attrs.define
class EntitlementCounts:
    """What became of the changes of what domains are entitled to, after the first submit, and of the loans.

    Attributes:
        domains: Domains registered, changed and removed.
        loans: Loans made.
        refused: What the engine refused.
        first_refusal: Why it refused the first, or None.
    """

    domains: int = 0
    loans: int = 0
    refused: int = 0
    first_refusal: str | None = None


class LoggedEntitlements:
    """All that was asked for of domains, loans and rules, in one replay.

    Attributes:
        counts: What became of it so far.
    """

    def __init__(self, trace: LogTrace, entitled: Callable[[Mapping[int, int], int], None] | None) -> None:
        """Begin with nothing done; ``entitled`` is told shares in proportion, and the time, where they have changed."""
        self.counts = EntitlementCounts()
        self._entitled = entitled
        self._has_changed = False
        self._first_us = trace.first_us
        self._told = trace.told

    def do(self, engine: Engine, command: Command) -> None:
        """Do what was asked for, if it can be done; what became of it is counted."""
        counts = self.counts
        try:
            engine.handle(command)
        except Refused as refusal:
            counts.refused += 1
            counts.first_refusal = counts.first_refusal or self._told(str(refusal))
            return
        if isinstance(command, OfferLoan):
            counts.loans += 1
        elif not isinstance(command, SetRules):
            counts.domains += 1

    def read(self, events: Iterable[Event]) -> None:
        """Note whether what has happened changes who is entitled to what."""
        self._has_changed = self._has_changed or any(isinstance(event, _ENTITLING) for event in events)

    def tell(self, engine: Engine, now_us: int) -> None:
        """Tell who is entitled to what, if that has changed."""
        if self._has_changed and self._entitled is not None:
            state = engine.state
            numbers = {domain.name: int(domain.name) for domain in state.domains.domains.values()}
            self._entitled(effective_shares(state, numbers), now_us - self._first_us)
        self._has_changed = False
