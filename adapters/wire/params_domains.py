"""The parameters of the methods about domains: one record a method."""

from __future__ import annotations

import attrs

from meted.core.record import record

from .limits import PAGE_ROWS_MAX
from .params_loans import LoanTerms


@record
class Amounts:
    """An amount of every resource; what is not named is zero.

    Attributes:
        cpu_milli: Thousandths of a cpu.
        mem_bytes: Bytes of memory.
        generic: Thousandths of each other resource, by name.
    """

    cpu_milli: int = 0
    mem_bytes: int = 0
    generic: dict[str, int] = attrs.field(factory=dict)


@record
class Domains:
    """Return a page of the domains, ascending by name; after the last page comes an empty one.

    Attributes:
        after: Only domains with a larger name: the last one of the page before.
        limit: Most rows.
    """

    after: str = ""
    limit: int = PAGE_ROWS_MAX


@record
class Domain:
    """Return one domain.

    Attributes:
        domain: Name of the domain.
    """

    domain: str


@record
class DomainCreate:
    """Make a domain; one that is there already with all of this is left alone, and with anything else refused.

    Attributes:
        name: Name of the domain.
        parent: Name of the domain that it is a part of; empty at the top level. It never changes.
        share: Its part of what its parent gets, in proportion to the shares of the others there.
        guarantee: Of this much it may always hold as much at once; nil is nothing.
        cap: The most that it may hold at once; nil is no cap.
        floor_share: Lending must leave it at least this share.
        floor: Lending must leave it at least this guarantee; nil is nothing.
        key: Idempotency key.
    """

    name: str
    parent: str = ""
    share: int = 1
    guarantee: Amounts | None = None
    cap: Amounts | None = None
    floor_share: int = 1
    floor: Amounts | None = None
    key: str | None = None


@record
class DomainSet:
    """Change a domain, or make it at the top level; what is not named stays as it is.

    Attributes:
        name: Name of the domain.
        share: As in `domain.create`; nil leaves it, as with all that follow.
        guarantee: As in `domain.create`.
        cap: As in `domain.create`; nil leaves it.
        uncapped: Whether it has no cap any more; then there can be no `cap`.
        floor_share: As in `domain.create`.
        floor: As in `domain.create`.
        key: Idempotency key.
    """

    name: str
    share: int | None = None
    guarantee: Amounts | None = None
    cap: Amounts | None = None
    uncapped: bool = False
    floor_share: int | None = None
    floor: Amounts | None = None
    key: str | None = None


@record
class DomainRemove:
    """Remove a domain that has no jobs, sub-domains or loans.

    Attributes:
        name: Name of the domain.
        key: Idempotency key.
    """

    name: str
    key: str | None = None


@record
class GivenRecord:
    """What a register of domains says about one of them.

    Attributes:
        name: Name of the domain.
        stamp_us: When it was written; a newer record replaces an older one. Nil is the stamp of the delivery.
        parent: As in `domain.create`, and so are all that follow but the last.
        share: As there.
        guarantee: As there.
        cap: As there.
        floor_share: As there.
        floor: As there.
        expires_us: When the domain closes; nil is never.
    """

    name: str
    stamp_us: int | None = None
    parent: str = ""
    share: int = 1
    guarantee: Amounts | None = None
    cap: Amounts | None = None
    floor_share: int = 1
    floor: Amounts | None = None
    expires_us: int | None = None


@record
class DomainRecords:
    """Take records of domains, each judged by itself; those that are known are passed over.

    Attributes:
        stamp_us: When the delivery was written.
        records: The records, each a map of the arguments below.
        full: Whether these are all: then domains of records older than `stamp_us` close.
        key: Idempotency key.
    """

    stamp_us: int
    records: tuple[GivenRecord, ...]
    full: bool = False
    key: str | None = None


@record
class WantedDomain:
    """How a domain is to be.

    Attributes:
        name: Name of the domain.
        parent: As in `domain.create`, and so are all that follow but the last two; what is left out is as at first.
        share: As there.
        guarantee: As there.
        cap: As there.
        floor_share: As there.
        floor: As there.
        loans: All that it is to lend, as in `loans.set`; nil leaves that as it is.
        absent: Whether it is not to be there; then all but the name is left out.
    """

    name: str
    parent: str = ""
    share: int = 1
    guarantee: Amounts | None = None
    cap: Amounts | None = None
    floor_share: int = 1
    floor: Amounts | None = None
    loans: tuple[LoanTerms, ...] | None = None
    absent: bool = False


@record
class DomainApply:
    """Let domains be as they are wanted, each judged by itself; what is so already is left alone.

    Attributes:
        domains: The domains, each a map of the arguments below.
        dry_run: Whether to say only what would be done.
        key: Idempotency key.
    """

    domains: tuple[WantedDomain, ...]
    dry_run: bool = False
    key: str | None = None
