"""Parameters of the methods about domains and loans, as the verbs of a service have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meted.core.resources import NOTHING, Resources

if TYPE_CHECKING:
    from meted.core.domains.commands import DomainRecord, LoanTerms

    from ..domain_apply import WantedDomain


def amounts(resources: Resources | None) -> dict[str, object] | None:
    """Return an amount of every resource as it is sent; None stays None."""
    if resources is None:
        return None
    return {
        "cpu_milli": resources.cpu_milli,
        "mem_bytes": resources.mem_bytes,
        "generic": dict(resources.generic),
    }


def entitlement(
    share: int | None = None,
    guarantee: Resources | None = None,
    cap: Resources | None = None,
    floor_share: int | None = None,
    floor: Resources | None = None,
) -> dict[str, object]:
    """Return what a domain is entitled to as it is sent; None is not told."""
    return {
        "share": share,
        "guarantee": amounts(guarantee),
        "cap": amounts(cap),
        "floor_share": floor_share,
        "floor": amounts(floor),
    }


def sent_records(records: Iterable[DomainRecord]) -> list[dict[str, object]]:
    """Return records of domains as they are sent; what is as at first is left out, as there may be many."""
    return [dict(_record(record)) for record in records]


def _record(record: DomainRecord) -> Iterable[tuple[str, object]]:
    yield from (("name", record.name), ("stamp_us", record.stamp_us), ("share", record.share))
    if record.parent:
        yield "parent", record.parent
    for name, resources in (("guarantee", record.guarantee), ("cap", record.cap), ("floor", record.floor)):
        if resources is not None and (resources != NOTHING or name == "cap"):
            yield name, amounts(resources)
    if record.floor_share != 1:
        yield "floor_share", record.floor_share
    if record.expires_us is not None:
        yield "expires_us", record.expires_us


def sent_wanted(wanted: Iterable[WantedDomain]) -> list[dict[str, object]]:
    """Return domains as they are wanted, as they are sent."""
    sent = []
    for one in wanted:
        params = entitlement(one.share, one.guarantee, one.cap, one.floor_share, one.floor)
        loans = None if one.loans is None else sent_loans(one.loans)
        sent.append({"name": one.name, "parent": one.parent, **params, "loans": loans, "absent": one.absent})
    return sent


def sent_loans(loans: Iterable[LoanTerms]) -> list[dict[str, object]]:
    """Return the terms of loans as they are sent."""
    return [
        {
            "borrower": loan.borrower,
            "resource": loan.resource,
            "amount": loan.amount,
            "start_us": loan.start_us,
            "expiry_us": loan.expiry_us,
            "notice_us": loan.notice_us,
        }
        for loan in loans
    ]
