"""The slice of credit: a double-entry ledger.

Every transfer debits one account and credits another by the same amount, so the sum of all balances is always zero. The
*treasury* makes credit and takes it back, and alone stands below zero by what is in circulation. *Escrow* holds what
was paid for priority and has not gone to those who made room for it. A domain has an account from the first time that
credit is granted or sent to it; a job for which priority was bought has one, its *purse*, until it ends.

A *hold* sets aside credit of an account, and a *fee* that of a purse for a lease, unit by unit. Each hold, and each
unit's part of a fee, is resolved exactly once: posted (at most what was held, the rest is free again), or voided as the
unit came back or its time is over. These are the two phases of TigerBeetle's transfers.
"""

from __future__ import annotations

from immutables import Map

from ..ids import AccountId, DomainId, HoldId, JobId, LeaseId, TransferId
from ..record import record
from .slices import Karma

TREASURY = AccountId(1)
"""The account that credit comes from and goes back to."""

ESCROW = AccountId(2)
"""The account of what was paid for priority, until those who made room are paid."""

TREASURY_NAME, ESCROW_NAME, PURSE_NAME = "treasury", "escrow", "job"
"""What statements call these accounts, a purse with the number of its job behind it; no domain may be called so."""

NICE = "nice"
"""The rule by which only those are paid for room who have work under way of which they sold points."""

NOBODY = DomainId(0)
NO_JOB = JobId(0)


@record
class CreditAccount:
    """One account of credit; what a domain has received is another thing, :class:`meted.core.state.FairnessAccount`.

    Attributes:
        domain_id: The domain that it or its job belongs to, or 0.
        job_id: The job whose purse it is, or 0.
        balance_mc: Thousandths of a credit; below zero for the treasury alone.
        held_mc: How much of it is set aside by holds, fees and sales.
        unlimited: Its domain pays nothing for anything; a flag, never a number (row P06).
        settled_us: Up to when grants and demurrage were posted; the time of the last grant (row P10).
        lent: How many loans of credit its domain has given that are not paid back.
        ties: What depends on it beside its holds: these loans, those that it has taken, purses of its domain's jobs.
    """

    account_id: AccountId
    domain_id: DomainId
    job_id: JobId
    balance_mc: int = 0
    held_mc: int = 0
    unlimited: bool = False
    settled_us: int = 0
    lent: int = 0
    ties: int = 0

    @property
    def free_mc(self) -> int:
        """What may be spent."""
        return self.balance_mc - self.held_mc


@record
class CreditHold:
    """Credit that a domain has set aside, for whatever it likes.

    Attributes:
        until_us: When it is voided by itself, or None.
    """

    hold_id: HoldId
    account_id: AccountId
    amount_mc: int
    until_us: int | None


@record
class Fee:
    """Credit that is set aside in the purse of a job for the units of a lease.

    Attributes:
        unit_mc: For each unit.
        units: How many of them are not resolved.
    """

    account_id: AccountId
    unit_mc: int
    units: int


@record
class Sale:
    """Points of a job that its domain has sold. What was paid is held until the work is done.

    Attributes:
        sold_mc: What was paid.
        basis_us: For how much work of the job, in cpu-microseconds.
        from_us: How much of it was done before.
    """

    sold_mc: int
    basis_us: int
    from_us: int


@record
class CreditLoan:
    """Credit that one domain has lent to another; it goes back at ``due_us``, as far as the borrower has it then.

    Attributes:
        left_mc: What is still to be paid back.
        overdue: It is due, and whatever the borrower receives goes to the lender first.
    """

    loan_id: int
    lender: AccountId
    borrower: AccountId
    left_mc: int
    due_us: int
    overdue: bool = False


