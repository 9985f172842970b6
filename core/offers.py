"""Which jobs no worker that is there could ever hold.

That is a matter of the largest workers alone, which are few and change seldom, so it can be asked of every job of a
table; and of no time, so that the answer changes only with an event.
"""

from __future__ import annotations

from .ids import DomainId
from .resources import Resources
from .state import Job, State, Worker

Offers = frozenset[tuple[DomainId, Resources]]
"""What the largest workers offer, each with the domain that alone may have it, or 0 where all may."""


def largest_offers(state: State) -> Offers:
    """Return what the workers that take work now offer, without those that another one stands for."""
    offers = {_offer(worker) for worker in state.workers.workers.values() if worker.is_leasable}
    found: list[tuple[DomainId, Resources]] = []
    for owner, room in sorted(offers, key=_by_size, reverse=True):
        if not any(other in (owner, DomainId(0)) and room.fits(larger) for other, larger in found):
            found.append((owner, room))
    return frozenset(found)


def is_too_large(state: State, job: Job, offers: Offers) -> bool:
    """Whether there are workers for a job's domain, and none of them could ever hold one of its units.

    Args:
        state: The state that the job is in.
        job: The job.
        offers: What :func:`largest_offers` returns of that state.
    """
    terms, domains = job.terms, state.domains
    mine = [room for owner, room in offers if not owner or domains.is_within(terms.domain_id, owner)]
    return bool(mine) and not any(terms.request.fits(room) for room in mine)


def _offer(worker: Worker) -> tuple[DomainId, Resources]:
    return (worker.owner if worker.restricted else DomainId(0)), worker.capacity


def _by_size(offer: tuple[DomainId, Resources]) -> tuple[bool, int, int, tuple[tuple[str, int], ...], int]:
    """Sort what stands for others behind them: open to all, and large."""
    owner, room = offer
    return not owner, room.cpu_milli, room.mem_bytes, room.generic, owner
