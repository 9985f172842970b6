"""Records of domains that come from elsewhere: newest wins, full updates, expiry (rows N01-N04, N08).

Each record is judged by itself, so that one that is bad keeps nobody else's from taking effect. Only differences do
anything: of records that say what is known already nothing is kept but that they are newer (row N32). A domain that was
made by hand has no stamp, and no full update touches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

from .. import limits
from ..commands import DeliverRecords, DomainRecord, ExpireDomain
from ..errors import Reason, Refused
from ..events import DomainCreated, DomainOpened, Event, MinimumStampSet, RecordRefused, RecordsConfirmed
from ..ids import DomainId
from ..state import Domain, State
from . import checks
from .draft import Draft
from .entitlements import check_entitlement, find_domain
from .tree import change, check_name, check_place, close, find_parent

Name = TypeVar("Name", bound=object)


def deliver(state: State, command: DeliverRecords, at_us: int) -> tuple[Event, ...]:
    """Judge a delivery of records."""
    checks.whole(command.stamp_us, "stamp_us", 1, limits.TIME_MAX_US)
    checks.flag(command.full, "full")
    records = checks.items(command.records, "records", limits.RECORDS_MAX)
    draft = Draft(state, at_us)
    confirmed: dict[DomainId, int] = {}
    refused: list[RecordRefused] = []
    for record in _parents_first(records):
        try:
            _take(draft, record, confirmed)
        except Refused as refusal:
            refused.append(RecordRefused(at_us, _name_of(record), refusal.reason.value, refusal.sentence))
    for stamp_us in sorted(set(confirmed.values())):
        same = sorted(domain_id for domain_id, written_us in confirmed.items() if written_us == stamp_us)
        draft.add(RecordsConfirmed(draft.at_us, stamp_us, tuple(same)))
    for told in refused[: limits.RECORD_REFUSALS_MAX]:
        draft.add(told)
    more = len(refused) - limits.RECORD_REFUSALS_MAX
    if more > 0:
        sentence = f"{more} more records of this delivery were refused; set these right and deliver it again."
        draft.add(RecordRefused(at_us, "", Reason.TOO_MANY.value, sentence))
    if command.full:
        if command.stamp_us > draft.state.domains.min_stamp_us:
            draft.add(MinimumStampSet(at_us, command.stamp_us))
        for domain in _absent(draft.state, command.stamp_us):
            close(draft, domain.domain_id, "absent")
    return tuple(draft.events)


def expire(state: State, command: ExpireDomain, at_us: int) -> tuple[Event, ...]:
    """Close a domain whose record holds no more."""
    domain = find_domain(state, command.name)
    if domain.closed is not None:
        return ()
    if domain.expires_us is None or domain.expires_us > at_us:
        when = "never expires" if domain.expires_us is None else f"expires at {domain.expires_us} us"
        raise Refused(Reason.NOT_DUE, f"Domain {domain.name!r} {when}; wait for that.")
    draft = Draft(state, at_us)
    close(draft, domain.domain_id, "expired")
    return tuple(draft.events)


def _take(draft: Draft, record: object, confirmed: dict[DomainId, int]) -> None:
    """Take one record, or refuse it and decide nothing; what it only confirms is noted by domain, with its stamp."""
    if type(record) is not DomainRecord:
        raise Refused(Reason.BAD_TYPE, f"A record must be of a domain, not {type(record).__name__}.")
    _check(record)
    domains = draft.state.domains
    known = domains.by_name.get(record.name)
    domain = None if known is None else domains.domains[known]
    if record.stamp_us < domains.min_stamp_us:
        return
    if domain is not None and record.stamp_us <= confirmed.get(domain.domain_id, domain.stamp_us):
        return
    parent = find_parent(draft.state, record.parent)
    expired = record.expires_us is not None and record.expires_us <= draft.at_us
    if domain is None:
        if expired:
            raise Refused(Reason.OUT_OF_RANGE, f"The record of {record.name!r} has expired already; get a newer one.")
        _create(draft, record, parent)
        return
    if domain.parent != parent:
        raise Refused(
            Reason.PARENT_FIXED,
            f"Domain {record.name!r} is below another parent, which never changes; remove it first, or use another "
            "name.",
        )
    if _terms(domain) == _terms(record):
        confirmed[domain.domain_id] = record.stamp_us
    else:
        confirmed.pop(domain.domain_id, None)
        change(draft, domain.domain_id, record, record.stamp_us, record.expires_us)
    if expired and domain.closed is None:
        close(draft, domain.domain_id, "expired")
    elif domain.closed is not None and not expired:
        draft.add(DomainOpened(draft.at_us, domain.domain_id))


def _terms(one: Domain | DomainRecord) -> tuple[object, ...]:
    return one.share, one.guarantee, one.cap, one.floor_share, one.floor, one.expires_us


def _check(record: DomainRecord) -> None:
    checks.text(record.name, "the domain's name", limits.NAME_BYTES_MAX, empty=False)
    checks.text(record.parent, "the parent's name", limits.NAME_BYTES_MAX)
    checks.whole(record.stamp_us, "stamp_us", 1, limits.TIME_MAX_US)
    checks.optional(record.expires_us, "expires_us", 0, limits.TIME_MAX_US)
    check_entitlement(record.share, record.guarantee, record.cap, record.floor_share, record.floor)


def _create(draft: Draft, record: DomainRecord, parent: DomainId) -> None:
    check_name(record.name)
    check_place(draft.state, parent)
    draft.add(
        DomainCreated(
            draft.at_us,
            DomainId(draft.state.domains.next_domain_id),
            record.name,
            parent,
            record.share,
            record.guarantee,
            record.cap,
            record.floor_share,
            record.floor,
            record.stamp_us,
            record.expires_us,
        )
    )


def _parents_first(records: tuple[object, ...]) -> Iterable[object]:
    """Return records in their order, but each after those of the domains above it."""
    parents: dict[object, object] = {}
    for record in records:
        if type(record) is DomainRecord and type(record.name) is type(record.parent) is str:
            parents.setdefault(record.name, record.parent)
    level = levels(parents)
    return sorted(records, key=lambda record: level.get(_name_of(record), 0))


def levels(parents: Mapping[Name, object]) -> dict[Name, int]:
    """Return how many of those named in ``parents``, a map of a name to its parent's, are above each, and itself.

    A cycle ends where it meets itself; what is in one has no level that would be right.
    """
    found: dict[Name, int] = {}
    for start in parents:
        chain: list[Name] = []
        name = start
        while name in parents and name not in found:
            found[name] = 0
            chain.append(name)
            name = cast(Name, parents[name])
        level = found.get(name, 0)
        for below in reversed(chain):
            level += 1
            found[below] = level
    return found


def _name_of(record: object) -> str:
    """Return the name of a record if it has one that can be written down, else an empty text."""
    if type(record) is not DomainRecord:
        return ""
    try:
        checks.text(record.name, "name", limits.NAME_BYTES_MAX)
    except Refused:
        return ""
    return record.name


def _absent(state: State, stamp_us: int) -> list[Domain]:
    """Return the open domains whose records are older than a full update, those further down first."""
    path = state.domains.path
    absent = [one for one in state.domains.domains.values() if one.closed is None and 0 < one.stamp_us < stamp_us]
    return sorted(absent, key=lambda one: (-len(path(one.domain_id)), one.domain_id))