@record
class CreditRules:
    """How credit is made and what it buys; amounts in thousandths of a credit.

    Attributes:
        grant_mc: What each domain with an account is granted each period, for each unit of its effective share.
        period_us: The period of grants; periods begin at its multiples.
        cap_mc: What a domain may have at most, for each unit of its effective share; None is no cap.
        half_life_us: Demurrage: half of what lies unused is gone after this long; None is none.
        price_mc: The price of one point of priority for a cpu-hour of work.
        income: Who is paid: ``funded``, those who made room, from what others pay; or ``treasury``, which also pays for
            points that are sold.
        donors: Which of those who made room are paid where income is ``funded``: ``all`` of them, the idle as well; or
            ``nice``, only who has a job under way of which it sold points.
    """

    grant_mc: int = 0
    period_us: int = 86_400_000_000
    cap_mc: int | None = None
    half_life_us: int | None = None
    price_mc: int = 1000
    income: str = "funded"
    donors: str = "all"


@record
class PastRules:
    """Rules that credit went by until ``until_us``."""

    until_us: int
    rules: CreditRules


@record
class CreditWindow:
    """What was seen of the trade in credit in a window of time; see :mod:`.alarms`.

    Attributes:
        from_us: When it began; it ended as it was looked at.
        paid_mc: What was paid for priority in it, by units that ended.
        income_mc: What went to those who made room; below zero where more was taken back.
        lapsed: Jobs whose bought points lapsed in it, as their purses were empty.
        looked: Accounts with a cap that were looked at as it ended: some of the poorest.
        at_cap: How many of them stood at their cap.
        room: Work (thousandths of a cpu x us) for which those that were looked at had made room and were not paid.
    """

    from_us: int = 0
    paid_mc: int = 0
    income_mc: int = 0
    lapsed: int = 0
    looked: int = 0
    at_cap: int = 0
    room: int = 0


@record
class CreditWatch:
    """What the alarms go by.

    Attributes:
        at_us: When the last window ended.
        last: What was seen in it.
        paid_mc, income_mc, lapsed: What the totals of the ledger were then.
        crash, starved: For how many windows in a row there has been reason to raise the alarm, or, while it is raised,
            to clear it.
        crash_since_us, starved_since_us: When the alarm was raised, None where it is not.
    """

    at_us: int = 0
    last: CreditWindow = CreditWindow()
    paid_mc: int = 0
    income_mc: int = 0
    lapsed: int = 0
    crash: int = 0
    starved: int = 0
    crash_since_us: int | None = None
    starved_since_us: int | None = None


@record
class Ledger:
    """The slice of credit.

    Attributes:
        of_domain: The account of each domain that has one.
        of_job: The purse of each job that has one.
        fees: What is set aside for each lease that is paid for.
        sold: The sale of each job points of which were sold.
        unpaid_size: Work (thousandths of a cpu x us) that was paid for into escrow, and for which nobody who made room
            has been paid yet.
        payers: The domains that paid for it, each with the first transfer by which it did; none is paid from it.
        overdue: The loans of credit that are overdue, by their borrowers, in the order in which they came to be that.
        past: Rules that were changed, the oldest first: what accrued by them may not have been posted yet.
        paid_mc, income_mc, lapsed: Totals of what :class:`CreditWindow` counts, since ever.
        watch: What the alarms go by.
        karma: What domains hold of the pool under karma, and what was set aside for it.
    """

    accounts: Map[AccountId, CreditAccount] = Map(
        {TREASURY: CreditAccount(TREASURY, NOBODY, NO_JOB, 0, 0, True), ESCROW: CreditAccount(ESCROW, NOBODY, NO_JOB)}
    )
    of_domain: Map[DomainId, AccountId] = Map()
    of_job: Map[JobId, AccountId] = Map()
    holds: Map[HoldId, CreditHold] = Map()
    fees: Map[LeaseId, Fee] = Map()
    loans: Map[int, CreditLoan] = Map()
    sold: Map[JobId, Sale] = Map()
    unpaid_size: int = 0
    payers: Map[DomainId, TransferId] = Map()
    overdue: Map[AccountId, tuple[int, ...]] = Map()
    rules: CreditRules = CreditRules()
    past: tuple[PastRules, ...] = ()
    paid_mc: int = 0
    income_mc: int = 0
    lapsed: int = 0
    watch: CreditWatch = CreditWatch()
    karma: Karma = Karma()
    next_account_id: int = 3
    next_hold_id: int = 1
    next_transfer_id: int = 1
    next_loan_id: int = 1
