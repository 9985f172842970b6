"""A share changes: what was owed stays owed, and what was granted was granted by the old one."""

from __future__ import annotations

from ..events import AccountReweighted, Event, LagRemainderKept
from ..falling import clock_within, restarted
from ..ids import DomainId
from .draft import Draft
from .ledger import post_accrued


def add_reweighting(draft: Draft, event: Event, *domain_ids: DomainId) -> None:
    """Decide an event that changes the effective shares of domains, and leave what they are owed as it is.

    S' = V - (V - S) e / e' (docs/fairness.md, P10a), with V of the parent. What is owed, e (V - S) + r, is kept to
    the last bit: the remainder r of the division stays with the domain. So the way back restores the tag exactly,
    whatever the shares were in between.
    """
    before = [draft.domain(domain_id) for domain_id in domain_ids]
    for domain_id in domain_ids:
        account_id = draft.state.ledger.of_domain.get(domain_id)
        if account_id is not None:
            post_accrued(draft, account_id)
    draft.add(event)
    for old in before:
        share = draft.domain(old.domain_id).effective_share
        fairness = draft.state.jobs.accounts.get(old.domain_id)
        if fairness is None or share == old.effective_share:
            continue
        clock = clock_within(draft.state.jobs, old.parent)
        owed = old.effective_share * (clock - fairness.tag) + old.remainder
        lag, remainder = divmod(owed, share)
        start = restarted(draft.state.jobs, old.domain_id, clock, clock - lag, old.effective_share, share)
        draft.add(AccountReweighted(draft.at_us, old.domain_id, clock - lag, start))
        if remainder != old.remainder:
            draft.add(LagRemainderKept(draft.at_us, old.domain_id, remainder))
