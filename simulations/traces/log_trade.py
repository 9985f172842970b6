"""The trade in credit that a log recorded, as the commands that were asked for, and priorities that were changed.

What the engine does by itself is left to it: grants and demurrage that accrue, what falls due, fees, what who made room
is paid, purses that close or run empty, and all of karma. An account is opened by itself where that is not a part of
something else; that changes nothing where it is. The log does not say at what cost points were bought or sold, but what
was paid: the cost that comes to it at the price of that time is asked for.

Jobs, holds and loans of credit are called by their numbers in the log.
"""

from __future__ import annotations

import attrs

from meted.core.commands import (
    ChangePriority,
    CloseCredit,
    GrantCredit,
    HoldCredit,
    LendCredit,
    NiceJob,
    OpenCredit,
    PostHold,
    RepayCredit,
    SetCreditRules,
    TransferCredit,
    VoidHold,
)
from meted.core.credit.fees import HOUR_CPU_US
from meted.core.credit.karma import KARMA_BEGINS
from meted.core.credit.state import TREASURY, CreditRules
from meted.core.events import (
    CreditClosed,
    CreditHeld,
    CreditLent,
    CreditLimited,
    CreditMoved,
    CreditOpened,
    CreditRepaid,
    CreditRulesChanged,
    CreditSettled,
    DomainRemoved,
    Event,
    GrantMarked,
    HoldPosted,
    HoldVoided,
    JobSubmitted,
    PointsLapsed,
    PointsSold,
    PriorityChanged,
)
from meted.core.ids import AccountId, DomainId, JobId

from .log_commands import Asked, LoggedCommand


