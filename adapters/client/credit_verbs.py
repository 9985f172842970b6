"""Credit on a server, and what it buys."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..credit_views import forecast
from .verb import Verbs, verb

if TYPE_CHECKING:
    from ..credit_alarms import AlarmView
    from ..credit_changes import Niced
    from ..credit_statement import CreditLine
    from ..credit_views import CreditDetails, CreditLoanView, CreditRulesView, CreditView, Forecast, HoldView


class CreditVerbs(Verbs):
    """The verbs of :class:`meted.adapters.local_credit.LocalCredit`, kept by a server; all raise ``Refused``."""

    @verb
    async def credit_accounts(self) -> list[CreditView]:
        """Return the accounts of all domains that have one, by name."""
        return await self._ask_all("credit.accounts", "domain", "")

    @verb
    async def credit_account(self, domain: str) -> CreditDetails:
        """Return the account of a domain, with what it has in purses of jobs and in loans."""
        return cast("CreditDetails", await self._ask("credit.account", domain=domain))

    @verb
    async def credit_open(self, domain: str, *, unlimited: bool | None = None) -> int:
        """Give a domain an account, and return its number; one that it has is left alone."""
        return int((await self._ask("credit.open", domain=domain, unlimited=unlimited))["account"])

    @verb
    async def credit_close(self, domain: str) -> None:
        """Close the account of a domain; what is in it goes back to the treasury."""
        await self._ask("credit.close", domain=domain)

    @verb
    async def credit_limit(self, domain: str, unlimited: bool) -> None:
        """Say whether a domain that has an account pays for what it buys (row P06)."""
        await self._ask("credit.limit", domain=domain, unlimited=unlimited)

    @verb
    async def credit_grant(self, domain: str, amount_mc: int, note: str = "") -> None:
        """Grant a domain credit, or take some back (below zero); it gets an account if it has none."""
        await self._ask("credit.grant", domain=domain, amount_mc=amount_mc, note=note)

    @verb
    async def credit_transfer(self, payer: str, payee: str, amount_mc: int, note: str = "") -> None:
        """Send credit from one domain to another, which gets an account if it has none."""
        await self._ask("credit.transfer", payer=payer, payee=payee, amount_mc=amount_mc, note=note)

    @verb
    async def credit_hold(self, domain: str, amount_mc: int, until_us: int | None = None) -> int:
        """Set credit aside, and return the number of the hold; ``until_us`` it is voided by itself."""
        return int((await self._ask("credit.hold", domain=domain, amount_mc=amount_mc, until_us=until_us))["hold"])

    @verb
    async def credit_post(self, hold: int, payee: str, amount_mc: int) -> None:
        """Pay a part or all of a hold to a domain; the rest is free again."""
        await self._ask("credit.post", hold=hold, payee=payee, amount_mc=amount_mc)

    @verb
    async def credit_void(self, hold: int) -> None:
        """Give a hold up; what was set aside is free again."""
        await self._ask("credit.void", hold=hold)

    @verb
    async def credit_holds(self, domain: str | None = None) -> list[HoldView]:
        """Return what is set aside by hand, of a domain or of all, by number."""
        return await self._ask_all("credit.holds", "hold", 0, domain=domain)

    @verb
    async def credit_lend(self, lender: str, borrower: str, amount_mc: int, due_us: int) -> int:
        """Lend credit, and return the number of the loan; it comes back at ``due_us``, as far as it is there then."""
        answer = await self._ask("credit.lend", lender=lender, borrower=borrower, amount_mc=amount_mc, due_us=due_us)
        return int(answer["loan"])

    @verb
    async def credit_repay(self, loan: int) -> int:
        """Pay a loan of credit back as far as the borrower can, and return what is left of it."""
        return int((await self._ask("credit.repay", loan=loan))["left_mc"])

    @verb
    async def credit_loans(self, domain: str | None = None) -> list[CreditLoanView]:
        """Return the loans of credit that a domain gave and took, or all, by number."""
        return await self._ask_all("credit.loans", "loan", 0, domain=domain)

    @verb
    async def credit_alarms(self) -> list[AlarmView]:
        """Return the alarms of credit, of too much of it and of too little, raised or not."""
        return list(await self._ask("credit.alarms"))

    @verb
    async def credit_rules(self) -> CreditRulesView:
        """Return how credit is made and what it buys."""
        return cast("CreditRulesView", await self._ask("credit.rules"))

    @verb
    async def credit_rules_set(
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
        """Change how credit is made and what it buys; what is None stays. See ``LocalCredit``."""
        await self._ask(
            "credit.rules.set",
            grant_mc=grant_mc,
            period_us=period_us,
            cap_mc=cap_mc,
            uncapped=uncapped,
            half_life_us=half_life_us,
            no_demurrage=no_demurrage,
            price_mc=price_mc,
            income=income,
            donors=donors,
        )

    @verb
    async def credit_statement(
        self, domain: str | None = None, *, account: int | None = None, after: int = 0, limit: int = 1_000
    ) -> list[CreditLine]:
        """Return a page of what moved on an account, oldest first; the lines add up one by one to its balance."""
        page = await self._ask("credit.statement", domain=domain, account=account, after=after, limit=limit)
        return cast("list[CreditLine]", list(page))

    @verb
    async def credit_forecast(self, domain: str, points: int) -> Forecast:
        """Return how much work a domain can pay for with so many points of priority."""
        account = await self._ask("credit.account", domain=domain)
        return forecast(account, await self._ask("credit.rules"), points)

    @verb
    async def job_nice(self, job_id: int, points: int, cost_us: int | None = None) -> Niced:
        """Buy points of priority for a job, give bought ones back, or sell some (rows P03-P07).

        ``cost_us`` is what the rest of the job is thought to take, in cpu-microseconds; None: what the pool estimates.
        """
        return cast("Niced", await self._ask("job.nice", job=job_id, points=points, cost_us=cost_us))
