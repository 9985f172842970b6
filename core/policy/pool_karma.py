"""Karma as the order of the pool: the richest first, who pays for what others leave to it (docs/karma.md).

Source: Vuppalapati, Fikioris, Agarwal, Cidon, Khandelwal and Tardos, "Karma: Resource Allocation for Dynamic Demands",
OSDI 2023, Algorithm 1, and its weights (there, section 3.4). It works by quanta: in each, everybody tells how many
slices it wants, and gets them. Here units come and end when they like, so it is done unit by unit:

* *Slots*. The pool has m, in thousandths of a cpu that requests are wide. A domain at the top with share e has
  G = alpha m e / Phi of them for nothing. A unit takes what is left of G; the rest of its width is *priced*.
* *Order*. Who is owed service by the clock comes first, as under every order of the pool. Then whoever still has all
  that its unit takes left of G; then the others. Among each the richest is first: the most credit for a unit of share.
* *Price*. A slot costs the same for everybody, whatever the priority: ``price_mc`` of the rules of credit, for an hour.
  The fee is held when the unit starts and posted when it ends, for what it took.
* *Donors*. Who has nothing waiting donates what of G it does not hold (``KARMA_DONATION_MIN_MILLI`` at least). A priced
  unit takes from donors, the poorest first, where what they are to be paid, by estimates, counts as theirs. They are
  paid when it ends. Where no donor is left, it takes what is nobody's, and that credit vanishes: the treasury has it.
* *Grants*. All domains at the top together are granted (1 - alpha) m slots, by share, all the time. It accrues and is
  posted when the account needs it (:mod:`meted.core.credit.karma`), so time alone changes no order.
* *No credit left*. Who cannot pay is the poorest, hence served last; but it is served, for nothing. What it has so
  counts as paid in the order while it runs, so that those without credit share evenly.

What is within G is charged to the domain's tag even where it comes before its time by the clock, as far ahead as the
whole pool moves V in the time of that unit. So the clock does not give it a second time. Only the tag of who is
served moves, and only up: P6 of all others holds as under every order, and that domain is ahead by what it holds. How
far that may be is in its *lead*; what is ahead further, as V was too far ahead by somebody's lie, is set right as ever.

*Where it is the quantum algorithm*. Let all units take one quantum, one slot each; let all that is wanted be said at
the beginning of each quantum, and what is left be given up at its end; let every G be whole, and nobody come to the end
of its credit. Then allocation and credit are those of Algorithm 1 in every quantum
(``tests/core/test_karma_quanta.py``). For at the beginning each tag is at V at least, so by the clock and by G
everybody gets min(demand, G) before anybody borrows; by then no donor waits for anything, and the rest is Algorithm 1.
Differences:

* ties go to the domain with the lowest id, for borrowers and donors; Algorithm 1 leaves them open, and the quantum form
  of the lab gives them to the last column;
* a part of a slot is priced as such, where the quantum form rounds guarantees down;
* the grant of a quantum comes in its course, not at its beginning;
* nobody is below zero, and who has no credit is served evenly, where the paper lets slots idle;
* weights: a slot costs all the same and riches are credit / share, where the paper scales credit by 1 / (n w): the
  same order and the same purchasing power, and every transfer stays a whole number that balances;
* only domains at the top have karma. Those inside one go by usage (``decay``), and what they hold is their top's.

A decision costs O(log n): a key for whoever has changed, and a look at no more than ``KARMA_DONORS_MAX`` donors. Only
the policy ``meted`` names donors; under other policies what is beyond a guarantee is nobody's, and paid all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from ..credit.fees import HOUR_SIZE
from ..credit.karma import NO_STANDING, account_of_domain, donated_milli, left_milli, riches
from ..domains.state import TOP
from ..estimates import width_milli
from ..events import (
    CreditClosed,
    CreditEvent,
    CreditHeld,
    CreditLimited,
    CreditMoved,
    CreditOpened,
    DonorPaid,
    FeePosted,
    GrantMarked,
    HoldPosted,
    HoldVoided,
    PointsSold,
    SliceEnded,
    SliceHeld,
)
from ..ids import AccountId, DomainId
from ..limits import KARMA_DONORS_MAX, STALE_ENTRIES_MIN
from ..state import FairnessAccount, Job, State
from .pool_key import decay_key

WITHIN = 1 << 200
"""By this much those come earlier who have what they ask for left of their guarantee: no riches are so large."""

UNLIMITED = 1 << 199


def karma_key(
    state: State, domain_id: DomainId, fairness: FairnessAccount, share: int, job: Job, more_size: int = 0
) -> int:
    """Return the place in the pool of a domain with the job that it would run next; the richest is first.

    Args:
        state: As it is.
        domain_id: The domain; inside others it goes by usage.
        fairness: What it has received.
        share: Its effective share.
        job: What it would run next.
        more_size: Counts as paid for as well, in units of size.
    """
    if state.domains.domains[domain_id].parent != TOP:
        return decay_key(state, domain_id, fairness, share, job)
    standing = state.ledger.karma.standings.get(domain_id, NO_STANDING)
    account = account_of_domain(state, domain_id)
    if account is not None and account.unlimited:
        key = -UNLIMITED
    else:
        amount_mc = (0 if account is None else account.free_mc) - standing.waived_mc
        if more_size:
            amount_mc -= more_size * state.ledger.rules.price_mc // HOUR_SIZE
        key = -riches(standing, share, amount_mc)
    width = width_milli(job.terms.request, state.workers.capacity)
    return key - WITHIN if width <= left_milli(state, domain_id) else key


def concerned(event: CreditEvent, was: State, state: State) -> Iterator[DomainId]:
    """Yield the domains whose place in the pool, or among the donors, an event of credit may have changed."""
    accounts: tuple[AccountId, ...] = ()
    match event:
        case SliceHeld():
            yield event.domain_id
            yield from (donor for donor, _ in event.donors)
        case SliceEnded():
            ended = was.ledger.karma.slices[event.lease_id]
            yield ended.domain_id
            yield from (donor for donor, _ in ended.donors)
        case GrantMarked():
            yield event.domain_id
        case CreditMoved() | HoldPosted() | FeePosted():
            accounts = event.debit, event.credit
        case CreditOpened() | CreditClosed() | CreditLimited() | CreditHeld() | DonorPaid() | PointsSold():
            accounts = (event.account_id,)
        case HoldVoided():
            accounts = (was.ledger.holds[event.hold_id].account_id,)
        case _:
            pass
    for account_id in accounts:
        account = state.ledger.accounts.get(account_id) or was.ledger.accounts.get(account_id)
        if account is not None and account.domain_id:
            yield account.domain_id


class KarmaDonors:
    """The domains that donate something, poorest first: a projection of the state.

    Entries are not removed when something changes: one that is no longer so goes when it comes to the top.
    """

    def __init__(self, state: State) -> None:
        self._keys: dict[DomainId, int] = {}
        self._heap: list[tuple[int, DomainId]] = []
        for domain_id in state.ledger.karma.standings:
            self.refresh(state, domain_id)

    def refresh(self, state: State, domain_id: DomainId) -> None:
        """Put a domain where it belongs now."""
        if not donated_milli(state, domain_id):
            self._keys.pop(domain_id, None)
            return
        key = donor_key(state, domain_id)
        if self._keys.get(domain_id) != key:
            self._keys[domain_id] = key
            heappush(self._heap, (key, domain_id))
            if len(self._heap) > STALE_ENTRIES_MIN + 4 * len(self._keys):
                self._sort()

    def poorest(self, state: State, milli: int) -> tuple[DomainId, ...]:
        """Return the poorest donors who together donate that much, as far as there are such; a few at most."""
        found: list[DomainId] = []
        while self._heap and milli > 0 and len(found) < KARMA_DONORS_MAX:
            key, domain_id = heappop(self._heap)
            if self._keys.get(domain_id) != key:
                continue
            # It counts as taken out while it is looked at, so that an entry it has twice is met once.
            del self._keys[domain_id]
            donated = donated_milli(state, domain_id)
            if donated:  # else it has work that waits, and comes back when that is done
                found.append(domain_id)
                milli -= donated
        for domain_id in found:
            key = self._keys[domain_id] = donor_key(state, domain_id)
            heappush(self._heap, (key, domain_id))
        return tuple(found)

    def standing(self, state: State) -> list[tuple[int, DomainId]]:
        """Return who donates, poorest first."""
        keys = self._keys.items()
        return sorted((key, domain_id) for domain_id, key in keys if donated_milli(state, domain_id))

    def _sort(self) -> None:
        self._heap = [(key, domain_id) for domain_id, key in self._keys.items()]
        heapify(self._heap)


def donor_key(state: State, domain_id: DomainId) -> int:
    """Return the riches of a domain at the top, with what it is to be paid."""
    standing = state.ledger.karma.standings[domain_id]
    account = account_of_domain(state, domain_id)
    assert account is not None, "who has no account donates nothing"
    amount_mc = account.free_mc - standing.waived_mc + standing.due_mc
    return riches(standing, state.domains.domains[domain_id].effective_share, amount_mc)
