"""Credit of one log, and what it buys, served in this process (rows P01-P07, P10); see docs/credit.md."""

from __future__ import annotations

from meted.core.commands import CloseCredit, GrantCredit, HoldCredit, LendCredit, PostHold, TransferCredit, VoidHold
from meted.core.limits import DOMAINS_MAX, TIME_MAX_US

from . import credit_changes as changes
from .credit_alarms import AlarmView, alarm_views
from .credit_changes import Niced
from .credit_statement import CreditLine, account_number, credit_lines
from .credit_views import (
    CreditDetails,
    CreditLoanView,
    CreditRulesView,
    CreditView,
    Forecast,
    HoldView,
    accounts_after,
    credit_details,
    credit_loan_view,
    credit_loans_after,
    credit_rules_view,
    credit_view,
    forecast,
    hold_view,
    holds_after,
)
from .local_loans import LocalLoans


class LocalCredit(LocalLoans):
    """What a program may ask of credit and do with it. Amounts are whole thousandths of a credit (``_mc``)."""

    def credit_accounts(self) -> list[CreditView]:
        """Return the accounts of all domains that have one, by name."""
        state, now_us = self.state, self._now_us()
        return [credit_view(state, account, now_us) for account in accounts_after(state, "", DOMAINS_MAX)]

    def credit_account(self, domain: str) -> CreditDetails:
        """Return the account of a domain, with what it has in purses of jobs and in loans.

        Raises:
            Refused: There is no such domain, or it has no account.
        """
        return credit_details(self.state, domain, self._now_us())

    def credit_open(self, domain: str, *, unlimited: bool | None = None) -> int:
        """Give a domain an account, and return its number; one that it has is left alone.

        Args:
            domain: Its name.
            unlimited: Whether it pays for nothing; None leaves that, and is false for a new account.

        Raises:
            Refused: There is no such domain.
        """
        with self.batch():
            return changes.open_credit(self._engine, self.clock(), domain, unlimited)

    def credit_close(self, domain: str) -> None:
        """Close the account of a domain; what is in it goes back to the treasury.

        Raises:
            Refused: It has none, or something is held, lent, borrowed or in purses of jobs.
        """
        with self.batch():
            self._engine.handle(CloseCredit(self.clock(), domain))

    def credit_limit(self, domain: str, unlimited: bool) -> None:
        """Say whether a domain that has an account pays for what it buys (row P06).

        Raises:
            Refused: It has none.
        """
        with self.batch():
            changes.limit_credit(self._engine, self.clock(), domain, unlimited)

    def credit_grant(self, domain: str, amount_mc: int, note: str = "") -> None:
        """Grant a domain credit, or take some back (below zero); it gets an account if it has none.

        Raises:
            Refused: There is not so much to take, or the amount is out of range.
        """
        with self.batch():
            self._engine.handle(GrantCredit(self.clock(), domain, amount_mc, note))

    def credit_transfer(self, payer: str, payee: str, amount_mc: int, note: str = "") -> None:
        """Send credit from one domain to another, which gets an account if it has none.

        Raises:
            Refused: The payer has not so much.
        """
        with self.batch():
            self._engine.handle(TransferCredit(self.clock(), payer, payee, amount_mc, note))

    def credit_hold(self, domain: str, amount_mc: int, until_us: int | None = None) -> int:
        """Set credit aside, and return the number of the hold; ``until_us`` it is voided by itself.

        Raises:
            Refused: There is not so much.
        """
        with self.batch():
            return changes.hold_credit(self._engine, HoldCredit(self.clock(), domain, amount_mc, until_us))

    def credit_post(self, hold: int, payee: str, amount_mc: int) -> None:
        """Pay a part or all of a hold to a domain; the rest is free again.

        Raises:
            Refused: It is over, or holds less.
        """
        with self.batch():
            self._engine.handle(PostHold(self.clock(), hold, payee, amount_mc))

    def credit_void(self, hold: int) -> None:
        """Give a hold up; what was set aside is free again.

        Raises:
            Refused: It is over.
        """
        with self.batch():
            self._engine.handle(VoidHold(self.clock(), hold))

    def credit_holds(self, domain: str | None = None) -> list[HoldView]:
        """Return what is set aside by hand, of a domain or of all, by number.

        Raises:
            Refused: There is no such domain, or it has no account.
        """
        return [hold_view(self.state, hold) for hold in holds_after(self.state, domain, 0, TIME_MAX_US)]

    def credit_lend(self, lender: str, borrower: str, amount_mc: int, due_us: int) -> int:
        """Lend credit, and return the number of the loan; it comes back at ``due_us``, as far as it is there then.

        Raises:
            Refused: The lender has not so much.
        """
        with self.batch():
            return changes.lend_credit(self._engine, LendCredit(self.clock(), lender, borrower, amount_mc, due_us))

    def credit_repay(self, loan: int) -> int:
        """Pay a loan of credit back as far as the borrower can, and return what is left of it.

        Raises:
            Refused: There never was such a loan.
        """
        with self.batch():
            return changes.repay_credit(self._engine, self.clock(), loan)

    def credit_loans(self, domain: str | None = None) -> list[CreditLoanView]:
        """Return the loans of credit that a domain gave and took, or all, by number.

        Raises:
            Refused: There is no such domain, or it has no account.
        """
        found = credit_loans_after(self.state, domain, 0, TIME_MAX_US)
        return [credit_loan_view(self.state, loan) for loan in found]

    def credit_alarms(self) -> list[AlarmView]:
        """Return the alarms of credit, of too much of it and of too little, raised or not."""
        return alarm_views(self.state)

    def credit_rules(self) -> CreditRulesView:
        """Return how credit is made and what it buys."""
        return credit_rules_view(self.state)

    def credit_rules_set(
        self,
        *,
        grant_mc: int | None = None,
        period_us: int | None = None,
        cap_mc: int | None = None,
        uncapped: bool = False,
        half_life_us: int | None = None,
        no_demurrage: bool = False,
        price_mc: int | None = None,
        income: str | None = None,
        donors: str | None = None,
    ) -> None:
        """Change how credit is made and what it buys; what is None stays as it is.

        Args:
            grant_mc: What each domain with an account is granted each period, for each unit of its effective share.
            period_us: The period of grants.
            cap_mc: What a domain may have at most, for each unit of its effective share.
            uncapped: There is no cap.
            half_life_us: Half of what lies unused is gone after so long.
            no_demurrage: Nothing fades.
            price_mc: The price of one point of priority for a cpu-hour of work.
            income: Who is paid: ``funded`` or ``treasury``.
            donors: Who of those who made room is paid where it is ``funded``: ``all`` or ``nice``.

        Raises:
            Refused: One of them is out of range.
        """
        with self.batch():
            changes.set_credit_rules(
                self._engine,
                self.clock(),
                grant_mc,
                period_us,
                cap_mc,
                uncapped,
                half_life_us,
                no_demurrage,
                price_mc,
                income,
                donors,
            )

    def credit_statement(
        self, domain: str | None = None, *, account: int | None = None, after: int = 0, limit: int = 1_000
    ) -> list[CreditLine]:
        """Return a page of what moved on an account, oldest first; the lines add up one by one to its balance.

        Inside a batch it tells of what was durable before.

        Args:
            domain: Whose account it is; give either this or ``account``.
            account: Its number, also of a purse or of one that was closed; 1 is the treasury, 2 escrow.
            after: Only lines with a larger ``seq``: the last one of the page before.
            limit: Lines of the page.

        Raises:
            Refused: There is no such account.
            LogError: The log cannot be read.
        """
        return credit_lines(self.log, account_number(self.state, domain, account), after, limit)

    def credit_forecast(self, domain: str, points: int) -> Forecast:
        """Return how much work a domain can pay for with so many points of priority.

        Raises:
            Refused: There is no such domain, or it has no account.
        """
        return forecast(self.credit_account(domain), self.credit_rules(), points)

    def job_nice(self, job_id: int, points: int, cost_us: int | None = None) -> Niced:
        """Buy points of priority for a job, give bought ones back, or sell some (rows P03-P07).

        Args:
            job_id: The job.
            points: How many; below zero to give back or to sell.
            cost_us: What the rest of the job is thought to take, in cpu-microseconds; None: what the pool estimates.

        Raises:
            Refused: The job has ended, its domain cannot pay, or the points are out of range.
        """
        with self.batch():
            return changes.nice_job(self._engine, self.clock(), job_id, points, cost_us)
