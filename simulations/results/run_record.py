"""What is left of a run: figures, a row for each user, and series for plots, of a size that does not grow with jobs.

All of these are plain values. They can be pickled and sent from the process that ran to the one that reports, and
several of them stand side by side in one report (:func:`~meted.simulations.results.html_page.write_report`).
"""

from __future__ import annotations

from collections.abc import Mapping

from meted.core.record import record

from ..traces.credit_moves import NO_CREDIT, CreditSeen
from .metrics import JsonValue


@record
class UserRow:
    """How one user (of a log: one domain) fared. Each measure is defined in the module that is named.

    Attributes:
        user: Its name.
        share: Its share.
        jobs: Jobs started.
        cpu_s: Processor-seconds of these.
        owed_cpu_s: Processor-seconds that it was owed while it was backlogged (:mod:`.service`).
        service: ``cpu_s`` of ``owed_cpu_s``.
        mean_wait_s, median_wait_s, p95_wait_s, p99_wait_s, max_wait_s: Waits of its jobs (:mod:`.distribution`).
        mean_bounded_slowdown, median_bounded_slowdown, p95_bounded_slowdown, p99_bounded_slowdown: Of its jobs.
        max_lag_units, max_lead_units: How far behind and ahead of what it was owed it was at most, in units of the
            largest job (:mod:`.lag`).
        envy_units: How much more others were served while it waited, in units of the largest job (:mod:`.envy`).
        sharing_deficit_s: How much longer its mean turnaround was than alone on its own part of the machine
            (:mod:`.partition`).
        mean_rho, max_rho: Turnaround of its jobs over that on its own part of the machine (:mod:`.partition`).
        max_head_wait_s: The longest time for which the oldest of its waiting jobs was that (:mod:`.starvation`).
        starvation: The same over its bound.
        mean_delay_s: From submit to the middle of the run, weighted by work (:mod:`.misreport`).
        credit_balance_mc, credit_granted_mc, credit_faded_mc, credit_paid_mc, credit_earned_mc: What it had at the end
            and got and gave in credit, in thousandths; None where it had no account.
    """

    user: str
    share: int
    jobs: int
    cpu_s: float
    owed_cpu_s: float
    service: float
    mean_wait_s: float
    median_wait_s: float
    p95_wait_s: float
    p99_wait_s: float
    max_wait_s: float
    mean_bounded_slowdown: float
    median_bounded_slowdown: float
    p95_bounded_slowdown: float
    p99_bounded_slowdown: float
    max_lag_units: float
    max_lead_units: float
    envy_units: float
    sharing_deficit_s: float
    mean_rho: float
    max_rho: float
    max_head_wait_s: float
    starvation: float
    mean_delay_s: float
    credit_balance_mc: float | None = None
    credit_granted_mc: float | None = None
    credit_faded_mc: float | None = None
    credit_paid_mc: float | None = None
    credit_earned_mc: float | None = None


@record
class UserSeries:
    """One user over time; the times are those of the :class:`RunSeries`.

    Attributes:
        user: Its name.
        received_cpu_s: Processor-seconds of the jobs that it has started until then.
        owed_cpu_s: Processor-seconds that it has been owed until then.
        lag_units: The most that it was behind what it was promised since the time before, in units of the largest job.
    """

    user: str
    received_cpu_s: tuple[float, ...]
    owed_cpu_s: tuple[float, ...]
    lag_units: tuple[float, ...]


@record
class LoanSeries:
    """What one domain lent and borrowed of a resource over time, as steps.

    Attributes:
        user: Its name.
        resource: ``share``, or what the lender is guaranteed.
        at_s: When it changed.
        lent, borrowed: From then on, in units of the resource.
    """

    user: str
    resource: str
    at_s: tuple[float, ...]
    lent: tuple[int, ...]
    borrowed: tuple[int, ...]


@record
class RunSeries:
    """A run over time, in bins of the same width; see :mod:`.series`.

    Attributes:
        width_s: The width of a bin.
        at_s: When each bin ends, in seconds from the first submit.
        waiting_jobs: Jobs that wait, the mean of each bin.
        waiting_jobs_max: The most at once in each bin.
        waiting_procs: Processors that these ask for, the mean of each bin.
        busy: The part of the machine that is used, the mean of each bin.
        lag_of_bound: The same, of each user over its own bound (:mod:`.lag`); the largest.
        users: The users with the most work.
        loans: Those who lent or borrowed; empty where nobody did.
        credit: Who paid whom in credit, and the alarms of it.
    """

    width_s: float
    at_s: tuple[float, ...]
    waiting_jobs: tuple[float, ...]
    waiting_jobs_max: tuple[int, ...]
    waiting_procs: tuple[float, ...]
    busy: tuple[float, ...]
    lag_of_bound: tuple[float, ...]
    users: tuple[UserSeries, ...]
    loans: tuple[LoanSeries, ...]
    credit: CreditSeen = NO_CREDIT


@record
class Bar:
    """One job in a Gantt chart: whose it is, when it was submitted, started and ended (s from the first submit)."""

    user: str
    submit_s: float
    start_s: float
    end_s: float
    procs: float


@record
class Gantt:
    """What ran in a window of time; see :mod:`.window`.

    Attributes:
        from_s, to_s: The window, in seconds from the first submit.
        bars: All jobs that ran in it, in the order of their starts.
        procs: Processors of the machine.
    """

    from_s: float
    to_s: float
    bars: tuple[Bar, ...]
    procs: float


@record
class RunRecord:
    """One run of a policy.

    Attributes:
        label: What tells it from others in a report; the policy, or what was swept.
        figures: What ``--json`` writes.
        rules: How they came about, as rows of a name and a text; a name may repeat.
        users: A row for each user that has jobs, by name.
        series: The run over time.
        gantt: A window of it.
        waits_s: How jobs waited: pairs of seconds and the part of all jobs that waited at most so long, rising.
        user_waits_s: The same of the users' mean waits.
    """

    label: str
    figures: Mapping[str, JsonValue]
    rules: tuple[tuple[str, str], ...]
    users: tuple[UserRow, ...]
    series: RunSeries
    gantt: Gantt
    waits_s: tuple[tuple[float, float], ...]
    user_waits_s: tuple[tuple[float, float], ...]
