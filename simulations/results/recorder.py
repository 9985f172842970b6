"""Whoever watches a run and makes a record of it: its figures, and if asked for, all measures of fairness and series.

::

    recorder = Recorder(trace, policy="easy")
    Replay(trace, make_policy("easy"), observers=[recorder]).run()
    figures = recorder.results("instant", cpu_us)
    write_report("easy.html", [recorder.record("easy", figures, rule_rows(figures, trace.counts))])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meted.core.credit.alarms import ALARMS
from meted.core.record import replaced
from meted.core.state import Rules

from ..traces.credit_moves import NO_CREDIT, CreditSeen
from ..traces.job import TraceJob
from ..traces.loan_moves import LoanMove
from ..traces.workload import Measured
from .fairness import FairnessMeter
from .loan_flow import LoanFlow
from .metrics import JsonValue, Metrics
from .run_record import RunRecord, UserRow
from .series import SeriesMeter
from .window import WindowMeter


def credit_figures(credit: CreditSeen) -> dict[str, JsonValue]:
    """Return what ``--json`` says of a trade in credit; nothing where there was none."""
    if credit == NO_CREDIT:
        return {}
    flows: dict[str, int | float | str | None] = {
        f"{one.payer} -> {one.payee}, {one.kind}": one.paid_mc[-1] for one in credit.series
    }
    raised: dict[str, int | float | str | None] = {
        alarm: sum(up and name == alarm for _, name, up in credit.alarms) for alarm in ALARMS
    }
    return {"credit_flows_mc": flows, "credit_alarms_raised": raised, "credit_points_lapsed": credit.lapsed}


def with_credit(row: UserRow, figures: Mapping[str, JsonValue]) -> UserRow:
    """Return the row of a user with what figures say of its credit, if they do."""

    def of(name: str) -> int | None:
        amounts = figures.get(name)
        found = amounts.get(row.user) if isinstance(amounts, Mapping) else None
        return found if isinstance(found, int) else None

    if of("credit_balance_mc") is None:
        return row
    return replaced(
        row,
        credit_balance_mc=of("credit_balance_mc"),
        credit_granted_mc=of("credit_granted_mc"),
        credit_faded_mc=of("credit_faded_mc"),
        credit_paid_mc=of("credit_paid_mc"),
        credit_earned_mc=of("credit_earned_mc"),
    )


class Recorder:
    """An observer (:class:`~meted.simulations.observer.Observer`) that can make a record of the run.

    It holds on to a job from its submit to its end, and knows it by its identity: submit, start and end are to be told
    with the same object.

    Attributes:
        metrics: The figures that every run has.
    """

    def __init__(
        self,
        trace: Measured,
        policy: str,
        rules: Rules | None = None,
        shares: Mapping[int, int] | None = None,
        names: Mapping[int, str] | None = None,
        loans: Sequence[LoanMove] = (),
        per_proc: int = 1,
        alpha_milli: int | None = None,
    ) -> None:
        """Start with nothing done.

        Args:
            trace: What is replayed.
            policy: The name of the policy.
            rules: The parameters of fairness; by default those that a new pool has.
            shares: The shares of the users; None is 1 for all.
            names: What to call the users; None is by their numbers.
            loans: What was lent meanwhile, in the order of time.
            per_proc: How many of the trace's processors make one in a record: 1,000 where they are thousandths.
            alpha_milli: The part that is promised by share, in thousandths; by default that of the rules.
        """
        # One yardstick for all: what `meted` would promise by these rules, whoever is measured.
        alpha_milli = (rules or Rules()).alpha_milli if alpha_milli is None else alpha_milli
        self.metrics = Metrics(trace, shares)
        self._trace = trace
        self._policy = policy
        self._rules = rules
        self._names = names or {number: str(number) for number in trace.users}
        self._loans = LoanFlow(loans)
        self._per_proc = per_proc
        self._credit = NO_CREDIT
        self._fairness = FairnessMeter(trace, shares, alpha_milli, per_proc)
        self._series = SeriesMeter(self.metrics.service)
        self._window = WindowMeter()
        self._first_us: int | None = None
        self._last_us = 0

    def submitted(self, job: TraceJob) -> None:
        """A job was submitted, at its submit time."""
        if self._first_us is None:
            self._first_us = self._last_us = job.submit_us
        self._series.submitted(job)
        self.metrics.submitted(job)
        self._series.follow(job.user)
        self._fairness.submitted(job)
        self._window.submitted(job)

    def started(self, job: TraceJob, at_us: int) -> None:
        """A job started."""
        self._series.started(job, at_us, self._fairness.started(job, at_us))
        self.metrics.started(job, at_us)
        self._window.started(job, at_us)

    def entitled(self, shares: Mapping[int, int], at_us: int) -> None:
        """From a time on users have other shares, as something was lent or changed."""
        self._series.entitled(at_us)
        self.metrics.entitled(shares, at_us)
        self._fairness.entitled(shares)

    def lent(self, move: LoanMove) -> None:
        """Something was lent or given back, at a time of the trace; to be told in the order of time, at any moment."""
        self._loans.moved(replaced(move, at_us=move.at_us - (self._first_us or 0)))

    def traded(self, credit: CreditSeen) -> None:
        """Who paid whom in credit in the run, when it is over."""
        self._credit = credit

    def ended(self, job: TraceJob, at_us: int) -> None:
        """A job ended."""
        self._last_us = at_us
        self._series.ended(job, at_us)
        self.metrics.ended(job, at_us)
        self._window.ended(job)

    def results(self, event_order: str, cpu_us: int) -> dict[str, JsonValue]:
        """Return the figures as one JSON object: those of :meth:`.metrics.Metrics.results`, and of fairness.

        Args:
            event_order: ``instant``, ``pyss`` or ``cqsim``.
            cpu_us: User CPU time of the whole process so far, in microseconds.
        """
        figures = self.metrics.results(self._policy, event_order, cpu_us, self._rules)
        figures |= self._fairness.figures(self.metrics.service)
        loans: dict[str, int | float | str | None] = {}
        for (user, resource), (lent, borrowed) in self._loans.flows(self._lasted_us()).items():
            loans |= {f"{user} lent {resource}": float(lent), f"{user} borrowed {resource}": float(borrowed)}
        return figures | ({"loans_amount_s": loans} if loans else {}) | credit_figures(self._credit)

    def record(self, label: str, figures: Mapping[str, JsonValue], rules: Sequence[tuple[str, str]]) -> RunRecord:
        """Return a record of the run, when it is over.

        Args:
            label: What tells it from others in a report.
            figures: What :meth:`results` returned, with whatever the caller adds.
            rules: How they came about, as rows of a name and a text.
        """
        found = self._fairness.rows(self.metrics.service, self._names, self._per_proc)
        rows = tuple(with_credit(row, figures) for row in found)
        waits = sorted(row.mean_wait_s for row in rows)
        loans = self._loans.series(self._lasted_us())
        series = self._series.series(self._trace.procs, self._per_proc, self._fairness.lag, self._names, loans)
        return RunRecord(
            label=label,
            figures=dict(figures),
            rules=tuple(rules),
            users=rows,
            series=replaced(series, credit=self._credit),
            gantt=self._window.gantt(self._names, self._trace.procs, self._per_proc),
            waits_s=self._fairness.waits_s(),
            user_waits_s=tuple((wait_s, place / len(waits)) for place, wait_s in enumerate(waits, 1)),
        )

    def _lasted_us(self) -> int:
        return self._last_us - (self._first_us or 0)
