"""The parameters of the methods about domains, loans and the rules of fairness: one record a method."""

from __future__ import annotations

import attrs

from meted.core.record import record

from .limits import PAGE_ROWS_MAX


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
class LoanTerms:
    """One loan of a list; an amount of 0 is none.

    Attributes:
        borrower: As in `loan.offer`, and so are all that follow.
        resource: As there.
        amount: As there.
        start_us: As there.
        expiry_us: As there.
        notice_us: As there.
    """

    borrower: str
    resource: str
    amount: int
    start_us: int | None = None
    expiry_us: int | None = None
    notice_us: int = 0


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


@record
class Loans:
    """Return a page of the loans, ascending by id, those that have not started among them; the last page is empty.

    Attributes:
        domain: Only what this domain lends or borrows; nil for all.
        after: Only loans with a larger id: the last one of the page before.
        limit: Most rows.
    """

    domain: str | None = None
    after: int = 0
    limit: int = PAGE_ROWS_MAX


@record
class LoanOffer:
    """Lend a part of what a domain is entitled to; it counts at once, or from `start_us` on.

    Attributes:
        lender: Name of the domain that lends.
        borrower: Name of the domain that borrows.
        resource: `share`, `cpu`, `mem` or another resource of which the lender is guaranteed something.
        amount: How much: units of share, thousandths of a cpu, bytes, or thousandths.
        start_us: When it starts; nil is now.
        expiry_us: When it ends by itself; nil is never.
        notice_us: How long the borrower keeps it after it was recalled.
        key: Idempotency key.
    """

    lender: str
    borrower: str
    resource: str
    amount: int
    start_us: int | None = None
    expiry_us: int | None = None
    notice_us: int = 0
    key: str | None = None


@record
class LoanRecall:
    """Take a loan back: at once, or after the notice that was promised; one that is over is left alone.

    Attributes:
        loan: Id of the loan.
        key: Idempotency key.
    """

    loan: int
    key: str | None = None


@record
class LoansSet:
    """Replace all loans of a lender by a list, judged in its order.

    Attributes:
        lender: Name of the domain that lends.
        loans: The loans, each a map of the arguments below; those that are there already go on as they are.
        key: Idempotency key.
    """

    lender: str
    loans: tuple[LoanTerms, ...]
    key: str | None = None


@record
class LoanStatement:
    """Return what loans make of what a domain is entitled to, line by line.

    Attributes:
        domain: Name of the domain.
    """

    domain: str


@record
class LoanChanges:
    """Return what became of loans since a position, for callers that take no notifications.

    Attributes:
        since_seq: The `seq` of the answer before; 0 for the loans as they are.
        domain: Only what this domain lends or borrows; nil for all.
        wait_us: Microseconds to wait for a change.
    """

    since_seq: int
    domain: str | None = None
    wait_us: int = 0


@record
class Rules:
    """Return the rules of fairness."""


@record
class RulesSet:
    """Change rules of fairness for the whole pool; what is not named stays as it is.

    Attributes:
        alpha_milli: Thousandths of the pool that are given out by share; the rest goes by usage. Nil leaves it, as
            with all that follow.
        half_life_us: After this long, usage counts half.
        aging_us: Having waited this long counts as much as half the usage.
        no_aging: Whether waiting counts nothing any more; then there can be no `aging_us`.
        pool: By what the rest is given out: `decay` (usage that fades), `fifo` or `karma` (the richest first).
        usage: What counts as usage: `all`, or only what came from the `pool`.
        start_mc: Under karma, what a domain begins with for each unit of its share, in thousandths of a credit.
        key: Idempotency key.
    """

    alpha_milli: int | None = None
    half_life_us: int | None = None
    aging_us: int | None = None
    no_aging: bool = False
    pool: str | None = None
    usage: str | None = None
    start_mc: int | None = None
    key: str | None = None


@record
class JobPriority:
    """Change the priority of a job that has not ended.

    Attributes:
        job: Id of the job.
        priority: Larger goes first among the jobs of one user, and counts for more as usage; each step doubles both.
        key: Idempotency key.
    """

    job: int
    priority: int
    key: str | None = None
