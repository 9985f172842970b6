"""``meted replay --verify``: whether a log's leases are what the policy decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from meted.adapters.cli.progress import ProgressBar
from meted.adapters.cli.tables import moment
from meted.adapters.live_policies import live_policy
from meted.adapters.log import LogError
from meted.adapters.policy_parameters import UnknownPolicy
from meted.adapters.wording import counted
from meted.core.errors import SchemaError

from ..dispatch_check import check_dispatch
from ..dispatch_report import DispatchReport
from ..errors import SimulationError, TraceError
from ..results.report import rows
from ..traces.own_log import open_log


def verify_dispatch(path: Path, policy: str) -> DispatchReport:
    """Make every recorded pass of a log again under a policy as it is in a live pool, and compare.

    Raises:
        TraceError: The log cannot be read.
        SimulationError: No live pool has such a policy.
    """
    try:
        chosen = live_policy(policy)
    except UnknownPolicy as error:
        raise SimulationError(f"no log was recorded under {policy}: {error}") from None
    try:
        with open_log(path) as log, ProgressBar(f"{path.absolute().name}, {policy}") as bar:
            return check_dispatch(log, chosen, bar)
    except (LogError, SchemaError) as error:
        raise TraceError(str(error)) from None


def figures(report: DispatchReport, name: str) -> dict[str, object]:
    """Return a report as one JSON object."""
    differences = [
        {"seq": it.seq, "at_us": it.at_us, "place": it.place, "recorded": it.recorded, "decided": it.decided}
        for it in report.differences
    ]
    return {
        "log": name,
        "policy": report.policy,
        "same": report.same,
        "written_by": "server" if report.served else "embedded",
        "events": report.events,
        "batches": report.batches,
        "passes": report.passes,
        "leases": report.leases,
        "units": report.units,
        "prefetched": report.prefetched,
        "lost_workers": report.lost_workers,
        "loans": report.loans,
        "equal": report.equal,
        "anew": report.anew,
        "different": report.different,
        "differences": differences,
    }


def verify_table(report: DispatchReport, name: str) -> str:
    """Return a report as lines of text that end with a newline."""
    title = f"{name}: every recorded pass made again under {report.policy}"
    parts = [title, "=" * len(title), "", *rows(_rows(report)), ""]
    if report.same:
        parts.append("The same: every lease, its units, its worker, its charge and its place in the order.")
    else:
        parts.append(f"Not the same: {report.different:,} of {report.passes:,} passes are decided otherwise.")
        parts += [
            f"  event {it.seq:,}, {moment(it.at_us)}, decision {it.place + 1}: recorded {it.recorded}; "
            f"decided {it.decided}"
            for it in report.differences
        ]
        more = report.different - len(report.differences)
        parts += [f"  and {more:,} more"] if more else []
        parts.append("Was it recorded under another policy? Name that one with --policy.")
    return "\n".join((*parts, ""))


def echo_report(report: DispatchReport, name: str) -> None:
    """Show a report to people."""
    click.echo(verify_table(report, name), nl=False)


def _rows(report: DispatchReport) -> Iterator[tuple[str, str]]:
    by = "a server: a pass in each batch" if report.served else "a program with an embedded pool"
    yield "written by", by
    yield "log", f"{counted(report.events, 'event')} in {counted(report.batches, 'batch', 'batches')}"
    yield (
        "decided in it",
        f"{counted(report.leases, 'lease')} of {counted(report.units, 'unit')}, {report.prefetched:,} prefetched",
    )
    yield "on the way", f"{counted(report.lost_workers, 'worker')} lost, {counted(report.loans, 'loan')} made"
    yield "passes", f"{report.passes:,}"
    yield "equal", f"{report.equal:,}"
    yield "equal by an index anew", f"{report.anew:,} (a restart forgets which runs were next before)"
    yield "different", f"{report.different:,}"
