"""What domains may be entitled to, and what of it they may lend; shared by the judges of domains, loans and records."""

from __future__ import annotations

from .. import limits
from ..domains.state import SHARE
from ..errors import Reason, Refused
from ..resources import NOTHING, Resources, format_amount
from ..state import Domain, State
from . import checks


def find_domain(state: State, name: object) -> Domain:
    """Return the domain of that name, or refuse."""
    domain_id = state.domains.by_name.get(name) if type(name) is str else None
    if domain_id is None:
        checks.text(name, "the domain's name", limits.NAME_BYTES_MAX, empty=False)
        raise Refused(Reason.UNKNOWN_DOMAIN, f"There is no domain {name!r}; create it first.")
    return state.domains.domains[domain_id]


def check_open_leaf(state: State, domain: Domain) -> None:
    """Refuse a domain that may be given no jobs: it has sub-domains, or it or one above it is closed."""
    if domain.children:
        raise Refused(
            Reason.DOMAIN_HAS_CHILDREN,
            f"Domain {domain.name!r} has sub-domains, so it takes no jobs itself; name one of these.",
        )
    if domain.parent or domain.closed is not None:
        check_open(state, domain)


def check_open(state: State, domain: Domain) -> None:
    """Refuse a domain that is closed, or is below one that is."""
    for domain_id in (domain.domain_id, *state.domains.path(domain.domain_id)):
        one = state.domains.domains[domain_id]
        if one.closed is not None:
            raise Refused(
                Reason.DOMAIN_CLOSED,
                f"Domain {one.name!r} is closed, as its record {_WHY_CLOSED[one.closed]}; "
                "a newer record opens it again.",
            )


_WHY_CLOSED = {"absent": "was not in the last full update", "expired": "has expired"}


def check_entitlement(share: object, guarantee: object, cap: object, floor_share: object, floor: object) -> None:
    """Refuse an entitlement of which any part is not as it should be."""
    checks.whole(share, "share", 1, limits.SHARE_MAX)
    checks.resources(guarantee, "guarantee")
    if cap is not None:
        checks.resources(cap, "cap")
    checks.whole(floor_share, "floor_share", 1, limits.SHARE_MAX)
    checks.resources(floor, "floor")


def counted(domain: Domain) -> Resources:
    """Return the guarantee of its own that counts for a domain: a closed one has none."""
    return domain.guarantee if domain.closed is None else NOTHING


def check_room(state: State, lender: Domain, borrower: Domain, resource: str, amount: int) -> None:
    """Refuse to lend more than there is: amount <= base - lent - floor (policy of PlanetLab's node manager).

    What was borrowed cannot be lent again. A part of a guarantee that leaves the subtree of a domain above the lender
    has to be covered by what that one is guaranteed itself in the same way; so whatever is recalled later, no effective
    guarantee ever falls below zero.
    """
    if resource == SHARE:
        _check_amount(lender, resource, amount, lender.share - lender.lent_share, lender.floor_share)
        return
    domains = state.domains
    above = (domains.domains[domain_id] for domain_id in domains.left(lender.domain_id, borrower.domain_id))
    for domain in (lender, *above):
        room = counted(domain).amount(resource) - domain.lent.amount(resource)
        _check_amount(domain, resource, amount, room, domain.floor.amount(resource))


def _check_amount(domain: Domain, resource: str, amount: int, room: int, floor: int) -> None:
    if amount <= room - floor:
        return
    left, kept = (
        f"a share of {amount}" if resource == SHARE else format_amount(resource, amount) for amount in (room, floor)
    )
    if amount > room:
        raise Refused(
            Reason.OVER_CAPACITY,
            f"Domain {domain.name!r} has {left} of its own that it has not lent yet; lend at most that, less its floor "
            f"({kept}).",
        )
    raise Refused(
        Reason.BELOW_FLOOR,
        f"Domain {domain.name!r} has {left} of its own that it has not lent yet, and must keep its floor ({kept}); "
        "lend less, or lower the floor.",
    )
