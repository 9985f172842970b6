"""The table of methods: name, parameters, answer, and who may call it.

It is what ``help`` returns, what the server dispatches by, and what docs/wire.md and the tests are checked against.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

import attrs

from meted.core.record import record

from .params_credit import (
    CreditAccount,
    CreditAccounts,
    CreditAlarms,
    CreditClose,
    CreditGrant,
    CreditLend,
    CreditLimit,
    CreditLoans,
    CreditOpen,
    CreditRepay,
    CreditRules,
    CreditRulesSet,
    CreditStatement,
    CreditTransfer,
)
from .params_credit_holds import CreditHold, CreditHolds, CreditPost, CreditVoid
from .params_domains import Domain, DomainApply, DomainCreate, DomainRecords, DomainRemove, Domains, DomainSet
from .params_jobs import Cancel, Delete, Explain, Forecast, Job, JobNice, JobPriority, Jobs, Rerun, Start, Submit, Wait
from .params_loans import LoanChanges, LoanOffer, LoanRecall, Loans, LoansSet, LoanStatement
from .params_pool import (
    Changes,
    Closing,
    Drain,
    Hello,
    Help,
    Ping,
    Rules,
    RulesSet,
    Shutdown,
    State,
    Stats,
    Subscribe,
    Table,
    Unsubscribe,
    Workers,
)
from .params_to_workers import AskBack, Forget, Keep, Read, Run, Stop
from .params_units import Error, Output, Result, Units
from .params_workers import (
    WorkerBeat,
    WorkerFinish,
    WorkerGiveBack,
    WorkerJoin,
    WorkerLeave,
    WorkerLost,
    WorkerOutput,
    WorkerRejoin,
    WorkerStarted,
)

Role = Literal["client", "worker", "server", "any"]


@record
class Method:
    """One row of the table.

    Attributes:
        name: What is called.
        params: The record class of its parameters; its docstring is the method's.
        result: What the answer looks like, in a line; empty for a notification.
        mutates: Whether it changes the pool.
        role: Who calls it.
        repeatable: Whether a caller that lost the answer may simply call again (with the same key, if it takes one).
    """

    name: str
    params: type[attrs.AttrsInstance]
    result: str
    mutates: bool = False
    role: Role = "client"
    repeatable: bool = True

    @property
    def keyed(self) -> bool:
        """Whether it takes an idempotency key."""
        return any(field.name == "key" for field in attrs.fields(self.params))

    @property
    def doc(self) -> str:
        """What it does, in a sentence."""
        return (self.params.__doc__ or "").partition("\n\n")[0]


def _table(methods: Iterable[Method]) -> Mapping[str, Method]:
    return MappingProxyType({method.name: method for method in methods})


METHODS = _table(
    [
        Method(
            "hello",
            Hello,
            "{protocol, program, version, instance, now_us, heartbeat_us, read_only, limits}; read_only is a sentence, "
            "or nil",
            role="any",
        ),
        Method("help", Help, "[{method, doc, mutates, role, params, result}]", role="any"),
        Method("ping", Ping, "{}", role="any"),
        Method("submit", Submit, "{job}, or for dry_run {accepted, fits_now, sentence}", mutates=True),
        Method("start", Start, "{}", mutates=True),
        Method("cancel", Cancel, "{runs_on}; a sentence on units that nothing can end, or nil", mutates=True),
        Method("delete", Delete, "{}", mutates=True),
        Method("rerun", Rerun, "{}", mutates=True),
        Method("jobs", Jobs, "[job row]"),
        Method("job", Job, "job row"),
        Method("explain", Explain, "[sentence]"),
        Method(
            "forecast",
            Forecast,
            "{seq, at_us, until_us, horizon_us, stopped, leases, overrun, units, jobs: [{job, waiting, started, "
            "first_us, last_us, ends_us, estimate_us, basis, reason}], with_points: {points, cost_mc, first_us, "
            "last_us, ends_us}}; with_points may be nil",
        ),
        Method("units", Units, "[unit row]"),
        Method("result", Result, "{ended, body}; body is nil where nothing was left"),
        Method("error", Error, "text, or nil for a unit that has not failed"),
        Method("output", Output, "{data, next, ended, whole}"),
        Method("wait", Wait, "job row"),
        Method("changes", Changes, "{seq, status, reset, jobs, workers, gone_jobs, gone_workers}"),
        Method("subscribe", Subscribe, "{subscription}"),
        Method("unsubscribe", Unsubscribe, "{}"),
        Method("workers", Workers, "[worker row]"),
        Method("drain", Drain, "{}", mutates=True),
        Method("job.priority", JobPriority, "{}", mutates=True),
        Method("domains", Domains, "[domain row]"),
        Method("domain", Domain, "domain row"),
        Method("domain.create", DomainCreate, "{}", mutates=True),
        Method("domain.set", DomainSet, "{}", mutates=True),
        Method("domain.remove", DomainRemove, "{}", mutates=True),
        Method(
            "domain.records",
            DomainRecords,
            "{created, changed, unchanged, closed, opened, removed, refused: [{name, reason, sentence}]}, names but "
            "for refused",
            mutates=True,
        ),
        Method(
            "domain.apply",
            DomainApply,
            "{created, changed, unchanged, removed, refused: [{name, reason, sentence}]}, names but for refused",
            mutates=True,
        ),
        Method("loans", Loans, "[loan row]"),
        Method("loan.offer", LoanOffer, "{loan}", mutates=True),
        Method("loan.recall", LoanRecall, "{ends_us}; nil where it is over", mutates=True),
        Method(
            "loans.set",
            LoansSet,
            "{made, refused: [{borrower, resource, amount, reason, sentence}]}, made being ids",
            mutates=True,
        ),
        Method("loan.statement", LoanStatement, "[statement line]"),
        Method("loan.changes", LoanChanges, "{seq, reset, loans, news}"),
        Method("rules", Rules, "{alpha_milli, half_life_us, aging_us, pool, usage, start_mc}"),
        Method("rules.set", RulesSet, "{}", mutates=True),
        Method("credit.accounts", CreditAccounts, "[account row]"),
        Method("credit.account", CreditAccount, "account row, with purses_mc, lent_mc and borrowed_mc"),
        Method("credit.open", CreditOpen, "{account}", mutates=True),
        Method("credit.close", CreditClose, "{}", mutates=True),
        Method("credit.limit", CreditLimit, "{}", mutates=True),
        Method("credit.grant", CreditGrant, "{}", mutates=True),
        Method("credit.transfer", CreditTransfer, "{}", mutates=True),
        Method("credit.holds", CreditHolds, "[{hold, domain, amount_mc, until_us}]"),
        Method("credit.hold", CreditHold, "{hold}", mutates=True),
        Method("credit.post", CreditPost, "{}", mutates=True),
        Method("credit.void", CreditVoid, "{}", mutates=True),
        Method("credit.loans", CreditLoans, "[{loan, lender, borrower, left_mc, due_us, overdue}]"),
        Method("credit.lend", CreditLend, "{loan}", mutates=True),
        Method("credit.repay", CreditRepay, "{left_mc}", mutates=True),
        Method("credit.statement", CreditStatement, "[credit line]"),
        Method("credit.alarms", CreditAlarms, "[alarm row]"),
        Method("credit.rules", CreditRules, "{grant_mc, period_us, cap_mc, half_life_us, price_mc, income, donors}"),
        Method("credit.rules.set", CreditRulesSet, "{}", mutates=True),
        Method("job.nice", JobNice, "{points, priority, charged_mc, pays}", mutates=True),
        Method("state", State, "{seq, digest}"),
        Method(
            "stats",
            Stats,
            "{seq, jobs, leases, workers, snapshot_error, refusals, batches, calls, failures, pass_us, append_us, "
            "cpu_us, rss_bytes}",
        ),
        # Not repeated by itself: the server that answers the second call may be the next one.
        Method("shutdown", Shutdown, "{}", mutates=True, repeatable=False),
        Method("worker.join", WorkerJoin, "{worker}", mutates=True, role="worker"),
        Method("worker.rejoin", WorkerRejoin, "{}", mutates=True, role="worker"),
        Method("worker.finish", WorkerFinish, "{}", mutates=True, role="worker"),
        Method("worker.give_back", WorkerGiveBack, "{}", mutates=True, role="worker"),
        Method("worker.leave", WorkerLeave, "{}", mutates=True, role="worker"),
        Method("worker.lost", WorkerLost, "{}", mutates=True, role="worker"),
        Method("worker.output", WorkerOutput, "{}", role="worker"),
    ]
)
"""What can be called on the server. Worker methods take no key: a lease and an instance are keys already."""

WORKER_NOTIFICATIONS = _table(
    [
        Method("worker.beat", WorkerBeat, "", role="worker"),
        Method("worker.started", WorkerStarted, "", role="worker"),
    ]
)
"""What a worker tells the server."""

SERVER_NOTIFICATIONS = _table(
    [
        Method("table", Table, "", role="server"),
        Method("run", Run, "", role="server"),
        Method("ask_back", AskBack, "", role="server"),
        Method("stop", Stop, "", role="server"),
        Method("keep", Keep, "", role="server"),
        Method("read", Read, "", role="server"),
        Method("forget", Forget, "", role="server"),
        Method("closing", Closing, "", role="server"),
    ]
)
"""What the server tells clients and workers."""
