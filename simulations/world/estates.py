"""What each domain has, reckoned from outside from the events of domains and loans alone, and how each loan went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from meted.core.domains.state import SHARE
from meted.core.events import (
    DomainChanged,
    DomainClosed,
    DomainCreated,
    DomainRemoved,
    Event,
    LoanEnded,
    LoanMade,
    LoanRecalled,
    LoanRefused,
    LoanStarted,
)
from meted.core.state import State

from .registry import Registry


class Estates:
    """Domains with their bases, and loans.

    Attributes:
        made: Every loan there ever was.
        registry: Which domains are open.
        wrong: What cannot be, one sentence each.
    """

    def __init__(self) -> None:
        """Begin with no domain."""
        self.made: dict[int, LoanMade] = {}
        self.registry = Registry()
        self.wrong = self.registry.wrong
        self._bases: dict[int, DomainCreated | DomainChanged] = {}
        self._parents: dict[int, int] = {}
        self._started: dict[int, LoanMade] = {}
        self._recalled: dict[int, LoanRecalled] = {}
        self._open: set[int] = set()

    def take(self, event: Event, rest: Sequence[Event]) -> None:
        """Take note of an event; ``rest`` is what comes with it in its batch, itself first."""
        self.registry.take(event)
        match event:
            case DomainCreated():
                self._bases[event.domain_id] = event
                self._parents[event.domain_id] = event.parent
            case DomainChanged():
                self._bases[event.domain_id] = event
            case DomainRemoved():
                del self._bases[event.domain_id], self._parents[event.domain_id]
            case LoanMade():
                self.made[event.loan_id] = event
                self._open.add(event.loan_id)
            case LoanStarted():
                self._start(event)
            case LoanRecalled():
                self._recall(event)
            case LoanEnded():
                self._end(event, rest)
            case LoanRefused() if not (event.reason and event.sentence):
                self.wrong.append(f"An entry of a list of loans was refused without a reason: {event}.")
            case _:
                pass

    def compare(self, state: State) -> Iterator[str]:
        """Yield in what a state differs at the end of a batch, and where loans made or lost anything."""
        seq, domains = state.seq, state.domains
        if set(domains.loans) != self._open:
            yield f"At {seq} the loans are {sorted(domains.loans)}, but {sorted(self._open)} have not ended."
        shares, cpus = self._moved()
        base: Counter[int] = Counter()
        after: Counter[int] = Counter()
        for domain_id, domain in sorted(domains.domains.items()):
            known = self._bases.get(domain_id)
            is_closed = domain_id in self.registry.closed
            if known is None or (domain.closed is not None) != is_closed:
                yield f"At {seq} domain {domain_id} is there, or closed, or open, and nobody made it so."
                continue
            base[domain.parent] += known.share
            after[domain.parent] += domain.effective_share
            has = domain.effective_share, domain.effective_guarantee.cpu_milli
            guaranteed = 0 if is_closed else known.guarantee.cpu_milli
            should = known.share + shares[domain_id], guaranteed + cpus[domain_id]
            if has != should:
                yield f"At {seq} domain {domain.name!r} has share and cpu {has}, but loans make {should} of its own."
            if min(has) < 0 or not has[0]:
                yield f"At {seq} domain {domain.name!r} has lent more than it has: {has}."
        if set(domains.domains) != set(self._bases):
            yield f"At {seq} the domains are {sorted(domains.domains)}, and not {sorted(self._bases)}."
        if base != after:
            yield f"At {seq} effective shares are {dict(after)} by parent, and before loans {dict(base)}."

    def _moved(self) -> tuple[Counter[int], Counter[int]]:
        """Return by how much loans change the share and the guaranteed cpu of each domain."""
        shares: Counter[int] = Counter()
        cpus: Counter[int] = Counter()
        for loan in self._started.values():
            if loan.resource == SHARE:
                shares[loan.lender] -= loan.amount
                shares[loan.borrower] += loan.amount
                continue
            inside, outside = self._with_parents(loan.lender), self._with_parents(loan.borrower)
            cpus.subtract(dict.fromkeys(inside - outside, loan.amount))
            cpus.update(dict.fromkeys(outside - inside, loan.amount))
        return shares, cpus

    def _with_parents(self, domain_id: int) -> set[int]:
        found = set()
        while domain_id:
            found.add(domain_id)
            domain_id = self._parents[domain_id]
        return found

    def _start(self, event: LoanStarted) -> None:
        loan = self.made[event.loan_id]
        if event.loan_id in self._started or event.loan_id not in self._open or event.at_us < loan.start_us:
            self.wrong.append(f"Loan {event.loan_id} was started too early, twice, or after its end: {event}.")
        self._started[event.loan_id] = loan

    def _recall(self, event: LoanRecalled) -> None:
        loan = self.made[event.loan_id]
        least_us = event.at_us + loan.notice_us
        if loan.expiry_us is not None:
            least_us = min(least_us, loan.expiry_us)
        if event.loan_id in self._recalled or event.ends_us != least_us:
            self.wrong.append(f"Loan {event.loan_id} was recalled twice, or not as its notice says: {event}, {loan}.")
        self._recalled[event.loan_id] = event

    def _end(self, event: LoanEnded, rest: Sequence[Event]) -> None:
        loan = self.made[event.loan_id]
        recalled = self._recalled.get(event.loan_id)
        may_end_at_once = recalled is None and (not loan.notice_us or event.loan_id not in self._started)
        causes = {
            "expired": loan.expiry_us is not None and loan.expiry_us <= event.at_us,
            "recalled": may_end_at_once if recalled is None else recalled.ends_us <= event.at_us,
            "replaced": may_end_at_once,
            "base_shrunk": any(isinstance(one, DomainChanged) for one in rest),
            "closed": any(isinstance(one, DomainClosed) for one in rest),
        }
        if event.loan_id not in self._open or not causes.get(event.reason, False):
            self.wrong.append(f"Loan {event.loan_id} ended twice, or without the cause that is said: {event}, {loan}.")
        self._open.discard(event.loan_id)
        self._started.pop(event.loan_id, None)
