"""What domains that have a cap or a guarantee hold of the pool, and so what their caps and guarantees still leave."""

from __future__ import annotations

from ..ids import DomainId
from ..resources import NOTHING, Resources
from ..state import State
from ..terms import Terms
from .room import Free


class HeldAmounts:
    """Counts what is leased to the domains that have a cap or a guarantee; nothing is counted for others.

    Attributes:
        state: The state after the last event.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self._held: dict[DomainId, Free] = {}
        self._guaranteed: set[DomainId] = set()
        for domain_id in state.domains.domains:
            self._watch_held(domain_id)

    def domain_held(self, domain_id: DomainId) -> None:
        """What a domain with a cap or a guarantee holds has changed, or its tag alone."""

    def guarantee_changed(self, domain_id: DomainId) -> None:
        """A domain that had no guarantee has one now, or has none any more."""

    def is_capped(self, domain_id: DomainId, request: Resources) -> bool:
        """Whether one more ``request`` would take the domain, or one that it is in, over its cap."""
        return bool(self._held) and any(self.is_at_cap(who, request) for who in self._line_up(domain_id))

    def is_at_cap(self, domain_id: DomainId, request: Resources) -> bool:
        """Whether one more ``request`` would take the domain over its own cap."""
        held = self._held.get(domain_id)
        cap = self.state.domains.domains[domain_id].cap if held is not None else None
        return held is not None and cap is not None and not request.fits(cap.minus(held.amount()))

    def is_covered(self, domain_id: DomainId, request: Resources) -> bool:
        """Whether one more ``request`` is within a domain's own guarantee.

        Only what the guarantee names counts, of what is asked for; something of it must be asked for.
        """
        held = self._held.get(domain_id)
        if held is None:
            return False
        guarantee = self.state.domains.domains[domain_id].effective_guarantee
        asked = [(name, amount) for name, amount in request.items() if guarantee.amount(name)]
        has = held.amount() if asked else NOTHING
        return bool(asked) and all(has.amount(name) + amount <= guarantee.amount(name) for name, amount in asked)

    def covered(self, domain_id: DomainId, request: Resources) -> int:
        """Return which of the domains from a domain to the top are so covered, bit 0 for itself."""
        if not self._held:
            return 0
        return sum(self.is_covered(who, request) << level for level, who in enumerate(self._line_up(domain_id)))

    def _line_up(self, domain_id: DomainId) -> tuple[DomainId, ...]:
        return domain_id, *self.state.domains.path(domain_id)

    def _watch_held(self, domain_id: DomainId) -> None:
        """Start or stop counting what a domain holds, as it has a cap or a guarantee or not."""
        domain = self.state.domains.domains[domain_id]
        is_guaranteed = domain.effective_guarantee != NOTHING
        if is_guaranteed != (domain_id in self._guaranteed):
            self._guaranteed ^= {domain_id}
            self.guarantee_changed(domain_id)
        if domain.cap is None and not is_guaranteed:
            self._held.pop(domain_id, None)
        elif domain_id not in self._held:
            held = self._held[domain_id] = Free(NOTHING)
            for lease in self.state.jobs.leases.values():
                terms = self.state.jobs.jobs[lease.job_id].terms
                if domain_id in self._line_up(terms.domain_id):
                    held.give(terms.request)

    def _hold(self, terms: Terms, *, more: bool) -> None:
        """Count a request as held, or as held no more, by its domain and those that it is in."""
        for who in self._line_up(terms.domain_id):
            held = self._held.get(who)
            if held is not None:
                (held.give if more else held.take)(terms.request)
                self.domain_held(who)
