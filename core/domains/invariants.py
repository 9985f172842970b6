"""What is always true of domains and loans; :mod:`meted.core.invariants` asks for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from ..decide.entitlements import counted
from ..ids import DomainId, LoanId
from ..limits import DOMAIN_DEPTH_MAX, LOAN_BACKOFFS_MAX, LOANS_MAX
from ..resources import NOTHING, Resources
from ..state import Domain, Domains, Loan, State
from .state import SHARE, TOP, one_resource


def wrong_domains(state: State) -> Iterator[str]:
    """Yield what is wrong with the tree of domains, with loans, or with what they make of entitlements."""
    domains = state.domains
    yield from _wrong_tree(domains)
    yield from _wrong_loans(domains)
    yield from _wrong_entitlements(domains)
    yield from _wrong_sums(domains)


def _wrong_tree(domains: Domains) -> Iterator[str]:
    shares: Counter[DomainId] = Counter()
    children: Counter[DomainId] = Counter()
    for domain_id, domain in domains.domains.items():
        if domain.domain_id != domain_id:
            yield f"Domain {domain_id} is filed under another id than its own, {domain.domain_id}."
        if domains.by_name.get(domain.name) != domain_id:
            yield f"Domain {domain_id} is not found by its name {domain.name!r}."
        if domain.parent != TOP and domain.parent not in domains.domains:
            yield f"Domain {domain_id} is below domain {domain.parent}, which is not there."
        elif domain.parent >= domain_id:
            yield f"Domain {domain_id} is older than its parent."
        elif len(domains.path(domain_id)) >= DOMAIN_DEPTH_MAX:
            yield f"Domain {domain_id} is too far down."
        shares[domain.parent] += domain.share
        children[domain.parent] += 1
    if len(domains.by_name) != len(domains.domains):
        yield f"There are {len(domains.by_name)} names of {len(domains.domains)} domains."
    if domains.total_share != shares[TOP]:
        yield f"All shares are {shares[TOP]} together, not {domains.total_share}."
    for domain_id, domain in domains.domains.items():
        if (domain.children, domain.children_share) != (children[domain_id], shares[domain_id]):
            yield f"Domain {domain_id} does not count its {children[domain_id]} sub-domains and their shares right."


def _wrong_loans(domains: Domains) -> Iterator[str]:
    lends: defaultdict[DomainId, dict[LoanId, DomainId]] = defaultdict(dict)
    borrows: defaultdict[DomainId, dict[LoanId, DomainId]] = defaultdict(dict)
    passes: defaultdict[DomainId, dict[LoanId, DomainId]] = defaultdict(dict)
    for loan_id, loan in domains.loans.items():
        name = f"Loan {loan_id}"
        if loan.loan_id != loan_id or not 0 < loan_id < domains.next_loan_id:
            yield f"{name} is filed under another id than its own, or one that was never given."
        if not {loan.lender, loan.borrower} <= set(domains.domains):
            yield f"{name} is of a domain that is not there."
            continue
        yield from _wrong_loan(domains, name, loan)
        lends[loan.lender][loan_id] = loan.borrower
        borrows[loan.borrower][loan_id] = loan.lender
        if loan.resource != SHARE:
            for domain_id in domains.left(loan.lender, loan.borrower):
                passes[domain_id][loan_id] = loan.lender
    for domain_id, domain in domains.domains.items():
        found = (dict(domain.lends), dict(domain.borrows), dict(domain.passes))
        if found != (lends[domain_id], borrows[domain_id], passes[domain_id]):
            yield f"Domain {domain_id} does not know its loans."
        if len(domain.lends) > LOANS_MAX or len(domain.recalls) > LOAN_BACKOFFS_MAX:
            yield f"Domain {domain_id} has given or recalled more loans than it may."


def _wrong_loan(domains: Domains, name: str, loan: Loan) -> Iterator[str]:
    lender, borrower = domains.domains[loan.lender], domains.domains[loan.borrower]
    if loan.lender == loan.borrower or loan.lender in domains.path(loan.borrower):
        yield f"{name} is to its lender itself or to a part of it."
    if loan.borrower in domains.path(loan.lender):
        yield f"{name} is of a part of its borrower."
    if loan.resource == SHARE and lender.parent != borrower.parent:
        yield f"{name} is of a share, between domains of two parents."
    if loan.amount < 1 or loan.start_us < loan.made_us:
        yield f"{name} has no amount, or starts before it was made."
    if loan.expiry_us is not None and loan.expiry_us <= loan.start_us:
        yield f"{name} expires before it starts."
    if lender.closed is not None or borrower.closed is not None:
        yield f"{name} is of a closed domain."
    if loan.ends_us is not None and not (loan.started and loan.notice_us):
        yield f"{name} was recalled and goes on without a promise of notice."


def _wrong_entitlements(domains: Domains) -> Iterator[str]:
    """Yield where base - lent + borrowed is not what counts, or lending went below a floor."""
    share: Counter[DomainId] = Counter()
    lent_share: Counter[DomainId] = Counter()
    moved: defaultdict[DomainId, Resources] = defaultdict(lambda: NOTHING)
    lent: defaultdict[DomainId, Resources] = defaultdict(lambda: NOTHING)
    for loan in domains.loans.values():
        if loan.resource == SHARE:
            lent_share[loan.lender] += loan.amount
            share[loan.lender] -= loan.amount * loan.started
            share[loan.borrower] += loan.amount * loan.started
            continue
        part = one_resource(loan.resource, loan.amount)
        for domain_id in (loan.lender, *domains.left(loan.lender, loan.borrower)):
            lent[domain_id] = lent[domain_id].plus(part)
            moved[domain_id] = moved[domain_id].minus(part.times(int(loan.started)))
        for domain_id in (loan.borrower, *domains.left(loan.borrower, loan.lender)):
            moved[domain_id] = moved[domain_id].plus(part.times(int(loan.started)))
    for domain_id, domain in domains.domains.items():
        name = f"Domain {domain_id}"
        if domain.effective_share != domain.share + share[domain_id]:
            yield f"{name} has effective share {domain.effective_share}, not {domain.share + share[domain_id]}."
        if domain.effective_guarantee.minus(counted(domain)).minus(moved[domain_id]) != NOTHING:
            yield f"{name} is guaranteed {domain.effective_guarantee}, which is not what its loans make of it."
        if (domain.lent_share, domain.lent) != (lent_share[domain_id], lent[domain_id]):
            yield f"{name} does not count right what it has lent."
        yield from _wrong_floors(name, domain)


def _wrong_floors(name: str, domain: Domain) -> Iterator[str]:
    if domain.effective_share < 1 or not 0 <= domain.remainder < domain.effective_share:
        yield f"{name} has no share, or is owed a remainder of more than it."
    if domain.lent_share and domain.share - domain.lent_share < domain.floor_share:
        yield f"{name} has lent more of its share than its floor allows."
    for resource, amount in domain.lent.items():
        if counted(domain).amount(resource) - amount < domain.floor.amount(resource):
            yield f"{name} has lent more {resource} than its floor allows."
    if any(amount < 0 for _, amount in domain.effective_guarantee.items()):
        yield f"{name} is guaranteed less than nothing."


def _wrong_sums(domains: Domains) -> Iterator[str]:
    """Yield where loans made or lost anything among the children of one parent: a loan only moves (P11)."""
    shares: Counter[DomainId] = Counter()
    gained: defaultdict[DomainId, Resources] = defaultdict(lambda: NOTHING)
    for domain in domains.domains.values():
        shares[domain.parent] += domain.effective_share
        gained[domain.parent] = gained[domain.parent].plus(domain.effective_guarantee.minus(counted(domain)))
    for loan in domains.loans.values():  # what a parent has lent or borrowed itself, none of its children has
        if loan.started and loan.resource != SHARE:
            part = one_resource(loan.resource, loan.amount)
            gained[loan.lender] = gained[loan.lender].minus(part)
            gained[loan.borrower] = gained[loan.borrower].plus(part)
    for parent, share in shares.items():
        if share != domains.phi(parent):
            yield f"The effective shares below domain {parent} are {share} together, not {domains.phi(parent)}."
    for parent, more in gained.items():
        own = NOTHING
        if parent != TOP:
            domain = domains.domains[parent]
            own = domain.effective_guarantee.minus(counted(domain))
        if more.minus(own) != NOTHING:
            yield f"The guarantees below domain {parent} have gained {more} by loans, and it has gained {own}."
