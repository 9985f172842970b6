"""Credit on a server, and what it buys, for one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..credit_views import forecast
from .remote_domains import RemoteDomains

if TYPE_CHECKING:
    from ..credit_alarms import AlarmView
    from ..credit_changes import Niced
    from ..credit_views import (
        CreditDetails,
        CreditLine,
        CreditLoanView,
        CreditRulesView,
        CreditView,
        Forecast,
        HoldView,
    )


class RemoteCredit(RemoteDomains):
    """The verbs of :class:`meted.adapters.local_credit.LocalCredit`, kept by a server; all raise ``Refused``."""

    def credit_accounts(self) -> list[CreditView]:
        """Return the accounts of all domains that have one, by name."""
        rows: list[CreditView] = []
        while page := self._ask("credit.accounts", after=rows[-1]["domain"] if rows else ""):
            rows.extend(page)
        return rows

    def credit_account(self, domain: str) -> CreditDetails:
        """Return the account of a domain, with what it has in purses of jobs and in loans."""
        return cast("CreditDetails", self._ask("credit.account", domain=domain))

    def credit_open(self, domain: str, *, unlimited: bool | None = None) -> int:
        """Give a domain an account, and return its number; one that it has is left alone."""
        return int((self._ask("credit.open", domain=domain, unlimited=unlimited))["account"])

    def credit_close(self, domain: str) -> None:
        """Close the account of a domain; what is in it goes back to the treasury."""
        self._ask("credit.close", domain=domain)

    def credit_limit(self, domain: str, unlimited: bool) -> None:
        """Say whether a domain that has an account pays for what it buys (row P06)."""
        self._ask("credit.limit", domain=domain, unlimited=unlimited)

    def credit_grant(self, domain: str, amount_mc: int, note: str = "") -> None:
        """Grant a domain credit, or take some back (below zero); it gets an account if it has none."""
        self._ask("credit.grant", domain=domain, amount_mc=amount_mc, note=note)

    def credit_transfer(self, payer: str, payee: str, amount_mc: int, note: str = "") -> None:
        """Send credit from one domain to another, which gets an account if it has none."""
        self._ask("credit.transfer", payer=payer, payee=payee, amount_mc=amount_mc, note=note)

    def credit_hold(self, domain: str, amount_mc: int, until_us: int | None = None) -> int:
        """Set credit aside, and return the number of the hold; ``until_us`` it is voided by itself."""
        return int((self._ask("credit.hold", domain=domain, amount_mc=amount_mc, until_us=until_us))["hold"])

    def credit_post(self, hold: int, payee: str, amount_mc: int) -> None:
        """Pay a part or all of a hold to a domain; the rest is free again."""
        self._ask("credit.post", hold=hold, payee=payee, amount_mc=amount_mc)

    def credit_void(self, hold: int) -> None:
        """Give a hold up; what was set aside is free again."""
        self._ask("credit.void", hold=hold)

    def credit_holds(self, domain: str | None = None) -> list[HoldView]:
        """Return what is set aside by hand, of a domain or of all, by number."""
        rows: list[HoldView] = []
        while page := self._ask("credit.holds", domain=domain, after=rows[-1]["hold"] if rows else 0):
            rows.extend(page)
        return rows

    def credit_lend(self, lender: str, borrower: str, amount_mc: int, due_us: int) -> int:
        """Lend credit, and return the number of the loan; it comes back at ``due_us``, as far as it is there then."""
        answer = self._ask("credit.lend", lender=lender, borrower=borrower, amount_mc=amount_mc, due_us=due_us)
        return int(answer["loan"])

    def credit_repay(self, loan: int) -> int:
        """Pay a loan of credit back as far as the borrower can, and return what is left of it."""
        return int((self._ask("credit.repay", loan=loan))["left_mc"])

    def credit_loans(self, domain: str | None = None) -> list[CreditLoanView]:
        """Return the loans of credit that a domain gave and took, or all, by number."""
        rows: list[CreditLoanView] = []
        while page := self._ask("credit.loans", domain=domain, after=rows[-1]["loan"] if rows else 0):
            rows.extend(page)
        return rows

    def credit_alarms(self) -> list[AlarmView]:
        """Return the alarms of credit, of too much of it and of too little, raised or not."""
        return list(self._ask("credit.alarms"))

    def credit_rules(self) -> CreditRulesView:
        """Return how credit is made and what it buys."""
        return cast("CreditRulesView", self._ask("credit.rules"))

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
    ) -> None:
        """Change how credit is made and what it buys; what is None stays. See ``LocalCredit``."""
        self._ask(
            "credit.rules.set",
            grant_mc=grant_mc,
            period_us=period_us,
            cap_mc=cap_mc,
            uncapped=uncapped,
            half_life_us=half_life_us,
            no_demurrage=no_demurrage,
            price_mc=price_mc,
            income=income,
        )

    def credit_statement(
        self, domain: str | None = None, *, account: int | None = None, after: int = 0, limit: int = 1_000
    ) -> list[CreditLine]:
        """Return a page of what moved on an account, oldest first; the lines add up one by one to its balance."""
        page = self._ask("credit.statement", domain=domain, account=account, after=after, limit=limit)
        return cast("list[CreditLine]", list(page))

    def credit_forecast(self, domain: str, points: int) -> Forecast:
        """Return how much work a domain can pay for with so many points of priority."""
        return forecast(self.credit_account(domain), self.credit_rules(), points)

    def job_nice(self, job_id: int, points: int, cost_us: int | None = None) -> Niced:
        """Buy points of priority for a job, give bought ones back, or sell some (rows P03-P07).

        ``cost_us`` is what the rest of the job is thought to take, in cpu-microseconds; None: what the pool estimates.
        """
        return cast("Niced", self._ask("job.nice", job=job_id, points=points, cost_us=cost_us))
