"""Commands on domains, loans and rules as services give them: what is not named stays as it is.

Each takes the engine, so that what it reads is what the command is judged on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from meted.core.commands import (
    ChangeDomain,
    ChangePriority,
    CreateDomain,
    DeliverRecords,
    DomainRecord,
    LoanTerms,
    OfferLoan,
    RecallLoan,
    SetLoans,
    SetRules,
)
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import (
    DomainChanged,
    DomainClosed,
    DomainCreated,
    DomainOpened,
    DomainRemoved,
    LoanMade,
    LoanRefused,
    RecordRefused,
    RecordsConfirmed,
)
from meted.core.ids import DomainId, JobId, LoanId
from meted.core.resources import NOTHING, Resources

from .trial import Trial


class RefusedRecord(TypedDict):
    """A record that was not taken; ``name`` is empty where the rest of many is counted."""

    name: str
    reason: str
    sentence: str


class Delivered(TypedDict):
    """What a delivery of records did, by the names of the domains; those of ``unchanged`` are only newer (row N32)."""

    created: list[str]
    changed: list[str]
    unchanged: list[str]
    closed: list[str]
    opened: list[str]
    removed: list[str]
    refused: list[RefusedRecord]


class RefusedLoan(TypedDict):
    """An entry of a list of loans that was not taken."""

    borrower: str
    resource: str
    amount: int
    reason: str
    sentence: str


class LoansGiven(TypedDict):
    """What a list of loans did: the ids of those that are new, and the entries that were refused."""

    made: list[int]
    refused: list[RefusedLoan]


def set_domain(
    engine: Engine,
    at_us: int,
    name: str,
    share: int | None = None,
    guarantee: Resources | None = None,
    cap: Resources | None = None,
    uncapped: bool = False,
    floor_share: int | None = None,
    floor: Resources | None = None,
) -> None:
    """Change a domain, or make it at the top level; what is None stays as it is.

    Raises:
        Refused: It cannot be so; the sentence says why.
    """
    if uncapped and cap is not None:
        raise Refused(Reason.OUT_OF_RANGE, "A domain cannot have a cap and none; give either cap or uncapped.")
    domains = engine.state.domains
    known = domains.by_name.get(name) if type(name) is str else None  # what is none is refused
    if known is None:
        engine.handle(
            CreateDomain(
                at_us,
                name,
                1 if share is None else share,
                cap,
                "",
                guarantee or NOTHING,
                1 if floor_share is None else floor_share,
                floor or NOTHING,
            )
        )
        return
    domain = domains.domains[known]
    engine.handle(
        ChangeDomain(
            at_us,
            name,
            domain.share if share is None else share,
            None if uncapped else domain.cap if cap is None else cap,
            domain.guarantee if guarantee is None else guarantee,
            domain.floor_share if floor_share is None else floor_share,
            domain.floor if floor is None else floor,
        )
    )


def set_rules(
    engine: Engine,
    at_us: int,
    alpha_milli: int | None = None,
    half_life_us: int | None = None,
    aging_us: int | None = None,
    no_aging: bool = False,
    pool: str | None = None,
    usage: str | None = None,
    start_mc: int | None = None,
) -> None:
    """Change rules of fairness; what is None stays as it is.

    Raises:
        Refused: One of them is out of range.
    """
    if no_aging and aging_us is not None:
        raise Refused(Reason.OUT_OF_RANGE, "Waiting cannot count and not count; give either aging_us or no_aging.")
    rules = engine.state.rules
    engine.handle(
        SetRules(
            at_us,
            rules.alpha_milli if alpha_milli is None else alpha_milli,
            rules.half_life_us if half_life_us is None else half_life_us,
            None if no_aging else rules.aging_us if aging_us is None else aging_us,
            rules.pool if pool is None else pool,
            rules.usage if usage is None else usage,
            rules.start_mc if start_mc is None else start_mc,
        )
    )


def offer_loan(engine: Engine, command: OfferLoan) -> int:
    """Make a loan and return its id.

    Raises:
        Refused: It cannot be; the sentence says why.
    """
    made = engine.handle(command)[0]
    assert isinstance(made, LoanMade)
    return made.loan_id


def recall_loan(engine: Engine, at_us: int, loan_id: int) -> int | None:
    """Take a loan back, and return when it ends; None where it is over.

    Raises:
        Refused: There never was such a loan.
    """
    engine.handle(RecallLoan(at_us, LoanId(loan_id)))
    loan = engine.state.domains.loans.get(LoanId(loan_id))
    return None if loan is None else loan.ends_us


def set_loans(engine: Engine | Trial, at_us: int, lender: str, loans: Sequence[LoanTerms]) -> LoansGiven:
    """Replace the loans of a lender.

    Raises:
        Refused: There is no such lender, or an entry is malformed: then all is as it was.
    """
    given = LoansGiven(made=[], refused=[])
    for event in engine.handle(SetLoans(at_us, lender, tuple(loans))):
        if isinstance(event, LoanMade):
            given["made"].append(event.loan_id)
        elif isinstance(event, LoanRefused):
            given["refused"].append(
                RefusedLoan(
                    borrower=event.borrower,
                    resource=event.resource,
                    amount=event.amount,
                    reason=event.reason,
                    sentence=event.sentence,
                )
            )
    return given


def deliver_records(
    engine: Engine | Trial, at_us: int, stamp_us: int, records: Sequence[DomainRecord], full: bool
) -> Delivered:
    """Take records of domains, and say what became of each of which something did.

    Raises:
        Refused: The delivery itself is malformed.
    """
    names: dict[DomainId, str] = {one.domain_id: one.name for one in engine.state.domains.domains.values()}
    done = Delivered(created=[], changed=[], unchanged=[], closed=[], opened=[], removed=[], refused=[])
    for event in engine.handle(DeliverRecords(at_us, stamp_us, tuple(records), full)):
        match event:
            case DomainCreated():
                names[event.domain_id] = event.name
                done["created"].append(event.name)
            case DomainChanged():
                done["changed"].append(names[event.domain_id])
            case RecordsConfirmed():
                done["unchanged"].extend(names[domain_id] for domain_id in event.domain_ids)
            case DomainClosed():
                done["closed"].append(names[event.domain_id])
            case DomainOpened():
                done["opened"].append(names[event.domain_id])
            case DomainRemoved():
                done["removed"].append(names[event.domain_id])
            case RecordRefused():
                done["refused"].append(RefusedRecord(name=event.name, reason=event.reason, sentence=event.sentence))
            case _:
                pass
    return done


def change_priority(engine: Engine, at_us: int, job_id: int, priority: int) -> None:
    """Give a job that has not ended another priority.

    Raises:
        Refused: It is not known or has ended, or the priority is out of range.
    """
    engine.handle(ChangePriority(at_us, JobId(job_id), priority))