class TradeReader:
    """Follows credit and priorities in the events of a log.

    Attributes:
        asked: What was asked for so far, in the order of the log.
    """

    def __init__(self) -> None:
        """Start with no account."""
        self.asked: list[Asked] = []
        self._owner: dict[AccountId, DomainId] = {}
        self._points: dict[JobId, int] = {}
        self._lapsed: JobId | None = None
        self._paid_mc: dict[JobId, int] = {}
        self._sold_us: dict[JobId, int] = {}
        self._due_us: dict[int, int] = {}
        self._rules = CreditRules()
        self._last: Event | None = None
        self._unsure: tuple[AccountId, int] | None = None

    def take(self, event: Event, order: int) -> None:
        """Take the next event, and its place in the log; all but credit and priorities is passed over."""
        if self._unsure is not None and self._is_by_itself(event):
            self.asked.pop()
            self._unsure = None
        elif not (isinstance(event, CreditMoved) and event.kind == "demurrage"):
            self._unsure = None
        match event:
            case JobSubmitted():
                self._points[event.job_id] = 0
            case PointsLapsed() if event.points:
                self._lapsed = event.job_id
            case PriorityChanged() if event.job_id in self._points:
                self._priority(event, order)
            case CreditMoved():
                self._moved(event, order)
            case CreditRulesChanged():
                self._rules = CreditRules(*(getattr(event, field.name) for field in attrs.fields(CreditRules)))
                self._ask(order, SetCreditRules(event.at_us, *attrs.astuple(self._rules, recurse=False)))
            case CreditOpened() | CreditLimited() | CreditClosed():
                self._account(event, order)
            case CreditHeld() | HoldPosted() | HoldVoided():
                self._hold(event, order)
            case CreditLent() | CreditRepaid():
                self._loan(event, order)
            case PointsSold():
                self._sold(event)
            case _:
                pass
        self._last = event

    def _ask(self, order: int, command: LoggedCommand, number: int = 0) -> None:
        self.asked.append(Asked(order, command, number))

    def _unless(self, account_id: AccountId, at_us: int) -> None:
        """Take back what was asked for last if the next event says that nobody did."""
        self._unsure = account_id, at_us

    def _is_by_itself(self, event: Event) -> bool:
        """Whether an event says that the one before was a part of what the engine does by itself, or of more."""
        assert self._unsure is not None
        account_id, at_us = self._unsure
        match event:
            case CreditSettled() | CreditClosed():
                return (event.account_id, event.at_us) == (account_id, at_us)
            case GrantMarked() | DomainRemoved():
                return (event.domain_id, event.at_us) == (self._owner.get(account_id), at_us)
            case _:
                return False

    def _account(self, event: CreditOpened | CreditLimited | CreditClosed, order: int) -> None:
        account_id, at_us = event.account_id, event.at_us
        match event:
            case CreditOpened() if event.job_id:
                pass  # the purse of a job, which opens by itself
            case CreditOpened():
                self._owner[account_id] = event.domain_id
                self._ask(order, OpenCredit(at_us, str(event.domain_id)))
                self._unless(account_id, at_us)
            case CreditLimited():
                if account_id in self._owner:
                    self._ask(order, OpenCredit(at_us, str(self._owner[account_id]), event.unlimited))
            case CreditClosed():
                if account_id in self._owner:
                    self._ask(order, CloseCredit(at_us, str(self._owner[account_id])))
                    self._unless(account_id, at_us)

    def _moved(self, event: CreditMoved, order: int) -> None:
        payer, payee = self._owner.get(event.debit), self._owner.get(event.credit)
        at_us, amount_mc = event.at_us, event.amount_mc
        match event.kind:
            case "grant" if payee is not None:
                begins = event.note == KARMA_BEGINS and isinstance(self._last, GrantMarked)
                if not begins:
                    self._ask(order, GrantCredit(at_us, str(payee), amount_mc, event.note))
                    if not event.note:
                        self._unless(event.credit, at_us)
            case "withdrawal" if payer is not None and event.credit == TREASURY:
                self._ask(order, GrantCredit(at_us, str(payer), -amount_mc, event.note))
                self._unless(event.debit, at_us)
            case "transfer" if payer is not None and payee is not None:
                self._ask(order, TransferCredit(at_us, str(payer), str(payee), amount_mc, event.note))
            case "purse" | "nice":
                self._paid_mc[JobId(event.reference)] = amount_mc
            case _:
                pass

    def _hold(self, event: CreditHeld | HoldPosted | HoldVoided, order: int) -> None:
        match event:
            case CreditHeld() if event.account_id in self._owner:
                domain = str(self._owner[event.account_id])
                self._ask(order, HoldCredit(event.at_us, domain, event.amount_mc, event.until_us), event.hold_id)
            case HoldPosted() if event.credit in self._owner:
                payee = str(self._owner[event.credit])
                self._ask(order, PostHold(event.at_us, event.hold_id, payee, event.amount_mc))
            case HoldVoided() if event.reason == "voided":
                self._ask(order, VoidHold(event.at_us, event.hold_id))
            case _:
                pass

    def _loan(self, event: CreditLent | CreditRepaid, order: int) -> None:
        """What is due is paid back by itself, and only what comes before was asked for."""
        match event:
            case CreditLent():
                lender, borrower = self._owner.get(event.lender), self._owner.get(event.borrower)
                self._due_us[event.loan_id] = event.due_us
                if lender is not None and borrower is not None:
                    command = LendCredit(event.at_us, str(lender), str(borrower), event.amount_mc, event.due_us)
                    self._ask(order, command, event.loan_id)
            case CreditRepaid():
                if event.at_us < self._due_us.get(event.loan_id, 0):
                    self._ask(order, RepayCredit(event.at_us, event.loan_id))

    def _sold(self, event: PointsSold) -> None:
        """Take for how much work points were sold; that of a first sale is what was said."""
        if not event.sold_mc:
            self._sold_us.pop(event.job_id, None)
        elif event.job_id in self._sold_us:
            self._sold_us[event.job_id] = 0
        else:
            self._sold_us[event.job_id] = event.basis_us

    def _priority(self, event: PriorityChanged, order: int) -> None:
        """Take another priority, or points; that of points that nobody pays for any more comes by itself."""
        job_id, at_us = event.job_id, event.at_us
        before, self._points[job_id] = self._points[job_id], event.points
        paid_mc, lapsed = self._paid_mc.pop(job_id, 0), self._lapsed == job_id
        self._lapsed = None
        if lapsed:
            return
        if event.points == before:
            self._ask(order, ChangePriority(at_us, job_id, event.priority - event.points))
            return
        more = event.points - before
        cost_us = self._cost_us(before, event.points, paid_mc)
        if cost_us is not None and more < 0:
            cost_us = self._sold_us.get(job_id) or cost_us
        self._ask(order, NiceJob(at_us, job_id, more, cost_us))

    def _cost_us(self, before: int, points: int, paid_mc: int) -> int | None:
        """Return the cost for which so much is paid at the price of now; None where it does not matter.

        A price is rounded up and what is paid for a sale is rounded down, so the cost is rounded the other way.
        """
        bought, sold = max(points, 0) - max(before, 0), max(-points, 0) - max(-before, 0)
        price_mc = self._rules.price_mc
        if bought > 0:
            return max(1, paid_mc * HOUR_CPU_US // (bought * price_mc)) if price_mc else 1
        if sold > 0 and self._rules.income != "funded":
            return max(1, -(-paid_mc * HOUR_CPU_US // (sold * price_mc))) if price_mc else 1
        return None
