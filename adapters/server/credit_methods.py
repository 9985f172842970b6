"""The methods about credit and what it buys."""

from __future__ import annotations

from functools import partial
from typing import Any

from meted.core.commands import (
    CloseCredit,
    Command,
    GrantCredit,
    HoldCredit,
    LendCredit,
    PostHold,
    TransferCredit,
    VoidHold,
)
from meted.core.engine import Engine

from .. import credit_changes as changes
from .. import credit_views as views
from ..credit_alarms import alarm_views
from ..credit_statement import LOST, account_number, credit_lines
from ..wire import params_credit, params_credit_holds, params_jobs
from .commit_loop import Decide
from .credit_refusals import CreditRefusals
from .desk import Commit, Desk, Handler, Later, Now, Outcome, handling
from .paging import page_limit, pages
from .session import Session


class CreditMethods:
    """Answers ``credit.*`` and ``job.nice``."""

    def __init__(self, desk: Desk, refusals: CreditRefusals) -> None:
        self._desk = desk
        self._refusals = refusals

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {
            "credit.accounts": self.accounts,
            "credit.account": self.account,
            "credit.open": self.open,
            "credit.close": self.close,
            "credit.limit": self.limit,
            "credit.grant": self.grant,
            "credit.transfer": self.transfer,
            "credit.holds": self.holds,
            "credit.hold": self.hold,
            "credit.post": self.post,
            "credit.void": self.void,
            "credit.loans": self.loans,
            "credit.lend": self.lend,
            "credit.repay": self.repay,
            "credit.statement": self.statement,
            "credit.alarms": self.alarms,
            "credit.rules": self.rules,
            "credit.rules.set": self.set_rules,
            "job.nice": self.nice,
        }

    def accounts(self, _: Session, params: params_credit.CreditAccounts) -> Outcome:
        """Return a page of the accounts, by name."""
        state, now_us = self._desk.state, self._desk.clock()
        found = views.accounts_after(state, params.after, page_limit(params.limit))
        return Now(next(pages(views.credit_view(state, account, now_us) for account in found)))

    def account(self, _: Session, params: params_credit.CreditAccount) -> Outcome:
        """Return one account."""
        return Now(views.credit_details(self._desk.state, params.domain, self._desk.clock()))

    def open(self, session: Session, params: params_credit.CreditOpen) -> Outcome:
        """Give a domain an account."""

        def act(engine: Engine, at_us: int) -> object:
            return {"account": changes.open_credit(engine, at_us, params.domain, params.unlimited)}

        return self._commit("credit.open", session, params, act)

    def close(self, session: Session, params: params_credit.CreditClose) -> Outcome:
        """Close an account."""
        return self._commit("credit.close", session, params, handling(lambda at_us: CloseCredit(at_us, params.domain)))

    def limit(self, session: Session, params: params_credit.CreditLimit) -> Outcome:
        """Say whether a domain pays."""

        def act(engine: Engine, at_us: int) -> object:
            changes.limit_credit(engine, at_us, params.domain, params.unlimited)
            return {}

        return self._commit("credit.limit", session, params, act)

    def grant(self, session: Session, params: params_credit.CreditGrant) -> Outcome:
        """Grant credit."""

        def command(at_us: int) -> Command:
            return GrantCredit(at_us, params.domain, params.amount_mc, params.note)

        return self._commit("credit.grant", session, params, handling(command))

    def transfer(self, session: Session, params: params_credit.CreditTransfer) -> Outcome:
        """Transfer credit."""

        def command(at_us: int) -> Command:
            return TransferCredit(at_us, params.payer, params.payee, params.amount_mc, params.note)

        return self._commit("credit.transfer", session, params, handling(command))

    def holds(self, _: Session, params: params_credit_holds.CreditHolds) -> Outcome:
        """Return a page of the holds."""
        state = self._desk.state
        found = views.holds_after(state, params.domain, params.after, page_limit(params.limit))
        return Now(next(pages(views.hold_view(state, hold) for hold in found)))

    def hold(self, session: Session, params: params_credit_holds.CreditHold) -> Outcome:
        """Set credit aside."""

        def act(engine: Engine, at_us: int) -> object:
            command = HoldCredit(at_us, params.domain, params.amount_mc, params.until_us)
            return {"hold": changes.hold_credit(engine, command)}

        return self._commit("credit.hold", session, params, act)

    def post(self, session: Session, params: params_credit_holds.CreditPost) -> Outcome:
        """Pay from a hold."""

        def command(at_us: int) -> Command:
            return PostHold(at_us, params.hold, params.payee, params.amount_mc)

        return self._commit("credit.post", session, params, handling(command))

    def void(self, session: Session, params: params_credit_holds.CreditVoid) -> Outcome:
        """Give a hold up."""
        return self._commit("credit.void", session, params, handling(lambda at_us: VoidHold(at_us, params.hold)))

    def loans(self, _: Session, params: params_credit.CreditLoans) -> Outcome:
        """Return a page of the loans of credit."""
        state = self._desk.state
        found = views.credit_loans_after(state, params.domain, params.after, page_limit(params.limit))
        return Now(next(pages(views.credit_loan_view(state, loan) for loan in found)))

    def lend(self, session: Session, params: params_credit.CreditLend) -> Outcome:
        """Lend credit."""

        def act(engine: Engine, at_us: int) -> object:
            command = LendCredit(at_us, params.lender, params.borrower, params.amount_mc, params.due_us)
            return {"loan": changes.lend_credit(engine, command)}

        return self._commit("credit.lend", session, params, act)

    def repay(self, session: Session, params: params_credit.CreditRepay) -> Outcome:
        """Pay a loan of credit back."""

        def act(engine: Engine, at_us: int) -> object:
            return {"left_mc": changes.repay_credit(engine, at_us, params.loan)}

        return self._commit("credit.repay", session, params, act)

    def statement(self, _: Session, params: params_credit.CreditStatement) -> Outcome:
        """Return a page of a statement."""
        desk, limit = self._desk, page_limit(params.limit)
        number = account_number(desk.state, params.domain, params.account)

        async def read() -> object:
            lines = await desk.read(partial(credit_lines, desk.log, number, params.after, limit, desk.state.seq))
            page = next(pages(lines))
            if page and page[-1]["kind"] == LOST:  # the line that it stands before comes with the next page
                page.pop()
            return page

        return Later(read)

    def alarms(self, _: Session, __: params_credit.CreditAlarms) -> Outcome:
        """Return the alarms of credit."""
        return Now(alarm_views(self._desk.state))

    def rules(self, _: Session, __: params_credit.CreditRules) -> Outcome:
        """Return the rules of credit."""
        return Now(views.credit_rules_view(self._desk.state))

    def set_rules(self, session: Session, params: params_credit.CreditRulesSet) -> Outcome:
        """Change the rules of credit."""

        def act(engine: Engine, at_us: int) -> object:
            changes.set_credit_rules(
                engine,
                at_us,
                params.grant_mc,
                params.period_us,
                params.cap_mc,
                params.uncapped,
                params.half_life_us,
                params.no_demurrage,
                params.price_mc,
                params.income,
                params.donors,
            )
            return {}

        return self._commit("credit.rules.set", session, params, act)

    def nice(self, session: Session, params: params_jobs.JobNice) -> Outcome:
        """Buy or sell points."""

        def act(engine: Engine, at_us: int) -> object:
            return changes.nice_job(engine, at_us, params.job, params.points, params.cost_us)

        return self._commit("job.nice", session, params, act)

    def _commit(self, method: str, session: Session, params: Any, act: Decide) -> Outcome:
        peer = session.peer
        return Commit(
            self._refusals.noting(peer, method, params, self._desk.calls.once(method, peer.user, params.key, act))
        )
