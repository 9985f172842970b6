"""What was acknowledged is in the log, and was done once, however often it was repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import cast

from meted.core.credit.karma import KARMA_BEGINS
from meted.core.credit.state import CreditRules
from meted.core.events import (
    CreditClosed,
    CreditHeld,
    CreditLent,
    CreditMoved,
    CreditOpened,
    CreditRulesChanged,
    DomainChanged,
    DomainClosed,
    DomainCreated,
    DomainOpened,
    DomainRemoved,
    Event,
    HoldPosted,
    HoldVoided,
    JobArchived,
    JobEnded,
    JobStopped,
    JobSubmitted,
    LoanEnded,
    LoanMade,
    LoanRecalled,
    PriorityChanged,
    RulesChanged,
    WorkerDrained,
)
from meted.core.state import Rules

from .history import History
from .witness import Call, Witness

Fact = tuple[object, ...]
"""What happened: a word, and what it happened to."""


RULES = ("alpha_milli", "pool", "usage", "start_mc")
CREDIT_RULES = ("grant_mc", "period_us", "price_mc", "income", "donors")
"""The rules that are looked for; those with two ways of saying none are left out."""


def wrong_calls(history: History, witness: Witness) -> Iterator[str]:
    """Yield what was acknowledged and is not in the log, or is there more than once."""
    facts = Counter(_facts(history))
    for fact, count in facts.items():
        if fact[0] in ("named", "note") and count != 1:
            yield f"{fact} was done {count} times."
    promised: Counter[Fact] = Counter()
    for call in witness.calls:
        if call.is_open:
            yield f"The call {call.method} {call.params} was never answered."
        elif call.answer is not None:
            found = _promised(call)
            promised.update(found)
            if not set(found) <= facts.keys():
                yield f"{call.method} {call.params} was acknowledged with {call.answer}, but the log does not say so."
    for fact, count in facts.items():
        # Every call is answered in the end; so what has a key is done as often as it is acknowledged, and not more.
        if fact[0] in ("offer", "hold", "lend") and promised[fact] != count:
            yield f"{fact} is in the log {count} times, and was acknowledged {promised[fact]} times."


def _rules(source: object, names: tuple[str, ...]) -> Iterator[Fact]:
    return (("rule", name, getattr(source, name)) for name in names)


def _facts(history: History) -> Iterator[Fact]:
    yield from _rules(Rules(), RULES)
    yield from _rules(CreditRules(), CREDIT_RULES)
    domains: dict[int, str] = {}
    accounts: dict[int, str] = {}
    for event in history.events:
        match event:
            case DomainCreated():
                domains[event.domain_id] = event.name
                yield "domain.set", event.name, event.share
                yield "domain.create", event.name, event.parent and domains[event.parent]
            case DomainChanged():
                yield "domain.set", domains[event.domain_id], event.share
            case DomainRemoved():
                yield "domain.remove", domains[event.domain_id]
            case DomainClosed():
                yield "closed", domains[event.domain_id]
            case DomainOpened():
                yield "opened", domains[event.domain_id]
            case CreditOpened():
                accounts[event.account_id] = domains[event.domain_id]
                yield "credit.open", domains[event.domain_id], event.account_id
            case CreditClosed():
                yield "credit.close", accounts[event.account_id]
            case LoanMade():
                # Amounts of offers are odd, those in lists are even.
                word = "offer" if event.amount % 2 else "listed"
                yield "made", event.loan_id
                yield word, event.loan_id, domains[event.lender], domains[event.borrower], event.resource, event.amount
            case CreditHeld():
                yield "hold", event.hold_id, accounts[event.account_id], event.amount_mc
            case CreditLent():
                yield "lend", event.loan_id, accounts[event.lender], accounts[event.borrower], event.amount_mc
            case _:
                yield from _plain_facts(event)


def _plain_facts(event: Event) -> Iterator[Fact]:
    """Yield what is said by an event alone."""
    match event:
        case JobSubmitted():
            yield "named", event.terms.name
            yield "submit", event.job_id, event.terms.name
        case JobStopped() | JobEnded():
            yield "cancel", event.job_id
        case JobArchived() if event.deleted:
            yield "delete", event.job_id
        case WorkerDrained():
            yield "drain", event.worker_id, event.draining
        case LoanRecalled() | LoanEnded():
            yield "recall", event.loan_id
        case CreditMoved() if event.note and event.kind in ("transfer", "grant", "withdrawal"):
            yield ("note" if event.note != KARMA_BEGINS else "begins"), event.note
            yield "moved", event.kind, event.note, event.amount_mc
        case HoldPosted():
            yield "post", event.hold_id, event.amount_mc
        case HoldVoided():
            yield "void", event.hold_id
        case PriorityChanged():
            yield "nice", event.job_id, event.priority, event.points
        case RulesChanged():
            yield from _rules(event, RULES)
        case CreditRulesChanged():
            yield from _rules(event, CREDIT_RULES)
        case _:
            pass


def _promised(call: Call) -> list[Fact]:
    """Return what the log must say if a call was acknowledged."""
    params, answer = call.params, call.answer
    assert answer is not None
    amount_mc = cast(int, params.get("amount_mc", 0))
    match call.method:
        case "submit":
            return [("submit", answer["job"], params["name"])]
        case "cancel":
            return [("cancel", job_id) for job_id in cast("list[int]", params["jobs"])]
        case "delete":
            return [("delete", params["job"])]
        case "drain" if params["draining"]:
            return [("drain", params["worker"], True)]
        case "domain.set":
            return [("domain.set", params["name"], params["share"])]
        case "domain.create":
            # One that is there already with all of this is left alone, and may have come to it by a change.
            name = params["name"]
            return [("domain.create", name, params.get("parent", 0)), ("domain.set", name, params["share"])]
        case "domain.remove":
            return [("domain.remove", params["name"])]
        case "domain.records" | "domain.apply" if not params.get("dry_run"):
            return _many(params.get("records") or params.get("domains"), answer)
        case "loan.offer":
            return [("offer", answer["loan"], *(params[it] for it in ("lender", "borrower", "resource", "amount")))]
        case "loans.set":
            return [("made", loan_id) for loan_id in cast("list[int]", answer["made"])]
        case "rules.set" | "credit.rules.set":
            return [("rule", name, value) for name, value in params.items() if name in (*RULES, *CREDIT_RULES)]
        case "loan.recall":
            return [("recall", params["loan"])]
        case "credit.open":
            return [("credit.open", params["domain"], answer["account"])]
        case "credit.close":
            return [("credit.close", params["domain"])]
        case "credit.grant":
            return [("moved", "grant" if amount_mc > 0 else "withdrawal", params["note"], abs(amount_mc))]
        case "credit.transfer":
            return [("moved", "transfer", params["note"], amount_mc)]
        case "credit.hold":
            return [("hold", answer["hold"], params["domain"], amount_mc)]
        case "credit.post":
            return [("post", params["hold"], amount_mc)]
        case "credit.void":
            return [("void", params["hold"])]
        case "credit.lend":
            return [("lend", answer["loan"], params["lender"], params["borrower"], amount_mc)]
        case "job.nice":
            return [("nice", params["job"], answer["priority"], answer["points"])]
        case _:
            return []


def _many(named: object, answer: Mapping[str, object]) -> list[Fact]:
    """Return what the log must say if it was answered of many domains, which ``named`` has, what became of each."""
    shares = {one["name"]: one.get("share") for one in cast("list[Mapping[str, object]]", named or ())}
    found = {
        word: cast("list[str]", answer.get(word, ())) for word in ("created", "changed", "closed", "opened", "removed")
    }
    facts: list[Fact] = [("domain.set", name, shares[name]) for name in (*found["created"], *found["changed"])]
    facts += [(word, name) for word in ("closed", "opened") for name in found[word]]
    return facts + [("domain.remove", name) for name in found["removed"]]
