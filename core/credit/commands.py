"""The commands of credit; see :mod:`meted.core.commands` for what is true of all commands."""

from __future__ import annotations

from ..ids import AccountId, JobId
from ..record import record


@record
class OpenCredit:
    """Give a domain an account; ``unlimited``: one that pays for nothing."""

    at_us: int
    domain: str
    unlimited: bool = False


@record
class CloseCredit:
    """Close the account of a domain; what is in it goes back to the treasury."""

    at_us: int
    domain: str


@record
class GrantCredit:
    """Give a domain credit, or take some of it back (below zero); it gets an account if it has none."""

    at_us: int
    domain: str
    amount_mc: int
    note: str = ""


@record
class TransferCredit:
    """Send credit from one domain to another."""

    at_us: int
    payer: str
    payee: str
    amount_mc: int
    note: str = ""


@record
class HoldCredit:
    """Set credit of a domain aside, until it is posted or voided, or ``until_us``."""

    at_us: int
    domain: str
    amount_mc: int
    until_us: int | None = None


@record
class PostHold:
    """Pay a part or all of a hold to a domain; the rest is free again."""

    at_us: int
    hold_id: int
    payee: str
    amount_mc: int


@record
class VoidHold:
    """Give a hold up before its time is over: what was set aside is free again."""

    at_us: int
    hold_id: int


@record
class TimeOutHold:
    """The time of a hold is over: what was set aside is free again."""

    at_us: int
    hold_id: int


@record
class NiceJob:
    """Buy points of priority for a job (above zero), give bought ones back, or sell points (below zero): rows P03-P07.

    Attributes:
        cost_us: What the rest of the job is reckoned to take, in cpu-microseconds; None: what the pool estimates.
    """

    at_us: int
    job_id: JobId
    points: int
    cost_us: int | None = None


@record
class PayDonors:
    """Pay those who made room for what others paid for: the accounts to look at, in this order."""

    at_us: int
    account_ids: tuple[AccountId, ...]


@record
class WatchCredit:
    """Look at the trade in credit since the last window: the accounts to look at, the poorest of all."""

    at_us: int
    account_ids: tuple[AccountId, ...]


@record
class LendCredit:
    """Lend credit to another domain; it comes back at ``due_us``."""

    at_us: int
    lender: str
    borrower: str
    amount_mc: int
    due_us: int


@record
class RepayCredit:
    """Pay a loan of credit back before it is due, or, at that time, as far as there is something to pay it with."""

    at_us: int
    loan_id: int


@record
class SetCreditRules:
    """Set how credit is made and what it buys; the fields are those of ``CreditRules``."""

    at_us: int
    grant_mc: int = 0
    period_us: int = 86_400_000_000
    cap_mc: int | None = None
    half_life_us: int | None = None
    price_mc: int = 1000
    income: str = "funded"
    donors: str = "all"


CreditCommand = (
    OpenCredit
    | CloseCredit
    | GrantCredit
    | TransferCredit
    | HoldCredit
    | PostHold
    | VoidHold
    | TimeOutHold
    | NiceJob
    | PayDonors
    | WatchCredit
    | LendCredit
    | RepayCredit
    | SetCreditRules
)
