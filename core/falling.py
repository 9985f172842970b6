"""V at each level of the tree, and what falls with it when work took less than it was charged for.

V falls then (docs/fairness.md, "When somebody says a week"), and two things that were done by a V that never was are
set right: who came falls with it (:mod:`.starts`), and who was served from its entitlement was served from the pool.
Where estimates are right V never falls, and nothing here does anything.
"""

from __future__ import annotations

from functools import lru_cache

from .ids import DomainId
from .starts import ahead
from .state import NOTHING_RECEIVED, FairnessAccount, Jobs, Lease, Rules, State
from .tags import Fallen

SCALE_BITS = 20
ROUNDING = 1000 << SCALE_BITS
"""A cpu-microsecond, as tags count it."""

ALL_MILLI = 1000


@lru_cache(maxsize=4096)
def entitled_charge(size: int, share: int, alpha_milli: int) -> int:
    """Return l / g: what ``size`` moves the tag of a domain of that share, rounded up against it."""
    return -((-size * 1000 << SCALE_BITS) // (alpha_milli * share))


def reach(clock: int, rules: Rules) -> int:
    """Return up to which tag domains are owed service: V; with alpha = 1 as much more as 10**9 roundings can add."""
    return clock + ROUNDING if rules.alpha_milli == ALL_MILLI else clock


def clock_within(jobs: Jobs, parent_id: DomainId) -> int:
    """Return the virtual time V of the domains inside ``parent_id``; 0 is the top."""
    inside = jobs.accounts.get(parent_id, NOTHING_RECEIVED) if parent_id else jobs
    return inside.clock - inside.debt


def standing(state: State, domain_id: DomainId, account: FairnessAccount, clock: int) -> int:
    """Return the tag of a domain, without what it is ahead of V only because V itself had been too far ahead.

    A domain whose tag is not ahead of V is served from its entitlement, and so is ahead by what that was charged at
    most. Where V has fallen since, what it got was from the pool in truth. At the top of a pool under karma a domain
    gets all of its guarantee at once, ahead of V as that is: by how much is in its lead (:func:`lead_of`).
    """
    tag = account.tag
    if tag <= clock:
        return tag
    domain = state.domains.domains.get(domain_id)
    if domain is None:
        return tag
    lead = entitled_charge(account.lead, domain.effective_share, state.rules.alpha_milli)
    most = clock + ROUNDING + lead
    return tag if tag <= most else most


def lead_of(tag: int, before: int, clock: int, size: int) -> int:
    """Return the size that the tag of a domain is ahead by after a run of ``size`` from its entitlement, at most.

    That is the run, and by karma alone more: there its tag may have been ahead of V = ``clock`` ``before`` it.
    """
    return size if before <= clock + ROUNDING else -(-size * (tag - clock) // (tag - before))


def restarted(jobs: Jobs, domain_id: DomainId, clock: int, tag: int, old: int, new: int) -> tuple[int, int, int]:
    """Return base, floor and drop of a domain whose tag is moved to ``tag``, as its rate is ``new`` and was ``old``.

    V is ``clock``, and may turn out to be less; then what is owed is to be as if the tag had been moved by that V. So
    where the tag may fall to is moved as well, by the V at which it would be there.
    """
    start = jobs.starts.of.get(domain_id)
    if start is None and clock <= 0:  # V has fallen to where it began; there is nothing left to fall to
        return clock, clock, 0
    floor, drop = (start.floor, start.drop) if start is not None else (0, 0)
    fallen = floor - (floor - jobs.accounts[domain_id].tag + drop) * old // new
    return clock, floor, tag - fallen


def moved(state: State, who: DomainId, over: int, clock: int, rises: bool, by: int, fallen: list[Fallen]) -> int:
    """Return by how much the tag of a domain rises, as it comes to V = ``over``, or falls as V falls to ``clock``.

    To ``fallen`` goes each domain beside it that falls with V, too (:mod:`.starts`). ``by`` is what it is charged.
    """
    jobs, moved = state.jobs, 0
    it = jobs.accounts[who]
    for domain_id, start in ahead(jobs.starts, it.parent(), clock):
        lost, base, drop = start.fall(clock)
        if domain_id != who:
            tag = standing(state, domain_id, jobs.accounts[domain_id], over)
            fallen.append((domain_id, tag - lost, base, start.floor, drop))
        elif not rises:
            moved = -lost
            fallen.append((who, it.tag + by + moved, base, start.floor, drop))
    if rises:
        base = max(min(clock, over), it.tag)
        moved = base - it.tag
        fallen.append((who, base + by, base, it.tag, moved))
    return moved


def note_fallen(state: State, lease: Lease, account: FairnessAccount, fallen: list[Fallen]) -> None:
    """Look at one more domain, each in its turn, and add it to ``fallen`` if it is too far ahead.

    Otherwise a domain is looked at only when it is served, when it comes to wait, or when something of it ends. One
    that waits in vain has none of that; so here each is looked at once in as many leases as there are domains.
    """
    domains, jobs = state.domains, state.jobs
    who = DomainId(1 + lease.lease_id % (domains.next_domain_id - 1))
    domain, other = domains.domains.get(who), jobs.accounts.get(who)
    if domain is not None and other is not None and other is not account and who not in account.above:
        inside = jobs.accounts[domain.parent] if domain.parent else jobs
        if inside.debt and all(who != each[0] for each in fallen):
            tag = standing(state, who, other, inside.clock - inside.debt)
            if tag != other.tag:
                start = jobs.starts.of.get(who)
                fallen.append((who, tag, start.base, start.floor, start.drop) if start else (who, tag, 0, 0, 0))
