"""What is always true of karma; :mod:`.invariants` asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..ids import AccountId, DomainId
from ..state import State
from .karma import part_of
from .slices import Standing
from .state import Ledger


def held_by_slices(ledger: Ledger) -> Counter[AccountId]:
    """Return what is set aside for slices, by account."""
    held: Counter[AccountId] = Counter()
    for slice_ in ledger.karma.slices.values():
        if slice_.unit_mc:
            held[ledger.of_domain[slice_.domain_id]] += slice_.unit_mc * slice_.units
    return held


def wrong_karma(state: State) -> Iterator[str]:
    """Yield what is wrong with slices or with how domains stand."""
    karma = state.ledger.karma
    free: Counter[DomainId] = Counter()
    lent: Counter[DomainId] = Counter()
    waived: Counter[DomainId] = Counter()
    due: Counter[DomainId] = Counter()
    for lease_id, slice_ in sorted(karma.slices.items()):
        lease = state.jobs.leases.get(lease_id)
        name = f"The slice of lease {lease_id}"
        if lease is None or lease.left != slice_.units:
            yield f"{name} is for {slice_.units} units, which the lease has not left."
        elif lease.size // lease.estimate_us != slice_.free_milli + slice_.priced_milli:
            yield f"{name} is not as wide as what the lease holds."
        given = sum(milli for _, milli in slice_.donors)
        if given > slice_.priced_milli or (slice_.unit_mc and slice_.waived_mc) or (given and not slice_.unit_mc):
            yield f"{name} takes {given} of {slice_.priced_milli} from donors, and costs what it should not."
        free[slice_.domain_id] += slice_.free_milli
        waived[slice_.domain_id] += slice_.waived_mc * slice_.units
        for donor, milli in slice_.donors:
            lent[donor] += milli
            due[donor] += part_of(slice_, milli, slice_.unit_mc) * slice_.units
    # A donor may have been removed meanwhile; what it lent is nobody's then.
    donors = {domain_id for domain_id in lent if domain_id in state.domains.domains}
    for domain_id in sorted(free.keys() | donors | set(karma.standings)):
        standing = karma.standings.get(domain_id)
        if standing is None or domain_id not in state.domains.domains:
            yield f"Domain {domain_id} is not under karma, or is not there."
            continue
        sums = Standing(standing.mark, free[domain_id], lent[domain_id], waived[domain_id], due[domain_id])
        if standing != sums:
            yield f"Domain {domain_id} stands at {standing} under karma, and it should be {sums}."
