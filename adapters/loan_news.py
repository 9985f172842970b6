"""What became of loans, told so that both parties understand it without looking anything up (rows N13, N14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meted.core.events import Event, LoanEnded, LoanMade, LoanRecalled, LoanRefused, LoanStarted
from meted.core.ids import DomainId, LoanId
from meted.core.record import replaced
from meted.core.state import Loan, State

from .loan_views import LoanView

NO_LOAN = 0
"""The number of a loan that was refused."""


class LoanNews(LoanView):
    """What became of a loan.

    ``state`` is ``waiting`` (made), ``running`` (started), ``recalled``, ``ended`` or ``refused``. ``reason`` is why it
    ended or was refused, a stable word, and ``sentence`` says of a refusal what to do. ``told_us`` and ``told_seq`` are
    when it happened, and where in the log.
    """

    reason: str | None
    sentence: str | None
    told_us: int
    told_seq: int


_LOAN_EVENTS = frozenset({LoanMade, LoanStarted, LoanRecalled, LoanEnded, LoanRefused})

OVER = frozenset({"ended", "refused"})
"""States of what is no loan any more, or never was one."""


def news_of(news: Iterable[LoanNews], domain: str | None) -> list[LoanNews]:
    """Return the news that concern a domain, or all where it is None."""
    return [one for one in news if domain is None or domain in (one["lender"], one["borrower"])]


def loan_news(events: Sequence[Event], first_seq: int, before: State, after: State) -> Iterator[LoanNews]:
    """Yield what a batch of events brought about for loans, in order.

    Args:
        events: The batch.
        first_seq: Position of the first of them.
        before, after: The states before and after it.
    """
    if _LOAN_EVENTS.isdisjoint(map(type, events)):  # as nearly always
        return
    made: dict[LoanId, Loan] = {}

    def loan_of(loan_id: LoanId) -> Loan:
        return made[loan_id] if loan_id in made else before.domains.loans[loan_id]

    def name_of(domain_id: DomainId) -> str:
        known = after.domains.domains.get(domain_id) or before.domains.domains.get(domain_id)
        return str(domain_id) if known is None else known.name

    for seq, event in enumerate(events, first_seq):
        if type(event) not in _LOAN_EVENTS:
            continue
        match event:
            case LoanMade():
                loan = made[event.loan_id] = _as_made(event)
                state, reason = "waiting", None
            case LoanStarted():
                loan = made[event.loan_id] = replaced(loan_of(event.loan_id), started=True)
                state, reason = "running", None
            case LoanRecalled():
                loan = made[event.loan_id] = replaced(loan_of(event.loan_id), ends_us=event.ends_us)
                state, reason = "recalled", None
            case LoanEnded():
                loan = replaced(loan_of(event.loan_id), ends_us=event.at_us)
                state, reason = "ended", event.reason
            case LoanRefused():
                yield _refusal(event, name_of(event.lender), seq)
                continue
            case _:
                continue
        yield LoanNews(
            loan=loan.loan_id,
            lender=name_of(loan.lender),
            borrower=name_of(loan.borrower),
            resource=loan.resource,
            amount=loan.amount,
            state=state,
            made_us=loan.made_us,
            start_us=loan.start_us,
            expiry_us=loan.expiry_us,
            notice_us=loan.notice_us,
            ends_us=loan.ends_us,
            reason=reason,
            sentence=None,
            told_us=event.at_us,
            told_seq=seq,
        )


def _as_made(event: LoanMade) -> Loan:
    return Loan(
        event.loan_id,
        event.lender,
        event.borrower,
        event.resource,
        event.amount,
        event.at_us,
        event.start_us,
        event.expiry_us,
        event.notice_us,
    )


def _refusal(event: LoanRefused, lender: str, seq: int) -> LoanNews:
    return LoanNews(
        loan=NO_LOAN,
        lender=lender,
        borrower=event.borrower,
        resource=event.resource,
        amount=event.amount,
        state="refused",
        made_us=event.at_us,
        start_us=event.at_us,
        expiry_us=None,
        notice_us=0,
        ends_us=event.at_us,
        reason=event.reason,
        sentence=event.sentence,
        told_us=event.at_us,
        told_seq=seq,
    )
