"""The events of credit; see :mod:`meted.core.events` for what is true of all, and :mod:`.state` for the words."""

from __future__ import annotations

from typing import ClassVar

from ..ids import AccountId, DomainId, HoldId, JobId, TransferId
from ..record import record
from .karma_events import KarmaEvent
from .nice_events import NiceEvent


@record
class CreditOpened:
    """A domain has an account (``job_id`` is 0), or a job of it has a purse."""

    tag: ClassVar[str] = "credit_opened"
    version: ClassVar[int] = 1
    at_us: int
    account_id: AccountId
    domain_id: DomainId
    job_id: JobId


@record
class CreditLimited:
    """A domain pays for what it buys from now on, or (``unlimited``) it does not."""

    tag: ClassVar[str] = "credit_limited"
    version: ClassVar[int] = 1
    at_us: int
    account_id: AccountId
    unlimited: bool


@record
class CreditClosed:
    """An empty account is there no more."""

    tag: ClassVar[str] = "credit_closed"
    version: ClassVar[int] = 1
    at_us: int
    account_id: AccountId


@record
class CreditMoved:
    """The account ``debit`` has so much less, and ``credit`` as much more.

    Attributes:
        kind: Why: ``grant``, ``demurrage`` (what faded, and what was above the cap), ``withdrawal``, ``transfer``,
            ``loan``, ``repayment``, ``purse`` (set aside for a job), ``purse_back``, ``nice`` (points sold),
            ``nice_back``, ``slice`` (for what was held of the pool under karma).
        reference: The number of the loan or of the job that it is about, or 0.
        note: What whoever asked for it says.
    """

    tag: ClassVar[str] = "credit_moved"
    version: ClassVar[int] = 1
    at_us: int
    transfer_id: TransferId
    debit: AccountId
    credit: AccountId
    amount_mc: int
    kind: str
    reference: int
    note: str


@record
class CreditSettled:
    """Grants and demurrage of an account were posted up to ``settled_us``."""

    tag: ClassVar[str] = "credit_settled"
    version: ClassVar[int] = 1
    at_us: int
    account_id: AccountId
    settled_us: int


@record
class CreditHeld:
    """``amount_mc`` of an account was set aside; ``until_us`` it is voided by itself."""

    tag: ClassVar[str] = "credit_held"
    version: ClassVar[int] = 1
    at_us: int
    hold_id: HoldId
    account_id: AccountId
    amount_mc: int
    until_us: int | None


@record
class HoldPosted:
    """A hold is resolved: ``amount_mc`` went from ``debit`` to ``credit``, the rest is free again."""

    tag: ClassVar[str] = "hold_posted"
    version: ClassVar[int] = 1
    at_us: int
    transfer_id: TransferId
    hold_id: HoldId
    debit: AccountId
    credit: AccountId
    amount_mc: int


@record
class HoldVoided:
    """What was set aside is free again; ``reason`` is ``voided`` or ``timed_out``."""

    tag: ClassVar[str] = "hold_voided"
    version: ClassVar[int] = 1
    at_us: int
    hold_id: HoldId
    reason: str


@record
class CreditLent:
    """A domain has lent credit to another, which pays it back at ``due_us``; the transfer itself is an event beside."""

    tag: ClassVar[str] = "credit_lent"
    version: ClassVar[int] = 1
    at_us: int
    loan_id: int
    lender: AccountId
    borrower: AccountId
    amount_mc: int
    due_us: int


@record
class CreditRepaid:
    """``amount_mc`` of a loan of credit was paid back; where something is left and it is due, it is ``overdue``."""

    tag: ClassVar[str] = "credit_repaid"
    version: ClassVar[int] = 1
    at_us: int
    loan_id: int
    amount_mc: int
    overdue: bool


@record
class CreditRulesChanged:
    """Credit goes by these rules from now on; the fields are those of ``CreditRules``."""

    tag: ClassVar[str] = "credit_rules_changed"
    version: ClassVar[int] = 2
    at_us: int
    grant_mc: int
    period_us: int
    cap_mc: int | None
    half_life_us: int | None
    price_mc: int
    income: str
    donors: str


@record
class CreditWatched:
    """A window of the trade in credit is over; the fields are those of ``CreditWindow`` and ``CreditWatch``."""

    tag: ClassVar[str] = "credit_watched"
    version: ClassVar[int] = 1
    at_us: int
    from_us: int
    paid_mc: int
    income_mc: int
    lapsed: int
    looked: int
    at_cap: int
    room: int
    crash: int
    starved: int


@record
class CreditAlarmRaised:
    """There is too much credit (``crash``) or too little (``starvation``): see :mod:`.alarms`."""

    tag: ClassVar[str] = "credit_alarm_raised"
    version: ClassVar[int] = 1
    at_us: int
    alarm: str


@record
class CreditAlarmCleared:
    """It is so no longer."""

    tag: ClassVar[str] = "credit_alarm_cleared"
    version: ClassVar[int] = 1
    at_us: int
    alarm: str


CreditEvent = (
    CreditOpened
    | CreditLimited
    | CreditClosed
    | CreditMoved
    | CreditSettled
    | CreditHeld
    | HoldPosted
    | HoldVoided
    | NiceEvent
    | CreditLent
    | CreditRepaid
    | CreditRulesChanged
    | CreditWatched
    | CreditAlarmRaised
    | CreditAlarmCleared
    | KarmaEvent
)
